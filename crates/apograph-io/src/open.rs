//! Opening what may be hostile by its path: no pipe is waited for.
//!
//! Files whose path a person named, or that stand beside one. What lies in a folder of our own is
//! opened in its [`Folder`](crate::Folder).

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::error::{IoError, Result, failed};

/// Opens a regular file for reading.
///
/// # Errors
///
/// [`IoError::NotARegularFile`] for a symbolic link, folder, device, pipe or socket, and
/// [`IoError::Failed`].
pub fn open_regular(path: &Path) -> Result<File> {
    open(path, OFlags::NOFOLLOW)
}

/// Opens a regular file that a person named, be it through a symbolic link.
///
/// # Errors
///
/// [`IoError::NotARegularFile`] for a folder, device, pipe or socket, and [`IoError::Failed`].
pub fn open_named(path: &Path) -> Result<File> {
    open(path, OFlags::empty())
}

fn open(path: &Path, links: OFlags) -> Result<File> {
    let flags = i32::try_from((links | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(failed("open", path));
    regular(opened, path)
}

/// What was opened without following a link, if it is a regular file; `path` is for messages.
pub(crate) fn regular(opened: Result<File>, path: &Path) -> Result<File> {
    let is = |found| IoError::NotARegularFile {
        path: path.to_owned(),
        found,
    };
    let file = opened.map_err(|error| match error.errno() {
        Some(Errno::LOOP) => is("a symbolic link"),
        Some(Errno::ISDIR) => is("a folder"),
        Some(Errno::NXIO) => is("a socket, device or pipe"),
        _ => error,
    })?;
    let metadata = file.metadata().map_err(failed("inspect", path))?;
    if metadata.is_file() {
        Ok(file)
    } else if metadata.is_dir() {
        Err(is("a folder"))
    } else {
        Err(is("a device or pipe"))
    }
}

/// Reads a small file whole from its start; `path` is for messages.
///
/// # Errors
///
/// [`IoError::TooLarge`] past `limit` bytes, and [`IoError::Failed`].
pub fn read_limited(file: &File, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let size_bytes = check_limit(file, path, limit)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
    // It can grow meanwhile.
    read_into(&mut bytes, file, path, limit.saturating_add(1))?;
    let found = bytes.len() as u64;
    if found > limit {
        return Err(too_large(path, limit, found));
    }
    Ok(bytes)
}

/// The size of a file, if it is within a limit.
pub(crate) fn check_limit(file: &File, path: &Path, limit: u64) -> Result<u64> {
    let size_bytes = file.metadata().map_err(failed("inspect", path))?.len();
    if size_bytes > limit {
        return Err(too_large(path, limit, size_bytes));
    }
    Ok(size_bytes)
}

fn too_large(path: &Path, limit: u64, found: u64) -> IoError {
    IoError::TooLarge {
        path: path.to_owned(),
        limit,
        found,
    }
}

/// Reads exactly the first `length` bytes of `file`, the file at `path`.
///
/// # Errors
///
/// [`IoError::EndedEarly`] where the file is shorter, and [`IoError::Failed`].
pub fn read_front(file: &File, path: &Path, length: usize) -> Result<Vec<u8>> {
    let expected = length as u64;
    let mut bytes = Vec::with_capacity(length);
    read_into(&mut bytes, file, path, expected)?;
    if bytes.len() < length {
        let read = bytes.len() as u64;
        return Err(IoError::EndedEarly {
            path: path.to_owned(),
            expected,
            read,
        });
    }
    Ok(bytes)
}

fn read_into(bytes: &mut Vec<u8>, mut file: &File, path: &Path, length: u64) -> Result<()> {
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.take(length).read_to_end(bytes))
        .map_err(failed("read", path))?;
    Ok(())
}

/// Whether anything at all stands at `path`, be it a dangling link.
///
/// # Errors
///
/// [`IoError::Failed`].
pub fn exists(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed("inspect", path)(source)),
    }
}

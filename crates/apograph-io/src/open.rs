//! Opening and listing what may be hostile: no link is followed, no pipe is waited for.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::{IoError, Result, failed};

/// Opens a regular file for reading.
///
/// # Errors
///
/// [`IoError::NotARegularFile`] for a symbolic link, folder, device or pipe, and
/// [`IoError::Failed`].
pub fn open_regular(path: &Path) -> Result<File> {
    open(path, OFlags::NOFOLLOW)
}

/// Opens a regular file that a person named, be it through a symbolic link.
///
/// # Errors
///
/// [`IoError::NotARegularFile`] for a folder, device or pipe, and [`IoError::Failed`].
pub fn open_named(path: &Path) -> Result<File> {
    open(path, OFlags::empty())
}

fn open(path: &Path, links: OFlags) -> Result<File> {
    let flags = i32::try_from((links | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|source| {
            if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
                IoError::NotARegularFile {
                    path: path.to_owned(),
                    found: "a symbolic link",
                }
            } else {
                IoError::Failed {
                    operation: "open",
                    path: path.to_owned(),
                    source,
                }
            }
        })?;
    let metadata = file.metadata().map_err(failed("inspect", path))?;
    if metadata.is_file() {
        return Ok(file);
    }
    let found = if metadata.is_dir() {
        "a folder"
    } else {
        "a device or pipe"
    };
    Err(IoError::NotARegularFile {
        path: path.to_owned(),
        found,
    })
}

/// Reads a small file whole; `None` where nothing exists at `path`.
///
/// # Errors
///
/// [`IoError::TooLarge`] past `limit` bytes, and as [`open_regular`].
pub fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let too_large = |found: u64| IoError::TooLarge {
        path: path.to_owned(),
        limit,
        found,
    };
    let size_bytes = file.metadata().map_err(failed("inspect", path))?.len();
    if size_bytes > limit {
        return Err(too_large(size_bytes));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
    // It can grow meanwhile.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
    let found = bytes.len() as u64;
    if found > limit {
        return Err(too_large(found));
    }
    Ok(Some(bytes))
}

/// Reads exactly the first `length` bytes of `file`, the file at `path`.
///
/// # Errors
///
/// [`IoError::EndedEarly`] where the file is shorter, and [`IoError::Failed`].
pub fn read_front(mut file: &File, path: &Path, length: usize) -> Result<Vec<u8>> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(0))
        .map_err(failed("read", path))?;
    let expected = length as u64;
    let mut bytes = Vec::with_capacity(length);
    file.take(expected)
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
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

/// The names in a folder, sorted; `None` where nothing exists at `path`.
///
/// # Errors
///
/// [`IoError::Failed`].
pub fn list_folder(path: &Path) -> Result<Option<Vec<std::ffi::OsString>>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("list", path)(source)),
    };
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(failed("list", path))?;
    names.sort();
    Ok(Some(names))
}

//! What one operating system has and another lacks. The rest of the crate is the same on each.
//!
//! Linux is what is tested. The way beside it is for macOS, where it is compiled and not run.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a name for what is known of it, be it a link or a file that nobody may read.
#[cfg(target_os = "linux")]
pub(crate) const INSPECT: OFlags = OFlags::PATH;
/// The same: `O_SYMLINK` and `O_EVTONLY`.
#[cfg(not(target_os = "linux"))]
pub(crate) const INSPECT: OFlags = OFlags::from_bits_retain(0x0020_8000);

/// Opens a folder to look names up in it.
#[cfg(target_os = "linux")]
pub(crate) const LOOK_UP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
/// The same, and to read it.
#[cfg(not(target_os = "linux"))]
pub(crate) const LOOK_UP: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// A file in memory that has no name.
#[cfg(target_os = "linux")]
pub(crate) fn nameless_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create(c"snapshot", MemfdFlags::CLOEXEC)?.into())
}

/// A copy lies in a file.
#[cfg(not(target_os = "linux"))]
pub(crate) fn nameless_file() -> io::Result<File> {
    spool()
}

/// A file in the folder for temporary ones, that has no name any more: it goes when it is closed.
///
/// # Errors
///
/// [`IoError::Spool`](crate::IoError::Spool).
pub fn spool_file() -> crate::Result<File> {
    spool().map_err(spool_error("make"))
}

/// That the system did not let a file in the folder for temporary ones be made, written or read.
pub fn spool_error(operation: &'static str) -> impl Fn(io::Error) -> crate::IoError {
    move |source| crate::IoError::Spool {
        operation,
        path: std::env::temp_dir(),
        source,
    }
}

fn spool() -> io::Result<File> {
    let number = crate::random().map_err(io::Error::other)?;
    let path = std::env::temp_dir().join(format!("apograph-{number:032x}"));
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    // Nobody else is to read a part of a database in the moment before its name goes.
    let file = options.mode(0o600).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Lets the disk begin to write a part of a file, without waiting for it.
#[cfg(target_os = "linux")]
pub(crate) fn write_back(file: &File, offset: u64, length: NonZero<u64>) {
    use rustix::fs::{Advice, fadvise};
    // Of pages that are not written yet, this advice writes them and leaves them be.
    let _ = fadvise(file, offset, Some(length), Advice::DontNeed);
}

/// The disk begins when it likes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn write_back(_file: &File, _offset: u64, _length: NonZero<u64>) {}

/// Makes a whole file system durable, by one of its files.
#[cfg(target_os = "linux")]
pub(crate) fn sync_file_system(file: &File) -> Result<(), Errno> {
    rustix::fs::syncfs(file)
}

/// There is no such call.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_file_system(_file: &File) -> Result<(), Errno> {
    Err(Errno::NOTSUP)
}

/// Whether a process holds an exclusive lock on a file: nothing tells, so nothing is claimed.
#[cfg(not(target_os = "linux"))]
pub const fn is_locked_by_writer(_file: &File) -> bool {
    false
}

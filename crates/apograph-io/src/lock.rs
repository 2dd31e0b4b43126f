//! One writer at a time.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::disk::Mode;
use crate::error::{IoError, Result, failed};

/// A process that another thread is starting holds a copy of every open file, and so of a lock
/// that this process has just let go, until it runs its own program. That takes a moment.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(4);

/// An exclusive lock on a file, held until it is dropped or the process dies.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock on the file at `path`, which is created where it does not exist.
    ///
    /// # Errors
    ///
    /// [`IoError::Busy`] at once where another process holds it, and [`IoError::Failed`].
    pub fn acquire(path: &Path, mode: Mode) -> Result<Self> {
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode.bits())
            .custom_flags(flags)
            .open(path)
            .map_err(failed("open", path))?;
        Self::lock(file, path)
    }

    /// Takes the lock on an existing folder itself, which leaves no file behind.
    ///
    /// # Errors
    ///
    /// [`IoError::Busy`] at once where another process holds it, and [`IoError::Failed`].
    pub fn acquire_folder(path: &Path) -> Result<Self> {
        Self::lock(File::open(path).map_err(failed("open", path))?, path)
    }

    fn lock(file: File, path: &Path) -> Result<Self> {
        for attempt in 1.. {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK) if attempt < ATTEMPTS => {
                    std::thread::sleep(PAUSE);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => break,
                Err(errno) => return Err(failed("lock", path)(errno.into())),
            }
        }
        Err(IoError::Busy {
            path: path.to_owned(),
        })
    }
}

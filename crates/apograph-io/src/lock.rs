//! One writer at a time.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::disk::Mode;
use crate::error::{IoError, Result, failed};
use crate::folder::{At, Folder};
use crate::open::regular;

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
    /// Takes the lock on a file, which is created where it does not exist.
    ///
    /// # Errors
    ///
    /// [`IoError::Busy`] at once where another process holds it, and as [`At::open`].
    pub fn acquire(at: At<'_>, mode: Mode) -> Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK;
        let path = at.path();
        Self::lock(regular(at.opened("open", flags, mode.raw()), &path)?, &path)
    }

    /// Takes the lock on a folder itself, which leaves no file behind.
    ///
    /// # Errors
    ///
    /// [`IoError::Busy`] at once where another process holds it, and [`IoError::Failed`].
    pub fn acquire_folder(folder: &Folder) -> Result<Self> {
        Self::lock(folder.as_file()?, folder.path())
    }

    fn lock(file: File, path: &Path) -> Result<Self> {
        for attempt in 1.. {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK) if attempt < ATTEMPTS => {
                    std::thread::sleep(PAUSE);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => break,
                Err(errno) => return Err(failed("lock", path)(errno)),
            }
        }
        Err(IoError::Busy {
            path: path.to_owned(),
        })
    }
}

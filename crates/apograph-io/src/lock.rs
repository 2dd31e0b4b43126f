//! One writer at a time.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::disk::Mode;
use crate::error::{IoError, Result, failed};
use crate::folder::{At, Folder};
use crate::open::regular;

/// An exclusive lock on a file, held until it is dropped or the process dies.
#[derive(Debug)]
pub struct FileLock {
    file: File,
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
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file }),
            Err(Errno::WOULDBLOCK) => Err(IoError::Busy {
                path: path.to_owned(),
            }),
            Err(errno) => Err(failed("lock", path)(errno)),
        }
    }
}

impl Drop for FileLock {
    /// Lets it go for every copy of the open file: a process that another thread is starting has
    /// one, until it runs its own program.
    fn drop(&mut self) {
        // The end of the process lets it go too.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_let_go_for_every_copy_of_the_open_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(folder.path()).expect("a folder");
        let lock = FileLock::acquire_folder(&folder).expect("the lock");
        let _copy = lock.file.try_clone().expect("a copy");
        drop(lock);
        FileLock::acquire_folder(&folder).expect("the lock again");
    }
}

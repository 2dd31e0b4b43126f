//! One writer at a time.
//!
//! A lock on the folder itself leaves no file behind. Not every file system has it: NFS locks what
//! is opened for writing alone, which no folder can be. There a lock on a file in the folder takes
//! its place. Where files have no locks of that kind (`flock`) either, they may have those of the
//! kind that a process has (`fcntl`): such a lock does not keep the process itself out, so the
//! files that it has locked that way are noted here, and it goes when the process closes the file
//! anywhere else, so they are not opened again.
//!
//! Where there is no lock of any kind, the caller gets none, and it is noted in the folder
//! ([`Lack::Exclusion`]) for whoever has to tell.

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, OFlags, fcntl_lock, flock};
use rustix::io::Errno;

use crate::access::{Mode, give};
use crate::at::At;
use crate::error::{IoError, Result, failed};
use crate::folder::Folder;
use crate::identity::Identity;
use crate::lack::{Lack, is_unsupported};
use crate::open::regular;

/// The files that this process has locked as a process.
static OF_PROCESS: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// An exclusive lock on a file, held until it is dropped or the process dies.
#[derive(Debug)]
pub struct FileLock {
    /// Until it is dropped.
    file: Option<File>,
    /// It is one that the process has, on this file.
    of_process: Option<Identity>,
}

impl FileLock {
    /// Takes the lock on a file, which is created where it does not exist; `None` where its file
    /// system has no locks.
    ///
    /// # Errors
    ///
    /// [`IoError::Busy`] at once where somebody else holds it, and as [`At::open`].
    pub fn acquire(at: At<'_>, mode: Mode) -> Result<Option<Self>> {
        let path = at.path();
        // Closing the file would let go what this process has locked as a process.
        let mut of_process = of_process();
        if let Some(found) = at.metadata()?
            && of_process.contains(&Identity::from(&found))
        {
            return Err(IoError::Busy { path });
        }
        let file = open_or_create(at, mode)?;
        match by_file(&file, &path, FlockOperation::NonBlockingLockExclusive) {
            Err(error) if lacks_lock(&error) => {}
            locked => return locked.map(|()| Some(Self::of(file))),
        }
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let identity = Identity::of(&file, &path)?;
                of_process.push(identity);
                Ok(Some(Self {
                    file: Some(file),
                    of_process: Some(identity),
                }))
            }
            Err(Errno::AGAIN | Errno::ACCESS) => Err(IoError::Busy { path }),
            Err(errno) if is_lacking(errno) => {
                at.folder().note(Lack::Exclusion);
                Ok(None)
            }
            Err(errno) => Err(failed("lock", &path)(errno)),
        }
    }

    /// Takes the lock on a folder itself, which leaves no file behind; `None` where its file system
    /// cannot lock folders.
    ///
    /// # Errors
    ///
    /// [`IoError::Busy`] at once where somebody else holds it, and [`IoError::Failed`].
    pub fn acquire_folder(folder: &Folder) -> Result<Option<Self>> {
        Self::lock_folder(folder, FlockOperation::NonBlockingLockExclusive)
    }

    /// The same, once whoever else holds it lets it go.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn wait_for_folder(folder: &Folder) -> Result<Option<Self>> {
        Self::lock_folder(folder, FlockOperation::LockExclusive)
    }

    fn lock_folder(folder: &Folder, how: FlockOperation) -> Result<Option<Self>> {
        let file = folder.as_file()?;
        match by_file(&file, folder.path(), how) {
            Err(error) if lacks_lock(&error) => {
                folder.note(Lack::FolderLock);
                Ok(None)
            }
            locked => locked.map(|()| Some(Self::of(file))),
        }
    }

    const fn of(file: File) -> Self {
        Self {
            file: Some(file),
            of_process: None,
        }
    }
}

/// Opens the file to lock. Whoever may only read it can still lock it on most file systems.
fn open_or_create(at: At<'_>, mode: Mode) -> Result<File> {
    let path = at.path();
    let flags = OFlags::RDWR | OFlags::NONBLOCK;
    loop {
        match at.opened("open", flags, mode.raw()) {
            Err(error) if error.is_not_found() => {}
            Err(error) if error.is_not_permitted() => return at.open(),
            opened => return regular(opened, &path),
        }
        let flags = flags | OFlags::CREATE | OFlags::EXCL;
        match at.opened("create", flags, mode.raw()) {
            // Somebody else was faster.
            Err(error) if error.is_already_exists() => {}
            created => {
                let file = created?;
                // It is empty: what its permissions come to is all one.
                let _ = give(&file, at, mode.into());
                return Ok(file);
            }
        }
    }
}

fn by_file(file: &File, path: &Path, how: FlockOperation) -> Result<()> {
    loop {
        return match flock(file, how) {
            // It waited, and the process was told something meanwhile.
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => Err(IoError::Busy {
                path: path.to_owned(),
            }),
            locked => locked.map_err(failed("lock", path)),
        };
    }
}

/// `ENOLCK` is a lock server that cannot be reached, `EBADF` a file that is not open for writing.
fn is_lacking(errno: Errno) -> bool {
    is_unsupported(errno) || [Errno::NOLCK, Errno::BADF, Errno::ISDIR].contains(&errno)
}

fn lacks_lock(error: &IoError) -> bool {
    error.errno().is_some_and(is_lacking)
}

fn of_process() -> MutexGuard<'static, Vec<Identity>> {
    OF_PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for FileLock {
    /// Lets it go for every copy of the open file: a process that another thread is starting has
    /// one, until it runs its own program.
    fn drop(&mut self) {
        let Some(file) = self.file.take() else {
            return;
        };
        // The end of the process lets it go too.
        let Some(identity) = self.of_process else {
            let _ = flock(&file, FlockOperation::Unlock);
            return;
        };
        let mut of_process = of_process();
        drop(file);
        of_process.retain(|held| *held != identity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_let_go_for_every_copy_of_the_open_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(folder.path()).expect("a folder");
        let lock = FileLock::acquire_folder(&folder).expect("no error");
        let lock = lock.expect("the lock");
        let file = lock.file.as_ref().expect("an open file");
        let _copy = file.try_clone().expect("a copy");
        drop(lock);
        let again = FileLock::acquire_folder(&folder).expect("no error");
        assert!(again.is_some());
    }
}

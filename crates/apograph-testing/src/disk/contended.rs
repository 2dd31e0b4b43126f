//! A disk that another command is at too.

use std::sync::{Mutex, PoisonError};

use apograph_io::{Access, At, Disk, DiskFile, FileLock, Folder, Mode, RealDisk, Rename, Result};

/// The real disk, on which another command locks each folder as soon as it is created.
#[derive(Debug, Default)]
pub struct ContendedDisk {
    locks: Mutex<Vec<FileLock>>,
}

impl Disk for ContendedDisk {
    fn create_new(&self, at: At<'_>, access: Access) -> Result<Box<dyn DiskFile>> {
        RealDisk.create_new(at, access)
    }

    fn rewrite(&self, at: At<'_>, most: u64, pieces: &[(u64, &[u8])]) -> Result<()> {
        RealDisk.rewrite(at, most, pieces)
    }

    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder> {
        let folder = RealDisk.create_folder(at, mode)?;
        let lock = FileLock::acquire_folder(&at.open_folder()?)?;
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.extend(lock);
        Ok(folder)
    }

    fn rename(&self, from: At<'_>, to: At<'_>, how: Rename) -> Result<()> {
        RealDisk.rename(from, to, how)
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        RealDisk.link(from, to)
    }

    fn remove_file(&self, at: At<'_>) -> Result<()> {
        RealDisk.remove_file(at)
    }

    fn remove_folder(&self, at: At<'_>) -> Result<()> {
        RealDisk.remove_folder(at)
    }

    fn sync_folder(&self, folder: &Folder) -> Result<()> {
        RealDisk.sync_folder(folder)
    }
}

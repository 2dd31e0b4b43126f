//! The right to write to a repository.

use std::fmt;

use apograph_format::Generation;
use apograph_io::{Context, FileLock, Folder, IoError, Mode};
use apograph_manifest::{Notes, write_notes};

use crate::error::{RepositoryError, Result};
use crate::vault_segments::VaultSegments;

/// The lock file of generation 2's engine.
pub(crate) const ENGINE_LOCK_FILE_NAME: &str = "backup.lock";

/// The right to write to a repository, held from the first look to the last sync.
///
/// Whatever changes a repository has one: [`open`](Writer::open), which makes whole what a killed
/// backup left, and [`publish`](crate::HeldRepository::publish) on what it opened;
/// [`rebuild`](Writer::rebuild) and [`write_notes`](Writer::write_notes);
/// [`Repository::record_verifications`](crate::Repository::record_verifications) takes its own.
/// It is a lock on the folder, and on the file that the engine of generation 2 locks during a
/// backup, so that the two keep out of each other's way. Where folders cannot be locked, that file
/// is locked for either generation. It writes to the disk of its context.
pub struct Writer<'a> {
    pub(crate) context: Context<'a>,
    _own: Option<FileLock>,
    engine: Option<FileLock>,
    pub(crate) folder: Folder,
    is_created: bool,
}

impl<'a> Writer<'a> {
    /// Takes the lock of a folder, and that of the engine's lock file where it is there.
    ///
    /// # Errors
    ///
    /// As [`lock_for`](Writer::lock_for).
    pub fn lock(folder: &Folder, context: Context<'a>) -> Result<Self> {
        Self::lock_for(folder, Generation::One, context)
    }

    /// Takes the lock of a folder. The engine's lock file is created for a database of generation
    /// 2, and taken wherever it is. A file system without any lock is noted in the folder
    /// ([`Lack::Exclusion`](apograph_io::Lack::Exclusion)).
    ///
    /// # Errors
    ///
    /// [`RepositoryError::IsVault`]; [`RepositoryError::Busy`] at once where another process holds it, and where the path of the
    /// folder leads to another one by now: somebody is putting a repository there.
    pub fn lock_for(folder: &Folder, generation: Generation, context: Context<'a>) -> Result<Self> {
        let is_busy = || RepositoryError::Busy {
            path: folder.path().to_owned(),
        };
        let busy = |error| match error {
            IoError::Busy { .. } => is_busy(),
            other => RepositoryError::Io(other),
        };
        if VaultSegments::are_in(folder)? {
            let path = folder.path().to_owned();
            return Err(RepositoryError::IsVault { path });
        }
        let own = FileLock::acquire_folder(folder).map_err(busy)?;
        if !folder.is_in_place()? {
            return Err(is_busy());
        }
        let lock_file = folder.at(ENGINE_LOCK_FILE_NAME);
        let is_there = lock_file.exists()?;
        let wanted = is_there || generation == Generation::Two || own.is_none();
        let mode = folder.mode()?.for_writers();
        let engine = wanted.then(|| FileLock::acquire(lock_file, mode));
        let engine = engine.transpose().map(Option::flatten).map_err(busy);
        if !is_there && matches!(engine, Err(RepositoryError::Io(_))) {
            // The error that led here is the one to report.
            let _ = context.disk.remove_file(lock_file);
        }
        Ok(Self {
            context,
            _own: own,
            engine: engine?,
            folder: folder.clone(),
            is_created: wanted && !is_there,
        })
    }

    /// Writes the notes of the repository, durably.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Manifest`]; the notes are then as they were.
    pub fn write_notes(&self, mode: Mode, notes: &Notes) -> Result<()> {
        Ok(write_notes(self.context.disk, &self.folder, mode, notes)?)
    }

    /// Leaves the folder as it was before the lock was taken. The lock on the folder is still held.
    ///
    /// An engine that has opened the lock file in the meantime gets a lock on a file that no name
    /// leads to, and keeps nobody out. So this is for a folder that goes too, and for one in which
    /// nothing of ours is ever written.
    pub fn undo(&mut self) {
        if self.is_created {
            // It is closed before it goes.
            self.engine = None;
            // The error that led here is the one to report.
            let at = self.folder.at(ENGINE_LOCK_FILE_NAME);
            let _ = self.context.disk.remove_file(at);
        }
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.path();
        f.debug_struct("Writer").field("folder", &folder).finish()
    }
}

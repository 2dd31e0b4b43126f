//! Making a repository where none is.
//!
//! A folder is a repository once it has its notes, with the id that it keeps for life. One that is
//! made with its folder appears whole: it is made beside its place, under a temporary name, and
//! then renamed, and it goes in the reverse order. So an empty folder was not made here, and nobody
//! takes it for a repository: it may be the place of a disk that is not mounted.

use std::ffi::OsStr;
use std::path::Path;

use apograph_io::{
    At, Context, Disk, FileLock, Folder, IoError, Mode, exists, is_temporary, random,
    temporary_name,
};
use apograph_manifest::{NOTES_FILE_NAME, Notes, RepositoryId, write_notes};

use crate::error::{RepositoryError, Result};
use crate::place::check_outside_logs;
use crate::repository::Repository;
use crate::writer::{ENGINE_LOCK_FILE_NAME, Writer};

/// How a repository came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initialized {
    /// It was made with its folder.
    Created,
    /// It was made of an empty folder.
    Adopted,
    /// It was there already.
    Present,
}

/// Makes a repository at `path`, where nothing is, or an empty folder.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`] where there is anything else but a repository;
/// [`RepositoryError::Misplaced`] in the log folder of a database; [`RepositoryError::Busy`]; and
/// as [`Repository::open_or_empty`].
pub fn init(path: &Path, context: Context<'_>) -> Result<Initialized> {
    let folder = match Folder::find(path) {
        Ok(Some(folder)) => folder,
        Ok(None) if !exists(path)? => {
            let (parent, name) = Folder::holding(path)?;
            create(context.disk, &parent, name, Mode::PRIVATE)?;
            return Ok(Initialized::Created);
        }
        Ok(None) | Err(IoError::NotAFolder { .. }) => {
            let detail = "it is no folder".to_owned();
            let path = path.to_owned();
            return Err(RepositoryError::NotARepository { path, detail });
        }
        Err(error) => return Err(error.into()),
    };
    check_outside_logs(&folder, path)?;
    let writer = Writer::lock(&folder, context)?;
    if Repository::open_or_empty(folder.clone(), context)?.is_initialized() {
        return Ok(Initialized::Present);
    }
    writer.write_notes(Mode::PRIVATE, &new_notes()?)?;
    Ok(Initialized::Adopted)
}

fn new_notes() -> Result<Notes> {
    Ok(Notes::of(RepositoryId::new(random()?)))
}

/// Makes a repository in a new folder with the name `name`, durably.
///
/// # Errors
///
/// [`RepositoryError::Misplaced`] in the log folder of a database; [`RepositoryError::Busy`] where
/// another command makes one there; [`RepositoryError::Io`].
pub fn create(disk: &dyn Disk, parent: &Folder, name: &OsStr, mode: Mode) -> Result<Folder> {
    let (aside, at) = (temporary_name(name), parent.at(name));
    check_outside_logs(parent, &at.path())?;
    let aside = parent.at(&aside);
    let busy = |error: IoError| match error {
        IoError::Busy { .. } => RepositoryError::Busy { path: at.path() },
        error if error.is_already_exists() => RepositoryError::Busy { path: at.path() },
        other => other.into(),
    };
    if let Some(left) = aside.find_folder()? {
        // What a killed command left, unless another one is at work.
        let _lock = FileLock::acquire_folder(&left).map_err(busy)?;
        clear(disk, &left, aside)?;
    }
    let folder = disk.create_folder(aside, mode.for_folder()).map_err(busy)?;
    // Where it is busy, another command took it for a left-over, and clears it.
    let _lock = FileLock::acquire_folder(&folder).map_err(busy)?;
    if !aside.is_of(&folder)? {
        return Err(RepositoryError::Busy { path: at.path() });
    }
    let named = new_notes().and_then(|notes| {
        write_notes(disk, &folder, mode, &notes)?;
        disk.publish(aside, at).map_err(busy)
    });
    // The error that led here is the one to report.
    named.inspect_err(|_| drop(clear(disk, &folder, aside)))?;
    let synced = disk.sync_folder(parent);
    synced.inspect_err(|_| drop(take_back(disk, &folder, at, aside)))?;
    Ok(folder.renamed(at.path()))
}

/// Takes back a repository that was just made, in which nothing is yet, unless it was moved away.
/// It is locked by the caller.
///
/// # Errors
///
/// [`RepositoryError::Io`].
pub fn uncreate(disk: &dyn Disk, parent: &Folder, name: &OsStr, folder: &Folder) -> Result<()> {
    let aside = temporary_name(name);
    let aside = parent.at(&aside);
    let at = parent.at(name);
    let mut names = folder.names()?;
    let has_others = names.any(|name| name.is_ok_and(|name| !is_own(&name)));
    if has_others || !at.is_of(folder)? {
        return Ok(());
    }
    take_back(disk, folder, at, aside)
}

/// Removes a repository in which nothing is yet. It loses its name first, durably: an empty folder
/// under that name is never seen, whenever the power goes.
fn take_back(disk: &dyn Disk, folder: &Folder, at: At<'_>, aside: At<'_>) -> Result<()> {
    disk.publish(at, aside)?;
    disk.sync_folder(at.folder())?;
    clear(disk, folder, aside)
}

/// Removes a repository in which nothing is yet, and which has the name `at`.
fn clear(disk: &dyn Disk, folder: &Folder, at: At<'_>) -> Result<()> {
    let mut names = folder.names()?.collect::<apograph_io::Result<Vec<_>>>()?;
    names.sort();
    for name in names.iter().filter(|name| is_own(name)) {
        disk.remove_file(folder.at(name))?;
    }
    Ok(disk.remove_folder(at)?)
}

fn is_own(name: &OsStr) -> bool {
    name == NOTES_FILE_NAME || name == ENGINE_LOCK_FILE_NAME || is_temporary(name)
}

//! Where repositories and restored databases may not lie.
//!
//! What lies in the log folder of a database its engine removes at a close, or fails to. What lies
//! in a repository under the name of a segment the next backup takes for one. Folders are compared
//! as they are open, not by their paths: a link or `..` leads there too.

use std::path::Path;

use apograph_format::{FOLDER_LOG_NAME, Generation, LogFolderEntry};
use apograph_io::Folder;
use apograph_manifest::MANIFEST_FILE_NAME;

use crate::error::{RepositoryError, Result};
use crate::vault_segments::HEAD;

/// Fails where a folder is the log folder of a database, or a folder database, or lies in one, at
/// any depth. `path` is what would be put there, for messages.
///
/// # Errors
///
/// [`RepositoryError::Misplaced`] and [`RepositoryError::Io`].
pub fn check_outside_logs(folder: &Folder, path: &Path) -> Result<()> {
    for above in folder.and_above()? {
        if is_log_folder(&above)? {
            let detail = "the engine removes what lies in the log folder of a database";
            return Err(misplaced(path, detail));
        }
        if let Ok(Some(log)) = above.at(FOLDER_LOG_NAME).find_named_folder()
            && is_log_folder(&log)?
        {
            let detail = "Grafeo 0.6 moves the whole folder of a database when it migrates it";
            return Err(misplaced(path, detail));
        }
    }
    Ok(())
}

/// Fails where a folder is a repository, or a vault. `path` is what would be put there, for messages.
///
/// # Errors
///
/// [`RepositoryError::Misplaced`] and [`RepositoryError::Io`].
pub fn check_no_repository(folder: &Folder, path: &Path) -> Result<()> {
    if folder.at(MANIFEST_FILE_NAME).exists()? || folder.at(HEAD).exists()? {
        let detail = "a backup repository holds nothing but backups";
        return Err(misplaced(path, detail));
    }
    Ok(())
}

fn misplaced(path: &Path, detail: &str) -> RepositoryError {
    RepositoryError::Misplaced {
        path: path.to_owned(),
        detail: detail.to_owned(),
    }
}

/// Of a folder with more names than a log folder has beside log files, the first ones are looked
/// at.
const NAMES_MAX: usize = 1000;

/// Whether a folder holds log files of either generation.
fn is_log_folder(folder: &Folder) -> Result<bool> {
    let names = match folder.names() {
        Ok(names) => names,
        // Who may not list a folder can still lie in it.
        Err(error) if error.is_not_permitted() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    for name in names.take(NAMES_MAX) {
        let name = name?;
        let is_log = |generation| {
            matches!(
                LogFolderEntry::of(&name, generation),
                LogFolderEntry::Log(_)
            )
        };
        if [Generation::One, Generation::Two].into_iter().any(is_log) {
            return Ok(true);
        }
    }
    Ok(false)
}

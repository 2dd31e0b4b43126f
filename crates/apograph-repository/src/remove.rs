//! Removing segments from the chain of a repository, bringing them back, and pinning states.
//!
//! Which segments go is the caller's to say (`apograph-operate` has policies). What is removed leaves the
//! chain at once, and its bytes stay for a grace: until that is over it can be brought back.

use std::time::Duration;

use apograph_io::{Context, Folder, IoError};
use apograph_manifest::{FileName, Pin, PinName};

use crate::error::{RepositoryError, Result};
use crate::folder_removal::FolderRemoval;
use crate::location::Location;
use crate::removal::{Choose, Removal};
use crate::repository::Repository;
use crate::vault_removal::VaultRemoval;

/// Removes those segments from the chain that `choose` names, and deletes those whose grace is over.
/// Where another command changes the chain meanwhile, it is asked again.
///
/// # Errors
///
/// That of `choose`; [`RepositoryError::NotARepository`]; [`RepositoryError::Busy`];
/// [`RepositoryError::Vault`] and [`RepositoryError::Io`].
pub fn remove_segments<E: From<RepositoryError>>(
    at: &Location,
    grace: Duration,
    choose: &mut Choose<'_, E>,
    context: Context<'_>,
) -> std::result::Result<Removal, E> {
    match VaultRemoval::find(at, context)? {
        Some(vault) => vault.remove(grace, choose),
        None => folder(at, context)?.remove(grace, choose),
    }
}

/// Brings everything back that was removed and is not deleted. Returns what that is.
///
/// # Errors
///
/// As [`remove_segments`].
pub fn bring_back(at: &Location, context: Context<'_>) -> Result<Vec<FileName>> {
    match VaultRemoval::find(at, context)? {
        Some(vault) => vault.bring_back(),
        None => folder(at, context)?.bring_back(),
    }
}

/// Pins the state that `find` finds, in the place of another one with the same name.
///
/// # Errors
///
/// That of `find`, and as [`remove_segments`].
pub fn pin<E: From<RepositoryError>>(
    at: &Location,
    find: &mut dyn FnMut(&Repository) -> std::result::Result<Pin, E>,
    context: Context<'_>,
) -> std::result::Result<(), E> {
    match VaultRemoval::find(at, context)? {
        Some(vault) => vault.pin(find),
        None => folder(at, context)?.pin(find),
    }
}

/// Takes a pin back; tells whether there was one.
///
/// # Errors
///
/// As [`remove_segments`].
pub fn unpin(at: &Location, name: &PinName, context: Context<'_>) -> Result<bool> {
    match VaultRemoval::find(at, context)? {
        Some(vault) => vault.unpin(name),
        None => folder(at, context)?.unpin(name),
    }
}

fn folder<'a>(at: &Location, context: Context<'a>) -> Result<FolderRemoval<'a>> {
    let path = at.path();
    let nothing = |detail: &str| RepositoryError::NotARepository {
        path: path.clone(),
        detail: detail.to_owned(),
    };
    match Folder::find(&path) {
        Ok(Some(folder)) => FolderRemoval::of(&folder, context),
        Ok(None) => Err(nothing("there is no such folder")),
        Err(IoError::NotAFolder { .. }) => Err(nothing("it is no folder")),
        Err(error) => Err(error.into()),
    }
}

//! Making a vault where none is.

use apograph_io::{Context, Folder, Mode, exists};
use apograph_store::{Store, probe};
use apograph_vault::{CATALOG, Catalog, VaultError, create_vault, find_vault};

use crate::error::{RepositoryError, Result};
use crate::init::Initialized;
use crate::location::Location;
use crate::place::check_outside_logs;
use crate::vault_place::{VaultPlace, WRITER};

/// Makes a vault in a folder where nothing is, or in an empty one, or in an object store below a
/// prefix where nothing is. A store is asked first whether it lets only one of several writers
/// create a name ([`probe`]): a vault needs that. Where the location has recipients, the vault's
/// segments are encrypted for them from the first one on.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`] where there is anything else but a vault;
/// [`RepositoryError::Misplaced`] in the log folder of a database; [`RepositoryError::Vault`], also
/// where a vault is there whose recipients are others; [`RepositoryError::Io`].
pub fn init_vault(location: impl Into<Location>, context: Context<'_>) -> Result<Initialized> {
    let location = location.into();
    let (place, initialized) = match VaultPlace::find(&location)? {
        Some(place) => (place, Initialized::Adopted),
        None => (new_folder(&location, context)?, Initialized::Created),
    };
    if let VaultPlace::Folder(folder) = &place {
        check_outside_logs(folder, folder.path())?;
    }
    let opened = place.open(context.disk);
    let store = opened.store();
    let wanted = location.keys.recipients.as_ref();
    if find_vault(store)?.is_some() {
        let catalog = Catalog::open(store, context.clock, WRITER)?;
        let settings = catalog.read(&mut |_| Ok(()))?;
        catalog.recipients(&settings.recipients, wanted)?;
        return Ok(Initialized::Present);
    }
    if let Some(name) = other(&place, store)? {
        return Err(RepositoryError::NotARepository {
            path: place.path(),
            detail: format!("it holds {name}"),
        });
    }
    if let VaultPlace::Store(store) = &place {
        probe(&**store).map_err(VaultError::from)?;
    }
    create_vault(store, context.clock, WRITER, wanted)?;
    Ok(initialized)
}

/// Makes the folder of a vault, durably.
fn new_folder(location: &Location, context: Context<'_>) -> Result<VaultPlace> {
    let path = location.path();
    if exists(&path)? {
        return Err(RepositoryError::NotARepository {
            path,
            detail: "it is no folder".to_owned(),
        });
    }
    let disk = context.disk;
    let (parent, name) = Folder::holding(&path)?;
    check_outside_logs(&parent, &path)?;
    let folder = disk.create_folder(parent.at(name), Mode::PRIVATE.for_folder())?;
    disk.sync_folder(&parent)?;
    Ok(VaultPlace::Folder(folder))
}

/// What is in a place but what a killed `init` left, and what a file system has at its root.
fn other(place: &VaultPlace, store: &dyn Store) -> Result<Option<String>> {
    match place {
        VaultPlace::Folder(folder) => {
            for name in folder.names()? {
                let name = name?;
                if name != CATALOG && name != "lost+found" {
                    return Ok(Some(name.to_string_lossy().into_owned()));
                }
            }
            Ok(None)
        }
        VaultPlace::Store(_) => {
            // What is in folders below it is not seen: a bucket can be shared by prefixes.
            let mut objects = store.list("", None).map_err(VaultError::from)?;
            let first = objects.next().transpose().map_err(VaultError::from)?;
            Ok(first.map(|object| object.name.as_str().to_owned()))
        }
    }
}

//! What says that a place is a vault.

use apograph_format::{Detail, UnixMillis};
use apograph_io::{Clock, random};
use apograph_manifest::RepositoryId;
use apograph_store::{Created, ObjectName, Store, StoreError};
use apograph_wrap::Recipients;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::change::CatalogChange;
use crate::error::{Result, VaultError};
use crate::version::json;

/// The object that says that a place is a vault.
pub const HEAD: &str = "vault.json";
const HEAD_MAX_BYTES: u64 = 64 << 10;
const FORMAT: u32 = 1;

/// What a vault says of itself, once and for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultHead {
    format: u32,
    /// The id of the vault, which no other repository has.
    pub id: RepositoryId,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// Makes a place a vault, in which nothing is, and whose segments are encrypted for these recipients,
/// if any. Its head comes last, so that a place that has one has a catalog too.
///
/// # Errors
///
/// [`VaultError::Head`] where it is one already; [`VaultError::RecipientsDiffer`] where one was begun
/// there, for other recipients; [`VaultError::Store`].
pub fn create_vault(
    store: &dyn Store,
    clock: &dyn Clock,
    writer: &str,
    recipients: Option<&Recipients>,
) -> Result<VaultHead> {
    let taken = || VaultError::Head {
        place: store.place(),
        detail: "it is a vault already".into(),
    };
    if find_vault(store)?.is_some() {
        return Err(taken());
    }
    let head = VaultHead {
        format: FORMAT,
        id: RepositoryId::new(random()?),
        created_at: clock.now(),
    };
    let keys = recipients.map(Recipients::keys);
    let changes: Vec<_> = keys
        .map(|keys| CatalogChange::Recipients { keys })
        .into_iter()
        .collect();
    let catalog = Catalog::create(store, clock, writer, &changes)?;
    if recipients.is_some() {
        // It can be another writer's.
        let settings = catalog.read(&mut |_| Ok(()))?;
        catalog.recipients(&settings.recipients, recipients)?;
    }
    match store.create(&name()?, json(&head).as_bytes())? {
        Created::New => Ok(head),
        Created::Taken => Err(taken()),
    }
}

/// What a place says that is a vault; `None` where it is none.
///
/// # Errors
///
/// [`VaultError::Head`] where it is damaged or of a newer format; [`VaultError::Store`].
pub fn find_vault(store: &dyn Store) -> Result<Option<VaultHead>> {
    let damaged = |detail: Detail| VaultError::Head {
        place: store.place(),
        detail,
    };
    let Some(bytes) = store.read(&name()?, HEAD_MAX_BYTES)? else {
        return Ok(None);
    };
    let head: VaultHead = serde_json::from_slice(&bytes).map_err(|error| damaged(error.into()))?;
    if head.format != FORMAT {
        return Err(damaged(format!("its format is {}", head.format).into()));
    }
    Ok(Some(head))
}

fn name() -> Result<ObjectName> {
    Ok(ObjectName::parse(HEAD).map_err(StoreError::from)?)
}

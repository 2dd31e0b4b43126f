//! What says that a place is a vault.

use apograph_format::UnixMillis;
use apograph_io::{Clock, random};
use apograph_manifest::RepositoryId;
use apograph_store::{ObjectName, Store, StoreError};
use serde::{Deserialize, Serialize};

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

impl VaultHead {
    pub(crate) fn new(clock: &dyn Clock) -> Result<Self> {
        Ok(Self {
            format: FORMAT,
            id: RepositoryId::new(random()?),
            created_at: clock.now(),
        })
    }
}

/// What a place says that is a vault; `None` where it is none.
///
/// # Errors
///
/// [`VaultError::Head`] where it is damaged; [`VaultError::UnknownFormat`]; [`VaultError::Store`].
pub fn find_vault(store: &dyn Store) -> Result<Option<VaultHead>> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Some(bytes) = store.read(&head_name()?, HEAD_MAX_BYTES)? else {
        return Ok(None);
    };
    if let Ok(Format { format }) = serde_json::from_slice(&bytes)
        && format != FORMAT
    {
        return Err(VaultError::UnknownFormat {
            place: store.place(),
            format,
        });
    }
    let head = serde_json::from_slice(&bytes);
    head.map(Some).map_err(|error| VaultError::Head {
        place: store.place(),
        detail: error.into(),
    })
}

/// Whether a place says that it is a vault, be it not so that it can be read.
pub(crate) fn has_head(store: &dyn Store) -> Result<bool> {
    Ok(store.size(&head_name()?)?.is_some())
}

/// Whether a place that holds the objects of a vault does not say that it is one, or not so that it can
/// be read.
///
/// # Errors
///
/// [`VaultError::UnknownFormat`] where another program wrote it; [`VaultError::Store`].
pub fn needs_head(store: &dyn Store) -> Result<bool> {
    match find_vault(store) {
        Err(VaultError::Head { .. }) => Ok(true),
        found => Ok(found?.is_none()),
    }
}

/// Writes it anew: the vault has another id from then on, so that the next backup goes on from nothing
/// that was there before.
///
/// # Errors
///
/// [`VaultError::Store`].
pub fn mend_head(store: &dyn Store, clock: &dyn Clock) -> Result<()> {
    let head = VaultHead::new(clock)?;
    Ok(store.put(&head_name()?, json(&head).as_bytes())?)
}

pub(crate) fn head_name() -> Result<ObjectName> {
    Ok(ObjectName::parse(HEAD).map_err(StoreError::from)?)
}

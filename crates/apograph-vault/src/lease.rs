//! Leases: who reads says so, and what was there when they began stays until they are done.
//!
//! A lease is a small object that its holder writes again every five minutes. It is there before the
//! catalog is read, without the number of a version: until that is known it stands for all of them. Who
//! deletes says first in the catalog what is gone, and then looks for leases: so whoever comes later
//! reads a catalog without it. One that was not renewed for 15 minutes, by the clock of the place, is
//! nobody's.

use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::random;
use apograph_manifest::Nonce;
use apograph_store::{ObjectName, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::version::json;

/// The folder of the leases.
pub const LEASES: &str = "leases";
/// So often a lease is renewed.
pub const LEASE_RENEWED_EVERY: Duration = Duration::from_secs(5 * 60);
/// So long it lasts.
const LASTS: Duration = Duration::from_secs(15 * 60);
const MAX_BYTES: u64 = 1 << 10;

/// A lease of a vault.
#[derive(Debug)]
pub struct LeaseObject {
    name: ObjectName,
    body: Body,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Body {
    /// The version of the catalog that is read; none while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// Who reads, for people.
    reader: String,
}

impl LeaseObject {
    /// Takes a lease, before the catalog is read.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`](crate::VaultError::Store), as where the reader may not write.
    pub fn take(store: &dyn Store, reader: &str) -> Result<Self> {
        let nonce = Nonce::new(random()?);
        let lease = Self {
            name: ObjectName::parse(format!("{LEASES}/{nonce}")).map_err(StoreError::from)?,
            body: Body {
                version: None,
                reader: reader.to_owned(),
            },
        };
        lease.renew(store)?;
        Ok(lease)
    }

    /// Says which version is read, from now on.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`](crate::VaultError::Store); then it stands for every version still.
    pub fn narrow(&mut self, store: &dyn Store, version: u64) -> Result<()> {
        self.body.version = Some(version);
        self.renew(store)
    }

    /// Renews it.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`](crate::VaultError::Store).
    pub fn renew(&self, store: &dyn Store) -> Result<()> {
        Ok(store.put(&self.name, json(&self.body).as_bytes())?)
    }

    /// Gives it back.
    ///
    /// # Errors
    ///
    /// [`VaultError::Store`](crate::VaultError::Store); then it ends by itself.
    pub fn end(self, store: &dyn Store) -> Result<()> {
        Ok(store.delete(&self.name)?)
    }
}

/// Finds the leases of a vault that have not ended: the oldest version that somebody reads, 0 where one
/// reads who knows which; `None` where nobody reads. What ended more than a day ago is removed.
///
/// # Errors
///
/// [`VaultError::Store`](crate::VaultError::Store).
pub fn oldest_leased(store: &dyn Store, now: UnixMillis) -> Result<Option<u64>> {
    let lasts = u64::try_from(LASTS.as_millis()).unwrap_or(u64::MAX);
    let mut oldest = None;
    for object in store.list(LEASES, None)? {
        let object = object?;
        // Other names are somebody else's.
        let (_, name) = object.name.split();
        if name.parse::<Nonce>().is_err() {
            continue;
        }
        if crate::log::is_old(object.modified, now) {
            store.delete(&object.name)?;
            continue;
        }
        // One from the future was put there by hand.
        if now.get().abs_diff(object.modified.get()) > lasts {
            continue;
        }
        let bytes = match store.read(&object.name, MAX_BYTES) {
            // It has just ended.
            Ok(None) => continue,
            Ok(Some(bytes)) => bytes,
            Err(StoreError::TooLarge { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let body: Option<Body> = serde_json::from_slice(&bytes).ok();
        let version = body.and_then(|body| body.version).unwrap_or_default();
        oldest = Some(oldest.map_or(version, |oldest: u64| oldest.min(version)));
    }
    Ok(oldest)
}

//! Reading a version by its number.

use apograph_store::Store;

use crate::error::{Result, VaultError};
use crate::sha256::Sha256;
use crate::version::{Unreadable, VERSION_MAX_BYTES, Version, version_name};

/// What is wrong with a version that has another hash than it has to have.
pub(crate) const ANOTHER: &str = "a later version names another one";

/// A version, by its number and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VersionStamp {
    pub(crate) number: u64,
    pub(crate) sha256: Sha256,
}

/// A version, which has to have a hash, and its object.
pub(crate) fn read(
    store: &dyn Store,
    number: u64,
    sha256: Option<Sha256>,
) -> Result<(VersionStamp, Version, Vec<u8>)> {
    let bytes = fetch(store, number, sha256)?;
    let sha256 = Sha256::of(&bytes);
    let stamp = VersionStamp { number, sha256 };
    let version = decode(store, number, &bytes)?;
    Ok((stamp, version, bytes))
}

pub(crate) fn fetch(store: &dyn Store, number: u64, sha256: Option<Sha256>) -> Result<Vec<u8>> {
    let bytes = store.read(&version_name(number)?, VERSION_MAX_BYTES)?;
    of_hash(store, number, sha256, bytes)
}

/// The bytes of a version that have to be there, and to have a hash.
pub(crate) fn of_hash(
    store: &dyn Store,
    number: u64,
    sha256: Option<Sha256>,
    bytes: Option<Vec<u8>>,
) -> Result<Vec<u8>> {
    let bytes = bytes.ok_or_else(|| damaged(store, number, "it is missing"))?;
    if sha256.is_some_and(|sha256| sha256 != Sha256::of(&bytes)) {
        return Err(damaged(store, number, ANOTHER));
    }
    Ok(bytes)
}

pub(crate) fn decode(store: &dyn Store, number: u64, bytes: &[u8]) -> Result<Version> {
    match Version::decode(bytes) {
        Ok(version) if version.head.number == number => Ok(version),
        Ok(_) => Err(damaged(store, number, "it has another number")),
        Err(error) => Err(unreadable(store, number, error)),
    }
}

pub(crate) fn damaged(store: &dyn Store, version: u64, detail: &str) -> VaultError {
    VaultError::Catalog {
        place: store.place(),
        version,
        detail: detail.into(),
    }
}

pub(crate) fn unreadable(store: &dyn Store, version: u64, error: Unreadable) -> VaultError {
    let place = store.place();
    let is_newer = !matches!(error, Unreadable::Damaged);
    let detail = error.into();
    if is_newer {
        return VaultError::TooNew {
            place,
            version,
            detail,
        };
    }
    VaultError::Catalog {
        place,
        version,
        detail,
    }
}

//! Where a repository is, as a person or a program says it.

use std::fmt;
use std::path::{Path, PathBuf};
#[cfg(feature = "vault")]
use std::sync::Arc;

#[cfg(feature = "cloud")]
use apograph_store::CloudStore;
#[cfg(feature = "vault")]
use apograph_store::Store;

#[cfg(feature = "cloud")]
use crate::error::Result;

/// Where a repository is: a folder, or, with the feature `vault`, a place of objects.
///
/// ```
/// use apograph_repository::Location;
///
/// let location = Location::from("backups");
/// assert_eq!(location.to_string(), "backups");
/// ```
#[derive(Debug, Clone)]
pub struct Location {
    pub(crate) of: LocationOf,
}

#[derive(Debug, Clone)]
pub(crate) enum LocationOf {
    Path(PathBuf),
    #[cfg(feature = "vault")]
    Store(Arc<dyn Store>),
}

impl Location {
    /// The vault in a place of objects.
    #[cfg(feature = "vault")]
    pub fn store(store: Arc<dyn Store>) -> Self {
        let of = LocationOf::Store(store);
        Self { of }
    }

    /// The vault in an object store, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or
    /// `az://CONTAINER/PREFIX`, with what the environment says of it
    /// ([`CloudStore::open`]). No request is made.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Vault`](crate::RepositoryError::Vault) where the address is none, or a
    /// setting cannot be understood.
    #[cfg(feature = "cloud")]
    pub fn address(address: &str) -> Result<Self> {
        let store = CloudStore::open(address).map_err(apograph_vault::VaultError::from)?;
        Ok(Self::store(Arc::new(store)))
    }

    /// The path of its folder; of a store, its address, for messages.
    pub fn path(&self) -> PathBuf {
        match &self.of {
            LocationOf::Path(path) => path.clone(),
            #[cfg(feature = "vault")]
            LocationOf::Store(store) => store.place().into(),
        }
    }

    /// The path of its folder, where it is one.
    pub fn as_folder(&self) -> Option<&Path> {
        match &self.of {
            LocationOf::Path(path) => Some(path),
            #[cfg(feature = "vault")]
            LocationOf::Store(_) => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        let of = LocationOf::Path(path);
        Self { of }
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        path.clone().into()
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        path.to_owned().into()
    }
}

impl From<&str> for Location {
    fn from(path: &str) -> Self {
        PathBuf::from(path).into()
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

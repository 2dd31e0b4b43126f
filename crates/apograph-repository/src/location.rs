//! Where a repository is, as a person or a program says it.

use std::fmt;
use std::path::{Path, PathBuf};
#[cfg(feature = "vault")]
use std::sync::Arc;

#[cfg(feature = "cloud")]
use apograph_store::CloudStore;
#[cfg(feature = "vault")]
use apograph_store::{Store, Traffic};
#[cfg(feature = "vault")]
use apograph_vault::wrap::{Identities, Recipients};

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
    pub(crate) keys: Keys,
}

/// Who reads a vault, and for whom it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    #[cfg(feature = "vault")]
    pub(crate) identities: Identities,
    #[cfg(feature = "vault")]
    pub(crate) recipients: Option<Recipients>,
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
        LocationOf::Store(store).into()
    }

    /// The same, of which segments that are encrypted are read with these private keys. They are not
    /// needed to list a vault, nor to copy into it.
    #[cfg(feature = "vault")]
    #[must_use]
    pub fn with_identities(mut self, identities: Identities) -> Self {
        self.keys.identities = identities;
        self
    }

    /// The same, to which nothing is written but what is encrypted for just these. A vault that is
    /// made there is for them; one that is there and encrypts for others is an error where it would
    /// be written to. Without this, a vault's own recipients are those of what is written.
    #[cfg(feature = "vault")]
    #[must_use]
    pub fn with_recipients(mut self, recipients: Recipients) -> Self {
        self.keys.recipients = Some(recipients);
        self
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

    /// What went to its store and came from it so far; `None` of a folder.
    #[cfg(feature = "vault")]
    pub fn traffic(&self) -> Option<Traffic> {
        match &self.of {
            LocationOf::Path(_) => None,
            LocationOf::Store(store) => store.traffic(),
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

impl From<LocationOf> for Location {
    fn from(of: LocationOf) -> Self {
        let keys = Keys::default();
        Self { of, keys }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        LocationOf::Path(path).into()
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

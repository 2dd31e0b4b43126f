//! Where a vault is, once it was found: an open folder, or a store.

use std::path::PathBuf;
use std::sync::Arc;

use apograph_io::{Disk, Folder, IoError, Mode};
use apograph_store::{FolderStore, Store};
use apograph_vault::{CATALOG, SEGMENTS, StoredSegment, VaultError, VaultHead, find_vault};

use crate::error::{RepositoryError, Result};
use crate::location::{Location, LocationOf};

/// Who writes, as the versions of a catalog say it to people.
pub(crate) const WRITER: &str = concat!("apograph ", env!("CARGO_PKG_VERSION"));

/// Where a vault is, or could be.
#[derive(Debug, Clone)]
pub(crate) enum VaultPlace {
    Folder(Folder),
    Store(Arc<dyn Store>),
}

impl VaultPlace {
    /// A place that is there; `None` where no folder is.
    pub(crate) fn find(location: &Location) -> Result<Option<Self>> {
        match &location.of {
            LocationOf::Store(store) => Ok(Some(Self::Store(store.clone()))),
            LocationOf::Path(path) => match Folder::find(path) {
                Ok(folder) => Ok(folder.map(Self::Folder)),
                Err(IoError::NotAFolder { .. }) => Err(RepositoryError::NotARepository {
                    path: path.clone(),
                    detail: "it is no folder".to_owned(),
                }),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// A place that has to be there.
    pub(crate) fn there(location: &Location) -> Result<Self> {
        Self::find(location)?.ok_or_else(|| RepositoryError::NotARepository {
            path: location.path(),
            detail: "there is no such folder".to_owned(),
        })
    }

    /// The folder; `None` of a store.
    pub(crate) const fn folder(&self) -> Option<&Folder> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Store(_) => None,
        }
    }

    /// Its path, or its address.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().to_owned(),
            Self::Store(store) => store.place().into(),
        }
    }

    /// Its objects; those in a folder are written to a disk.
    pub(crate) fn open<'d>(&self, disk: &'d dyn Disk) -> OpenPlace<'d> {
        match self {
            Self::Folder(folder) => {
                OpenPlace::Folder(FolderStore::new(disk, folder.clone(), Mode::PRIVATE))
            }
            Self::Store(store) => OpenPlace::Store(store.clone()),
        }
    }
}

/// The objects of a place.
#[derive(Debug)]
pub(crate) enum OpenPlace<'d> {
    Folder(FolderStore<'d>),
    Store(Arc<dyn Store>),
}

impl<'d> OpenPlace<'d> {
    pub(crate) fn store(&self) -> &(dyn Store + 'd) {
        match self {
            Self::Folder(store) => store,
            Self::Store(store) => &**store,
        }
    }

    /// What the place says of the vault in it.
    pub(crate) fn vault(&self) -> Result<VaultHead> {
        self.find_vault()?
            .ok_or_else(|| RepositoryError::NotARepository {
                path: self.store().place().into(),
                detail: "it is no vault".to_owned(),
            })
    }

    /// The same; `None` where there is no vault, nor segments of one.
    pub(crate) fn find_vault(&self) -> Result<Option<VaultHead>> {
        let store = self.store();
        let found = find_vault(store)?;
        if found.is_none() && self.has_segments()? {
            let (place, detail) = (store.place(), "it is missing".into());
            return Err(VaultError::Head { place, detail }.into());
        }
        Ok(found)
    }

    /// Whether there are objects of segments.
    fn has_segments(&self) -> Result<bool> {
        for object in self
            .store()
            .list(SEGMENTS, None)
            .map_err(VaultError::from)?
        {
            let object = object.map_err(VaultError::from)?;
            if StoredSegment::named_by(&object.name).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether there are objects of segments, or versions of a catalog.
    pub(crate) fn has_remains(&self) -> Result<bool> {
        let mut versions = self.store().list(CATALOG, None).map_err(VaultError::from)?;
        let first = versions.next().transpose().map_err(VaultError::from)?;
        Ok(first.is_some() || self.has_segments()?)
    }
}

/// Nothing is written for everybody that was to be for some.
pub(crate) fn no_vault_for(location: &Location) -> Result<()> {
    match location.keys.recipients {
        None => Ok(()),
        Some(_) => Err(RepositoryError::NotARepository {
            path: location.path(),
            detail: "it is no vault, and nothing else is encrypted".to_owned(),
        }),
    }
}

//! What stands for adding to vaults where the library is built without them.

use std::marker::PhantomData;
use std::path::PathBuf;

use apograph_format::UnixMillis;
use apograph_io::{Context, Folder, IoError};
use apograph_manifest::SegmentRecord;

use crate::addition::Addition;
use crate::error::Result;
use crate::location::{Location, LocationOf};
use crate::repository::Repository;
use crate::vault_segments::VaultSegments;

/// A vault to which is added: there is none.
pub(crate) struct VaultTarget<'a>(Never, PhantomData<Context<'a>>);

enum Never {}

impl<'a> VaultTarget<'a> {
    /// There is no vault that can be read.
    pub(crate) fn find(location: Location, _context: Context<'a>) -> Result<Option<Self>> {
        let LocationOf::Path(path) = location.of;
        match Folder::find(&path) {
            Ok(Some(folder)) => VaultSegments::find(&folder, &location.keys).map(|_| None),
            Ok(None) | Err(IoError::NotAFolder { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self.0 {}
    }

    pub(crate) fn is_in_place(&self) -> Result<bool> {
        match self.0 {}
    }

    pub(crate) const fn context(&self) -> Context<'a> {
        match self.0 {}
    }

    pub(crate) fn keeping(self) -> Self {
        match self.0 {}
    }

    pub(crate) fn read(&self) -> Result<(Repository, HeldVault<'_>)> {
        match self.0 {}
    }
}

/// A vault as of a version: there is none.
pub(crate) struct HeldVault<'w>(Never, PhantomData<Context<'w>>);

impl HeldVault<'_> {
    pub(crate) const fn staging(&self) -> &Folder {
        match self.0 {}
    }

    pub(crate) fn publish(
        &self,
        _addition: Addition<'_, '_>,
        _context: Context<'_>,
    ) -> Result<Vec<SegmentRecord>> {
        match self.0 {}
    }

    pub(crate) fn looked(&self, _until: Option<UnixMillis>) -> Result<()> {
        match self.0 {}
    }
}

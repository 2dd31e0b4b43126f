//! What stands for removing segments from vaults where the library is built without them.

use std::marker::PhantomData;
use std::time::Duration;

use apograph_io::Context;
use apograph_manifest::{FileName, Pin, PinName};

use crate::error::{RepositoryError, Result};
use crate::location::Location;
use crate::removal::{Choose, Removal};
use crate::repository::Repository;
use crate::vault_target::VaultTarget;

/// A vault whose catalog is changed: there is none.
pub(crate) struct VaultRemoval<'a>(Never, PhantomData<Context<'a>>);

enum Never {}

impl<'a> VaultRemoval<'a> {
    /// There is no vault that can be changed.
    pub(crate) fn find(location: &'a Location, context: Context<'a>) -> Result<Option<Self>> {
        VaultTarget::find(location.clone(), context).map(|_| None)
    }

    pub(crate) fn remove<E: From<RepositoryError>>(
        &self,
        _grace: Duration,
        _choose: &mut Choose<'_, E>,
    ) -> std::result::Result<Removal, E> {
        match self.0 {}
    }

    pub(crate) fn bring_back(&self) -> Result<Vec<FileName>> {
        match self.0 {}
    }

    pub(crate) fn pin<E: From<RepositoryError>>(
        &self,
        _find: &mut dyn FnMut(&Repository) -> std::result::Result<Pin, E>,
    ) -> std::result::Result<(), E> {
        match self.0 {}
    }

    pub(crate) fn unpin(&self, _name: &PinName) -> Result<bool> {
        match self.0 {}
    }
}

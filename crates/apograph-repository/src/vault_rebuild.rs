//! The catalog of a vault made anew, and what says that there is a vault.

use std::fmt;

use apograph_io::Context;
use apograph_manifest::{Chain, FileName};
use apograph_vault::{CatalogRebuild, VaultError, mend_head, needs_head, plan_catalog};

use crate::error::{RepositoryError, Result};
use crate::location::Location;
use crate::vault_links::{VaultLinks, entry_of};
use crate::vault_place::{OpenPlace, VaultPlace, WRITER};

/// What a vault is when its catalog is made anew.
pub struct VaultRebuild<'a> {
    /// The catalog.
    pub catalog: CatalogRebuild,
    /// Whether `vault.json` is missing or damaged, so that the vault gets a new id.
    pub needs_head: bool,
    place: OpenPlace<'a>,
    context: Context<'a>,
}

/// Finds out what the vault at a location is when its catalog is made anew of the versions that can
/// still be read, and of the segments that none of them names. `None` where there is no vault, nor
/// anything of one.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`] where no folder is, or nothing in a store;
/// [`RepositoryError::Vault`] as [`plan_catalog`], and where a newer program wrote `vault.json`;
/// [`RepositoryError::Io`].
pub fn plan_vault_rebuild<'a>(
    location: &Location,
    context: Context<'a>,
) -> Result<Option<VaultRebuild<'a>>> {
    let place = VaultPlace::there(location)?;
    let opened = place.open(context.disk);
    let store = opened.store();
    let needs_head = needs_head(store)?;
    if needs_head && !opened.has_remains()? {
        return Ok(None);
    }
    let (identities, recipients) = (&location.keys.identities, location.keys.recipients.as_ref());
    let catalog = plan_catalog(store, identities, recipients, context)?;
    Ok(Some(VaultRebuild {
        catalog,
        needs_head,
        place: opened,
        context,
    }))
}

impl VaultRebuild<'_> {
    /// Whether nothing has to be written.
    pub const fn is_unchanged(&self) -> bool {
        self.catalog.unchanged && !self.needs_head
    }

    /// The segment that the first one went on from, where that is not there any more.
    pub fn lost_before(&self) -> Option<&FileName> {
        let first = self.catalog.segments.first();
        first.and_then(|first| first.link.after.as_ref())
    }

    /// The chain that the segments make up.
    pub fn chain(&self) -> Chain {
        let mut links = VaultLinks::default();
        let segments = self.catalog.segments.iter().enumerate();
        let entries = segments.map(|(index, segment)| {
            let hole = links.add(index, segment);
            entry_of(segment.record.clone(), hole)
        });
        Chain::new(entries.collect()).looked_until(self.catalog.settings.looked_until)
    }

    /// Writes what is not as it has to be: the next version of the catalog, then `vault.json`.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Overtaken`] where another writer was faster; [`RepositoryError::Vault`].
    pub fn write(&self) -> Result<()> {
        self.context.monitor.go_on()?;
        let (store, clock) = (self.place.store(), self.context.clock);
        if !self.catalog.unchanged {
            match self.catalog.write(store, clock, WRITER) {
                Err(VaultError::Overtaken { place }) => {
                    return Err(RepositoryError::Overtaken { path: place.into() });
                }
                written => written?,
            };
        }
        if self.needs_head {
            mend_head(store, clock)?;
        }
        Ok(())
    }
}

impl fmt::Debug for VaultRebuild<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("VaultRebuild");
        debug
            .field("catalog", &self.catalog)
            .finish_non_exhaustive()
    }
}

//! Removing segments from the chain of a vault, bringing them back, and pinning states.
//!
//! Each is a change of the catalog that was decided on what a version says. Where another writer commits
//! something meanwhile that the decision may hang on, it is made again on the newer version.

use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::Context;
use apograph_manifest::{FileName, Pin, PinName};
use apograph_store::Store;
use apograph_vault::{Catalog, CatalogChange, CatalogSegment, Committed, VaultError, VaultHead};

use crate::cleaning::{NAMES_MAX, clean};
use crate::error::{RepositoryError, Result};
use crate::location::Location;
use crate::removal::{Choose, Removal};
use crate::repository::Repository;
use crate::vault_place::{OpenPlace, VaultPlace, WRITER};
use crate::vault_segments::VaultSegments;

/// So often a decision is made again.
const ATTEMPTS_MAX: u32 = 10;

/// A vault whose catalog is changed.
pub(crate) struct VaultRemoval<'a> {
    location: &'a Location,
    place: VaultPlace,
    opened: OpenPlace<'a>,
    head: VaultHead,
    context: Context<'a>,
}

impl<'a> VaultRemoval<'a> {
    /// The vault at a location; `None` where a folder is none.
    pub(crate) fn find(location: &'a Location, context: Context<'a>) -> Result<Option<Self>> {
        let place = VaultPlace::there(location)?;
        let opened = place.open(context.disk);
        let found = opened.find_vault()?;
        if found.is_none() && place.folder().is_none() {
            // It says that there is none.
            opened.vault()?;
        }
        Ok(found.map(|head| Self {
            location,
            place,
            opened,
            head,
            context,
        }))
    }

    /// Removes what `choose` chooses, and deletes what was removed long enough ago.
    pub(crate) fn remove<E: From<RepositoryError>>(
        &self,
        grace: Duration,
        choose: &mut Choose<'_, E>,
    ) -> std::result::Result<Removal, E> {
        let now = self.store().now();
        let now = now.map_err(|error| RepositoryError::from(VaultError::from(error)))?;
        let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let until = UnixMillis::new(now.get().saturating_add(grace));
        let mut segments = Vec::new();
        let change = &mut |catalog: &Catalog<'_>| {
            let repository = self.read(catalog)?;
            let entries = repository.chain().entries();
            let chosen = choose(&repository)?.into_iter();
            let chosen = chosen.filter_map(|index| entries.get(index));
            segments = chosen.map(|entry| entry.segment.file.clone()).collect();
            let parts = segments.chunks(NAMES_MAX);
            let parts = parts.map(|part| CatalogChange::Removed {
                segments: part.to_vec(),
                until: Some(until),
            });
            Ok::<_, E>(parts.collect())
        };
        let mut catalog = self.commit(change)?;
        let cleaned = clean(&self.opened, &mut catalog, self.context)?;
        Ok(Removal {
            segments,
            until,
            deleted: cleaned.objects,
            deleted_bytes: cleaned.bytes,
        })
    }

    /// Brings back what was removed, and is not gone.
    pub(crate) fn bring_back(&self) -> Result<Vec<FileName>> {
        let mut segments = Vec::new();
        self.commit(&mut |catalog| {
            segments = removed(catalog)?;
            let parts = segments.chunks(NAMES_MAX);
            let parts = parts.map(|part| CatalogChange::BroughtBack {
                segments: part.to_vec(),
            });
            Ok::<_, RepositoryError>(parts.collect())
        })?;
        Ok(segments)
    }

    /// Pins a state.
    pub(crate) fn pin<E: From<RepositoryError>>(
        &self,
        find: &mut dyn FnMut(&Repository) -> std::result::Result<Pin, E>,
    ) -> std::result::Result<(), E> {
        self.commit(&mut |catalog| {
            let pin = Box::new(find(&self.read(catalog)?)?);
            Ok::<_, E>(vec![CatalogChange::Pinned { pin }])
        })?;
        Ok(())
    }

    /// Takes a pin back; tells whether there was one.
    pub(crate) fn unpin(&self, name: &PinName) -> Result<bool> {
        let mut is_there = false;
        self.commit(&mut |catalog| {
            let settings = catalog.read(&mut |_| Ok(()))?;
            is_there = settings.pins.iter().any(|pin| pin.name == *name);
            let name = name.clone();
            let change = is_there.then_some(CatalogChange::Unpinned { name });
            Ok::<_, RepositoryError>(change.into_iter().collect())
        })?;
        Ok(is_there)
    }

    fn store(&self) -> &dyn Store {
        self.opened.store()
    }

    fn read(&self, catalog: &Catalog<'_>) -> Result<Repository> {
        let place = (self.place.clone(), &self.location.keys);
        let read = VaultSegments::of(place, &self.head, catalog)?;
        Ok(Repository::of_vault(read))
    }

    /// Commits what `decide` makes of the newest version, if anything. Returns the catalog then.
    fn commit<E: From<RepositoryError>>(
        &self,
        decide: &mut dyn FnMut(&Catalog<'_>) -> std::result::Result<Vec<CatalogChange>, E>,
    ) -> std::result::Result<Catalog<'_>, E> {
        for _ in 0..ATTEMPTS_MAX {
            self.context
                .monitor
                .go_on()
                .map_err(RepositoryError::from)?;
            let catalog = Catalog::open(self.store(), self.context.clock, WRITER);
            let mut catalog = catalog.map_err(RepositoryError::from)?;
            let changes = decide(&catalog)?;
            if changes.is_empty() {
                return Ok(catalog);
            }
            let committed = catalog.commit(changes.clone(), &mut |others| {
                others.iter().all(is_harmless).then(|| changes.clone())
            });
            match committed {
                Ok(Committed::Version(_)) => return Ok(catalog),
                Ok(Committed::Dropped) | Err(VaultError::Overtaken { .. }) => {}
                Err(error) => return Err(RepositoryError::from(error).into()),
            }
        }
        let path = self.place.path();
        Err(RepositoryError::Busy { path }.into())
    }
}

/// What no decision hangs on: what comes after the end of the chain, and what is noted.
const fn is_harmless(other: &CatalogChange) -> bool {
    matches!(
        other,
        CatalogChange::Added { .. }
            | CatalogChange::Looked { .. }
            | CatalogChange::Drilled { .. }
            | CatalogChange::Recipients { .. }
    )
}

/// What was removed, and can be brought back.
fn removed(catalog: &Catalog<'_>) -> Result<Vec<FileName>> {
    let mut removed = Vec::new();
    catalog.read(&mut |segment| {
        if let CatalogSegment::Left(segment, departure) = segment
            && departure.is_removal()
        {
            removed.push(segment.record.segment.file);
        }
        Ok(())
    })?;
    Ok(removed)
}

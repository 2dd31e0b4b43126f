//! What is known of a vault from one capture to the next: for who captures every second, and would read
//! the catalog each time.
//!
//! It holds for as long as nobody else commits. So each time one small request asks for the version
//! after the newest that is known; where it is there, the catalog is read anew. Whoever commits in
//! between is noticed by the commit itself, as any other writer is.

use std::cell::RefCell;
use std::collections::HashSet;

use apograph_format::UnixMillis;
use apograph_io::Clock;
use apograph_manifest::Evidence;
use apograph_store::Store;
use apograph_vault::{Catalog, KeptCatalog, StoredSegment};

use crate::error::Result;
use crate::vault_links::entry_of;
use crate::vault_segments::{VaultRead, VaultSegments};

/// A vault as of a version of its catalog that was the newest.
struct KeptVault {
    catalog: KeptCatalog,
    read: VaultRead,
}

/// Where it is kept, if it is.
pub(crate) struct VaultMemory(Option<RefCell<Option<KeptVault>>>);

impl VaultMemory {
    /// Nothing is kept.
    pub(crate) const NONE: Self = Self(None);

    /// What is read from now on is kept.
    pub(crate) const fn empty() -> Self {
        Self(Some(RefCell::new(None)))
    }

    /// What was kept, where it is still the newest.
    pub(crate) fn recall<'s>(
        &self,
        store: &'s dyn Store,
        clock: &'s dyn Clock,
    ) -> Result<Option<(Catalog<'s>, VaultRead)>> {
        let kept = self.0.as_ref().and_then(|kept| kept.borrow_mut().take());
        let Some(kept) = kept else {
            return Ok(None);
        };
        let catalog = Catalog::resume(store, clock, &kept.catalog)?;
        Ok(catalog.map(|catalog| (catalog, kept.read)))
    }

    /// Keeps what was read of a catalog.
    pub(crate) fn keep(&self, catalog: &Catalog<'_>, read: &VaultRead) {
        if let Some(kept) = &self.0 {
            *kept.borrow_mut() = Some(KeptVault {
                catalog: catalog.kept(),
                read: live(read),
            });
        }
    }

    /// Keeps what a version has added that was committed right after the one that is kept. Where others
    /// committed in between, nothing is kept any more.
    pub(crate) fn add(&self, catalog: &Catalog<'_>, added: Added) {
        let Some(kept) = &self.0 else {
            return;
        };
        let mut kept = kept.borrow_mut();
        let Some(mut known) = kept.take() else {
            return;
        };
        if known.catalog.version() + 1 != catalog.version() {
            return;
        }
        known.catalog = catalog.kept();
        known.read.segments.version = catalog.version();
        for segment in added.segments {
            known.read.add(segment);
        }
        known.read.evidence = added.evidence.or(known.read.evidence.take());
        known.read.notes.looked_until = Some(added.looked_until);
        *kept = Some(known);
    }

    /// Keeps nothing of what was read: something went wrong.
    pub(crate) fn forget(&self) {
        if let Some(kept) = &self.0 {
            *kept.borrow_mut() = None;
        }
    }

    /// Whether anything is kept.
    pub(crate) const fn is_used(&self) -> bool {
        self.0.is_some()
    }
}

/// What a version has added.
pub(crate) struct Added {
    pub(crate) segments: Vec<StoredSegment>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) looked_until: UnixMillis,
}

impl VaultRead {
    /// Takes the segment that was captured after all others.
    fn add(&mut self, segment: StoredSegment) {
        let is_cut_off = self.segments.links.add(self.entries.len(), &segment);
        let name = segment.name().clone();
        self.segments.stored.insert(name, segment.stored);
        self.entries.push(entry_of(segment.record, is_cut_off));
    }
}

/// The same without what has left the chain, which no capture asks for.
fn live(read: &VaultRead) -> VaultRead {
    let VaultSegments {
        place,
        version,
        identities,
        stored,
        checks,
        links,
        ..
    } = &read.segments;
    VaultRead {
        segments: VaultSegments {
            place: place.clone(),
            version: *version,
            identities: identities.clone(),
            stored: stored.clone(),
            left: HashSet::new(),
            checks: checks.clone(),
            links: links.clone(),
        },
        entries: read.entries.clone(),
        evidence: read.evidence.clone(),
        notes: read.notes.clone(),
        recipients: read.recipients.clone(),
    }
}

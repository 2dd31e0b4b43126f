//! Copies into a vault.

use std::path::PathBuf;

use apograph_format::{SegmentKind, UnixMillis};
use apograph_io::{Context, random};
use apograph_manifest::{ChainEntry, Evidence, FileName, Hole, Nonce};
use apograph_store::Store;
use apograph_vault::wrap::Recipients;
use apograph_vault::{
    Catalog, CatalogChange, CatalogSegment, Form, Link, SegmentId, StoredSegment, VaultError,
    put_segment,
};

use crate::addition::evidence_for;
use crate::copy_target::{CheckedSegment, CopyTarget};
use crate::error::Result;
use crate::location::Location;
use crate::pack::Pack;
use crate::vault_links::{VaultLinks, entry_of};
use crate::vault_place::{OpenPlace, WRITER};
use crate::vault_target::add;

/// A vault that is copied to. Nothing is locked: the catalog tells where another writer was faster.
pub(crate) struct VaultCopy<'s> {
    store: &'s dyn Store,
    catalog: Catalog<'s>,
    entries: Vec<ChainEntry>,
    /// The last segment of the chain.
    last: Option<FileName>,
    /// The version that the next segments are built on.
    built_on: u64,
    /// The number that the next segment gets among those that are published with it.
    next: u32,
    looked_until: Option<UnixMillis>,
    put: Vec<StoredSegment>,
    pack: Pack,
    recipients: Option<Recipients>,
    context: Context<'s>,
}

impl<'s> VaultCopy<'s> {
    /// Reads what is in a vault.
    pub(crate) fn open(
        (to, location): (&'s OpenPlace<'_>, &Location),
        pack: Pack,
        context: Context<'s>,
    ) -> Result<Self> {
        to.vault()?;
        let store = to.store();
        let catalog = Catalog::open(store, context.clock, WRITER)?;
        let (mut entries, mut links) = (Vec::new(), VaultLinks::default());
        let settings = catalog.read(&mut |segment| {
            if let CatalogSegment::Live(segment) = segment {
                let hole = links.add(entries.len(), &segment);
                entries.push(entry_of(segment.record, hole));
            }
            Ok(())
        })?;
        let wanted = location.keys.recipients.as_ref();
        let recipients = catalog.recipients(&settings.recipients, wanted)?;
        let built_on = SegmentId::next_built_on(catalog.version(), links.last());
        Ok(Self {
            store,
            catalog,
            entries,
            built_on,
            last: links.last().cloned(),
            next: 0,
            looked_until: settings.looked_until,
            put: Vec::new(),
            pack,
            recipients,
            context,
        })
    }

    /// The name of the next segment.
    fn id(&mut self, kind: SegmentKind) -> Result<SegmentId> {
        let index = self.next;
        self.next = index.saturating_add(1);
        Ok(SegmentId {
            built_on: self.built_on,
            index,
            kind,
            nonce: Nonce::new(random()?),
        })
    }
}

impl CopyTarget for VaultCopy<'_> {
    fn path(&self) -> PathBuf {
        self.store.place().into()
    }

    fn entries(&self) -> &[ChainEntry] {
        &self.entries
    }

    fn put(&mut self, segment: CheckedSegment<'_>) -> Result<u64> {
        let kind = segment.record.segment.kind;
        if segment.hole.is_some() {
            // What is missing has a name that nobody finds.
            self.last =
                Some(FileName::try_from(self.id(kind)?.to_string()).map_err(VaultError::from)?);
        }
        let named = (self.id(kind)?, Link::after(self.last.take()));
        let form = Form::from(self.pack.of(kind)).encrypted_for(self.recipients.as_ref());
        let (bytes, record) = (segment.bytes, segment.record);
        let mut stored = put_segment(self.store, named, bytes, record, form, self.context)?;
        stored.is_after_removed = segment.hole == Some(Hole::Pruned);
        let stored_bytes = stored.stored.size_bytes();
        self.last = Some(stored.name().clone());
        self.put.push(stored);
        Ok(stored_bytes)
    }

    fn publish(&mut self, evidence: Option<&Evidence>) -> Result<()> {
        let segments = std::mem::take(&mut self.put);
        self.next = 0;
        let evidence = evidence
            .zip(segments.last())
            .map(|(evidence, last)| evidence_for(evidence, &last.record));
        let changes = CatalogChange::additions(segments, evidence);
        add(&mut self.catalog, &changes)?;
        self.built_on = SegmentId::next_built_on(self.catalog.version(), self.last.as_ref());
        Ok(())
    }

    /// In a vault the times of captures are those that were copied.
    fn note(
        &mut self,
        looked_until: Option<UnixMillis>,
        _file_times_through: Option<usize>,
    ) -> Result<()> {
        match looked_until {
            Some(until) if self.looked_until < Some(until) => {
                add(&mut self.catalog, &[CatalogChange::Looked { until }])
            }
            _ => Ok(()),
        }
    }
}

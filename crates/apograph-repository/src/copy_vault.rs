//! Copies into a vault.

use std::path::PathBuf;

use apograph_format::UnixMillis;
use apograph_io::{Context, random};
use apograph_manifest::{ChainEntry, Evidence, Nonce};
use apograph_store::Store;
use apograph_vault::wrap::Recipients;
use apograph_vault::{
    Catalog, CatalogChange, CatalogSegment, Form, SegmentId, StoredSegment, put_segment,
};

use crate::addition::evidence_for;
use crate::copy_target::{CheckedSegment, CopyTarget};
use crate::error::Result;
use crate::location::Location;
use crate::pack::Pack;
use crate::vault_place::{OpenPlace, WRITER};
use crate::vault_segments::entry_of;
use crate::vault_target::add;

/// A vault that is copied to. Nothing is locked: the catalog tells where another writer was faster.
pub(crate) struct VaultCopy<'s> {
    store: &'s dyn Store,
    catalog: Catalog<'s>,
    entries: Vec<ChainEntry>,
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
        let mut entries = Vec::new();
        let settings = catalog.read(&mut |segment| {
            if let CatalogSegment::Live(segment) = segment {
                entries.push(entry_of(segment.record));
            }
            Ok(())
        })?;
        let wanted = location.keys.recipients.as_ref();
        let recipients = catalog.recipients(&settings.recipients, wanted)?;
        Ok(Self {
            store,
            catalog,
            entries,
            looked_until: settings.looked_until,
            put: Vec::new(),
            pack,
            recipients,
            context,
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
        let CheckedSegment { bytes, record, .. } = segment;
        let id = SegmentId {
            built_on: self.catalog.version(),
            index: u32::try_from(self.put.len()).unwrap_or(u32::MAX),
            kind: record.segment.kind,
            nonce: Nonce::new(random()?),
        };
        let form = Form::from(self.pack.of(id.kind)).encrypted_for(self.recipients.as_ref());
        let stored = put_segment(self.store, id, bytes, record, form, self.context)?;
        let stored_bytes = stored.stored.size_bytes();
        self.put.push(stored);
        Ok(stored_bytes)
    }

    fn publish(&mut self, evidence: Option<&Evidence>) -> Result<()> {
        let segments = std::mem::take(&mut self.put);
        let evidence = evidence
            .zip(segments.last())
            .map(|(evidence, last)| evidence_for(evidence, &last.record));
        let change = CatalogChange::Added {
            segments,
            evidence: evidence.map(Box::new),
        };
        add(&mut self.catalog, &[change])
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

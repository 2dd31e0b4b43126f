//! Adding to a vault.
//!
//! Nothing is locked. New segments are written to a folder of the machine, and from there to objects
//! that no version of the catalog names yet; then the next version names all of them, or it is
//! another writer's, and the vault has to be opened again. What others may have done meanwhile, and
//! the new segments still go on where the chain ended: verified and merged older ones, and looked.

use std::cell::Cell;
use std::path::PathBuf;

use apograph_format::UnixMillis;
use apograph_io::{Context, Folder, IoError, random};
use apograph_manifest::{FileName, Nonce, SegmentRecord};
use apograph_vault::wrap::Recipients;
use apograph_vault::{
    Catalog, CatalogChange, Committed, Form, Link, SegmentId, StoredSegment, VaultError, VaultHead,
    put_segment,
};

use crate::addition::{Addition, NewSegment, evidence_for};
use crate::error::{RepositoryError, Result};
use crate::location::{Keys, Location, LocationOf};
use crate::pack::Pack;
use crate::place::check_outside_logs;
use crate::repository::Repository;
use crate::staging::Staging;
use crate::vault_kept::{Added, VaultMemory};
use crate::vault_place::{OpenPlace, VaultPlace, WRITER, no_vault_for};
use crate::vault_segments::VaultSegments;

/// A vault to which is added.
pub(crate) struct VaultTarget<'a> {
    head: VaultHead,
    place: VaultPlace,
    keys: Keys,
    opened: OpenPlace<'a>,
    context: Context<'a>,
    staging: Staging<'a>,
    memory: VaultMemory,
}

impl<'a> VaultTarget<'a> {
    /// The vault at a location; `None` where a folder is none, or is not there.
    pub(crate) fn find(location: Location, context: Context<'a>) -> Result<Option<Self>> {
        let place = match &location.of {
            LocationOf::Store(store) => VaultPlace::Store(store.clone()),
            LocationOf::Path(path) => match Folder::find(path) {
                Ok(Some(folder)) if VaultSegments::are_in(&folder)? => {
                    check_outside_logs(&folder, path)?;
                    VaultPlace::Folder(folder)
                }
                // What else is there is no vault, and somebody else's to tell of.
                Ok(_) | Err(IoError::NotAFolder { .. }) => {
                    no_vault_for(&location)?;
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            },
        };
        let opened = place.open(context.disk);
        Ok(Some(Self {
            head: opened.vault()?,
            staging: Staging::new(context)?,
            place,
            keys: location.keys,
            opened,
            context,
            memory: VaultMemory::NONE,
        }))
    }

    /// The same, that keeps what it reads of the catalog.
    pub(crate) fn keeping(self) -> Self {
        Self {
            memory: VaultMemory::empty(),
            ..self
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.place.path()
    }

    pub(crate) fn is_in_place(&self) -> Result<bool> {
        match self.place.folder() {
            Some(folder) => Ok(folder.is_in_place()?),
            None => Ok(true),
        }
    }

    pub(crate) const fn context(&self) -> Context<'a> {
        self.context
    }

    /// Reads the newest version.
    pub(crate) fn read(&self) -> Result<(Repository, HeldVault<'_>)> {
        let store = self.opened.store();
        let clock = self.context.clock;
        let (catalog, read) = if let Some(known) = self.memory.recall(store, clock)? {
            known
        } else {
            let catalog = Catalog::open(store, clock, WRITER)?;
            let place = (self.place.clone(), &self.keys);
            let read = VaultSegments::of(place, &self.head, &catalog)?;
            (catalog, read)
        };
        self.memory.keep(&catalog, &read);
        let wanted = self.keys.recipients.as_ref();
        let vault = HeldVault {
            recipients: catalog.recipients(&read.recipients, wanted)?,
            last: read.segments.links.last().cloned(),
            place: &self.opened,
            staging: self.staging.folder(),
            memory: &self.memory,
            looked: Cell::new(read.notes.looked_until),
            catalog,
        };
        Ok((Repository::of_vault(read), vault))
    }
}

/// A vault as of a version of its catalog, to which the next one can be added.
pub(crate) struct HeldVault<'w> {
    place: &'w OpenPlace<'w>,
    staging: &'w Folder,
    memory: &'w VaultMemory,
    recipients: Option<Recipients>,
    /// The last segment that was captured.
    last: Option<FileName>,
    /// It stays as it was read.
    catalog: Catalog<'w>,
    /// Every commit before this time is in the vault.
    looked: Cell<Option<UnixMillis>>,
}

impl HeldVault<'_> {
    /// Where segments wait.
    pub(crate) const fn staging(&self) -> &Folder {
        self.staging
    }

    /// Stores new segments, and adds a version that names them.
    pub(crate) fn publish(
        &self,
        addition: Addition<'_, '_>,
        context: Context<'_>,
    ) -> Result<Vec<SegmentRecord>> {
        let Addition {
            segments,
            evidence,
            looked_until,
            log,
            ..
        } = addition;
        context.monitor.go_on()?;
        let sizes = segments.iter().map(|it| it.record.segment.size_bytes);
        context.monitor.phase("storing", sizes.sum());
        let mut stored = Vec::with_capacity(segments.len());
        let mut last = self.last.clone();
        for (index, segment) in (0..).zip(segments) {
            let put = self.put(segment, (index, Link::after(last)), context)?;
            last = Some(put.name().clone());
            stored.push(put);
        }
        let records: Vec<_> = stored.iter().map(|it| it.record.clone()).collect();
        let evidence = evidence.zip(records.last());
        let evidence = evidence.map(|(evidence, last)| log.mark(evidence_for(&evidence, last)));
        let segments = self.memory.is_used().then(|| stored.clone());
        let new = Added {
            segments: segments.unwrap_or_default(),
            evidence: evidence.clone(),
            looked_until,
        };
        let mut added = CatalogChange::additions(stored, evidence);
        added.push(CatalogChange::Looked {
            until: looked_until,
        });
        let committed = self.add(&added, new);
        // After another error the version may be there all the same.
        if matches!(committed, Err(RepositoryError::Overtaken { .. })) {
            log.unmark();
        }
        committed?;
        self.looked.set(Some(looked_until));
        log.keep();
        Ok(records)
    }

    /// Stores a segment, which goes from where it waited.
    fn put(
        &self,
        segment: NewSegment<'_>,
        (index, link): (u32, Link),
        context: Context<'_>,
    ) -> Result<StoredSegment> {
        let NewSegment { file, record } = segment;
        let id = SegmentId {
            built_on: SegmentId::next_built_on(self.catalog.version(), self.last.as_ref()),
            index,
            kind: record.segment.kind,
            nonce: Nonce::new(random()?),
        };
        let form = Form::from(Pack::Best.of(id.kind)).encrypted_for(self.recipients.as_ref());
        let source = file.source()?;
        let (store, bytes) = (self.place.store(), source.bytes());
        Ok(put_segment(
            store,
            (id, link),
            bytes,
            record,
            form,
            context,
        )?)
    }

    /// Notes until when it was looked, where that is not noted.
    pub(crate) fn looked(&self, until: Option<UnixMillis>) -> Result<()> {
        let Some(until) = until.filter(|until| self.looked.get() < Some(*until)) else {
            return Ok(());
        };
        let new = Added {
            segments: Vec::new(),
            evidence: None,
            looked_until: until,
        };
        self.add(&[CatalogChange::Looked { until }], new)
    }

    /// Adds changes, and keeps in mind what they add.
    fn add(&self, changes: &[CatalogChange], new: Added) -> Result<()> {
        let mut catalog = self.catalog.clone();
        let committed = add(&mut catalog, changes);
        match &committed {
            Ok(()) => self.memory.add(&catalog, new),
            Err(_) => self.memory.forget(),
        }
        committed
    }
}

/// Adds changes that go on where the chain ended, unless it does not end there any more.
pub(crate) fn add(catalog: &mut Catalog<'_>, changes: &[CatalogChange]) -> Result<()> {
    let adds = |name: &FileName| {
        changes.iter().any(|change| match change {
            CatalogChange::Added { segments, .. } => segments.iter().any(|it| it.name() == name),
            _ => false,
        })
    };
    let is_harmless = |other: &CatalogChange| match other {
        CatalogChange::Looked { .. }
        | CatalogChange::Verified { .. }
        | CatalogChange::Drilled { .. }
        | CatalogChange::Merged { .. } => true,
        // What waited for more than a day to be named was taken for a leftover.
        CatalogChange::Gone { segments } => !segments.iter().any(adds),
        _ => false,
    };
    let overtaken = |catalog: &Catalog<'_>| RepositoryError::Overtaken {
        path: catalog.place().into(),
    };
    let committed = catalog.commit(changes.to_vec(), &mut |others| {
        others.iter().all(is_harmless).then(|| changes.to_vec())
    });
    match committed {
        Ok(Committed::Version(_)) => Ok(()),
        Ok(Committed::Dropped) | Err(VaultError::Overtaken { .. }) => Err(overtaken(catalog)),
        Err(error) => Err(error.into()),
    }
}

//! A repository whose segments are the objects of a vault.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, Write};

use apograph_format::Detail;
use apograph_io::{At, Context, Folder, IoError, Mode, RealDisk, Source, SystemClock, spool_file};
use apograph_manifest::{ChainEntry, Evidence, FileName, Notes, SegmentRecord, Unusable};
use apograph_store::{FolderStore, StoreError};
use apograph_vault::{Catalog, CatalogSegment, Stored, VaultError, find_vault, read_segment};

use crate::error::Result;
use crate::segment_defect::SegmentDefect;

/// Where the segments of a vault are.
#[derive(Debug)]
pub(crate) struct VaultSegments {
    store: FolderStore<'static>,
    stored: HashMap<FileName, Stored>,
}

/// A vault as of the newest version of its catalog.
pub(crate) struct VaultRead {
    pub(crate) segments: VaultSegments,
    pub(crate) entries: Vec<ChainEntry>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) notes: Notes,
}

impl VaultSegments {
    /// Whether a folder is a vault.
    pub(crate) fn are_in(folder: &Folder) -> Result<bool> {
        Ok(find_vault(&store_in(folder))?.is_some())
    }

    /// Reads the catalog of the vault in a folder; `None` where that is none.
    pub(crate) fn find(folder: &Folder) -> Result<Option<VaultRead>> {
        let store = store_in(folder);
        let Some(head) = find_vault(&store)? else {
            return Ok(None);
        };
        let (mut entries, mut stored) = (Vec::new(), HashMap::new());
        let settings = Catalog::open(&store, &SystemClock, "")?.read(&mut |segment| {
            if let CatalogSegment::Live(segment) = segment {
                stored.insert(segment.name().clone(), segment.stored);
                entries.push(entry(segment.record));
            }
            Ok(())
        })?;
        let mut notes = Notes::of(head.id);
        notes.looked_until = settings.looked_until;
        Ok(Some(VaultRead {
            segments: Self { store, stored },
            entries,
            evidence: settings.evidence,
            notes,
        }))
    }

    /// Fetches a segment, which has the name of a file in the folder, into a file without a name.
    pub(crate) fn fetch(
        &self,
        at: At<'_>,
        context: Context<'_>,
    ) -> std::result::Result<Source, SegmentDefect> {
        let name = at
            .name()
            .to_str()
            .and_then(|name| FileName::try_from(name).ok());
        let known = name.and_then(|name| self.stored.get_key_value(&name));
        let (name, stored) = known.ok_or(Unusable::Missing)?;
        let failed = |source: io::Error| IoError::Failed {
            operation: "fetch",
            path: at.path(),
            source,
        };
        let mut file = spool_file().map_err(failed)?;
        let read = read_segment(&self.store, name, stored, context, &mut |piece| {
            let written = file.write_all(piece);
            written.map_err(|error| VaultError::Io(failed(error)))
        });
        read.map_err(|error| defect(error, failed))?;
        Ok(source(file, at)?)
    }
}

fn store_in(folder: &Folder) -> FolderStore<'static> {
    FolderStore::new(&RealDisk, folder.clone(), Mode::PRIVATE)
}

fn source(mut file: File, at: At<'_>) -> apograph_io::Result<Source> {
    file.rewind().map_err(|source| IoError::Failed {
        operation: "read",
        path: at.path(),
        source,
    })?;
    Source::of(file, &at.path())
}

/// What it means that a segment could not be fetched: of what is damaged or gone it is another thing
/// than of a place that does not answer.
fn defect(error: VaultError, failed: impl FnOnce(io::Error) -> IoError) -> SegmentDefect {
    let damaged = |detail: Detail| Unusable::damaged(0, detail).into();
    match error {
        VaultError::Io(error) => error.into(),
        VaultError::Store(StoreError::Missing { .. }) => Unusable::Missing.into(),
        error @ (VaultError::Store(StoreError::EndedEarly { .. })
        | VaultError::Object { .. }
        | VaultError::Wrap { .. }) => damaged(error.into()),
        other => SegmentDefect::Io(failed(io::Error::other(other))),
    }
}

fn entry(record: SegmentRecord) -> ChainEntry {
    ChainEntry {
        segment: record.segment,
        hash: Some(record.hash),
        content: Some(record.content),
        unusable: None,
        is_counted: !record.is_uncounted,
    }
}

//! Copying a repository into a vault.
//!
//! Segment after segment is checked, stored and committed, in the order of the chain: so what is there
//! when a copy is ended is the front of the repository, and the next one goes on from it. The copy is
//! of the same history where the vault has the same segments in the same order, by their hashes.

use apograph_format::Blake3;
use apograph_io::{Context, random};
use apograph_manifest::{
    ChainEntry, Evidence, FileName, IncrementContent, Nonce, SegmentContent, SegmentRecord,
    SegmentStamp, Unusable,
};
use apograph_store::Store;
use apograph_vault::{
    Catalog, CatalogChange, CatalogSegment, SegmentId, StoredSegment, VaultError, put_segment,
};

use crate::check::check_file;
use crate::error::{RepositoryError, Result};
use crate::location::Location;
use crate::pack::Pack;
use crate::repository::Repository;
use crate::segment_defect::SegmentDefect;
use crate::vault_place::{OpenPlace, VaultPlace, WRITER};
use crate::vault_target::add;

/// What a copy did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// How many segments were copied.
    pub segments: u64,
    /// How many were there already.
    pub present: u64,
    /// The bytes of those that were copied.
    pub bytes: u64,
    /// What they became.
    pub stored_bytes: u64,
}

/// Copies what a vault lacks of a repository into it. The vault has to be empty, or hold the same
/// history.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`] where the folder is no vault;
/// [`RepositoryError::OtherHistory`], and then nothing is written; [`RepositoryError::Unusable`] at
/// the first segment that is damaged or missing: those before it are copied.
/// [`RepositoryError::Vault`], also where the vault's segments are to be encrypted, which is not
/// known here; [`RepositoryError::Io`].
pub fn copy_to_vault(
    from: &Repository,
    to: impl Into<Location>,
    pack: Pack,
    context: Context<'_>,
) -> Result<Copied> {
    let to = to.into();
    let place = VaultPlace::find(&to)?.ok_or_else(|| RepositoryError::NotARepository {
        path: to.path(),
        detail: "there is no such folder".to_owned(),
    })?;
    copy_into(from, &place.open(context.disk), pack, context)
}

fn copy_into(
    from: &Repository,
    to: &OpenPlace<'_>,
    pack: Pack,
    context: Context<'_>,
) -> Result<Copied> {
    to.vault()?;
    let store = to.store();
    let mut catalog = Catalog::open(store, context.clock, WRITER)?;
    let mut there = Vec::new();
    let settings = catalog.read(&mut |segment| {
        if let CatalogSegment::Live(segment) = segment {
            there.push((segment.record.hash, segment.name().clone()));
        }
        Ok(())
    })?;
    if !settings.recipients.is_empty() {
        // What is to be read by nobody else is not written for everybody.
        return Err(RepositoryError::Vault(VaultError::TooNew {
            place: store.place(),
            version: catalog.version(),
            detail: "its segments are to be encrypted, which is not known here".into(),
        }));
    }
    let entries = from.chain().entries();
    let is_same =
        |(entry, (hash, _)): (&ChainEntry, &(Blake3, FileName))| entry.hash == Some(*hash);
    if there.len() > entries.len() || !entries.iter().zip(&there).all(is_same) {
        return Err(RepositoryError::OtherHistory {
            path: store.place().into(),
        });
    }
    let rest = entries.get(there.len()..).unwrap_or_default();
    let sizes = rest.iter().map(|entry| entry.segment.size_bytes);
    context.monitor.phase("copying", sizes.sum());
    let mut copied = Copied {
        present: there.len() as u64,
        ..Copied::default()
    };
    let mut index = there.len();
    for group in groups(rest) {
        let mut segments = Vec::with_capacity(group.len());
        for (number, entry) in (0..).zip(group) {
            let id = SegmentId {
                built_on: catalog.version(),
                index: number,
                kind: entry.segment.kind,
                nonce: Nonce::new(random()?),
            };
            let stored = put(from, (index, entry), (store, id), pack, context)?;
            copied.segments += 1;
            copied.bytes += entry.segment.size_bytes;
            copied.stored_bytes += stored.stored.size_bytes();
            segments.push(stored);
            index += 1;
        }
        let last = segments.last().filter(|_| index == entries.len());
        let evidence = last.and_then(|last| evidence(from, &last.record));
        let change = CatalogChange::Added {
            segments,
            evidence: evidence.map(Box::new),
        };
        add(&mut catalog, &[change])?;
    }
    let looked = from
        .notes()
        .ok()
        .flatten()
        .and_then(|notes| notes.looked_until);
    if let Some(until) = looked
        && settings.looked_until.is_none_or(|before| before < until)
    {
        add(&mut catalog, &[CatalogChange::Looked { until }])?;
    }
    Ok(copied)
}

/// The segments that are committed together, as they were: those of one backup, and an image with what
/// comes right after it and tells from where on it serves. Without the others each would be taken for
/// a state that never was.
fn groups(entries: &[ChainEntry]) -> impl Iterator<Item = &[ChainEntry]> {
    entries.chunk_by(|entry, next| {
        let tells = |increment: &IncrementContent| {
            let spans = increment.lsns().is_some_and(|log| log.spans);
            increment.repeats || increment.catches_up || spans
        };
        let is_told = match &next.content {
            Some(SegmentContent::Increment(increment)) => tells(increment),
            _ => false,
        };
        is_told || entry.segment.created_at == next.segment.created_at
    })
}

/// Checks a segment and writes its objects.
fn put(
    from: &Repository,
    (index, entry): (usize, &ChainEntry),
    (store, id): (&dyn Store, SegmentId),
    pack: Pack,
    context: Context<'_>,
) -> Result<StoredSegment> {
    let segment = &entry.segment;
    let unusable = |defect| match defect {
        SegmentDefect::Io(error) => RepositoryError::Io(error),
        SegmentDefect::Unusable(reason) => RepositoryError::Unusable {
            path: from.path_of(segment),
            reason,
        },
    };
    let Some(record) = from.record(index) else {
        let reason = entry.unusable.as_deref().cloned();
        return Err(unusable(reason.unwrap_or(Unusable::Missing).into()));
    };
    let file = from.stored(segment, context).map_err(unusable)?;
    check_file(file.bytes(), entry.into(), context).map_err(unusable)?;
    let record = SegmentRecord {
        verified: None,
        damaged: None,
        ..record.into()
    };
    let packing = pack.of(segment.kind);
    Ok(put_segment(
        store,
        id,
        file.bytes(),
        record,
        packing,
        context,
    )?)
}

/// What the newest backup of a repository wrote down of the log, with the name that its last segment
/// has now.
fn evidence(from: &Repository, last: &SegmentRecord) -> Option<Evidence> {
    let evidence = from.evidence()?;
    let segment = SegmentStamp {
        file: last.segment.file.clone(),
        hash: last.hash,
    };
    (evidence.segment.hash == last.hash).then(|| Evidence {
        segment,
        ..evidence.clone()
    })
}

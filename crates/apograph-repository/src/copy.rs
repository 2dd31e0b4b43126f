//! Copying a repository to another place: a folder or a vault, from either.
//!
//! Backup after backup is checked, written, read back and published, in the order of the chain: so
//! what is there when a copy is ended is the front of the repository, and the next one goes on from
//! it. What is copied to is of the same history where it has the same segments in the same order, also
//! where some of them are merged on one side; or it is empty. Where it ends within an increment that
//! was merged since, it gets the rest of that.

use std::collections::HashSet;

use apograph_io::Context;
use apograph_manifest::{
    ChainEntry, Evidence, Hole, IncrementContent, Segment, SegmentContent, SegmentRecord, Unusable,
};

use crate::check::check_file;
use crate::copy_folder::{FolderCopy, find_or_create};
use crate::copy_target::{CheckedSegment, CopyTarget};
use crate::copy_vault::VaultCopy;
use crate::error::{RepositoryError, Result};
use crate::location::Location;
use crate::merged_rest::EndsWithin;
use crate::pack::Pack;
use crate::repository::Repository;
use crate::same_history::common;
use crate::segment::StoredFile;
use crate::segment_defect::SegmentDefect;
use crate::vault_place::{VaultPlace, no_vault_for};
use crate::vault_segments::VaultSegments;
use crate::writer::Writer;

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

/// Copies what a vault, or a repository in a folder, lacks of a repository. It has to be empty, or
/// hold the same history. Where nothing is a folder is made, and a repository in it. `pack` is how
/// the segments of a vault are packed.
///
/// # Errors
///
/// [`RepositoryError::NotARepository`] where something else is there;
/// [`RepositoryError::OtherHistory`] and [`RepositoryError::InTheWay`], and then nothing is written;
/// [`RepositoryError::Unusable`] at the first segment that is damaged or missing: those before it
/// are copied. [`RepositoryError::Busy`]; [`RepositoryError::Vault`], also where the vault
/// encrypts for others than the location has to have, or for some that are not known here;
/// [`RepositoryError::Io`].
pub fn copy(
    from: &Repository,
    to: impl Into<Location>,
    pack: Pack,
    context: Context<'_>,
) -> Result<Copied> {
    let to = to.into();
    let place = match VaultPlace::find(&to)? {
        Some(VaultPlace::Folder(folder)) if !VaultSegments::are_in(&folder)? => None,
        place => place,
    };
    if let Some(place) = place {
        let opened = place.open(context.disk);
        let mut vault = VaultCopy::open((&opened, &to), pack, context)?;
        return copy_into(from, &mut vault, context);
    }
    no_vault_for(&to)?;
    let folder = find_or_create(&to, context)?;
    let writer = Writer::lock_for(&folder, from.generation(), context)?;
    let copied = copy_into(from, &mut FolderCopy::open(&writer, from)?, context);
    folder.tell_lacks(context.monitor);
    copied
}

fn copy_into(from: &Repository, to: &mut dyn CopyTarget, context: Context<'_>) -> Result<Copied> {
    let entries = from.chain().entries();
    let there = to.entries().to_vec();
    let common = common(entries, &there).ok_or_else(|| refused(entries, to))?;
    let present = common.entries;
    let mut within = common.within.map(|within| EndsWithin {
        there: &there,
        from: entries,
        within,
    });
    let rest = entries.get(present..).unwrap_or_default();
    let sizes = rest.iter().map(|entry| entry.segment.size_bytes);
    context.monitor.phase("copying", sizes.sum());
    let mut copied = Copied {
        present: present as u64,
        ..Copied::default()
    };
    let mut index = present;
    for group in groups(rest) {
        for entry in group {
            let before = index.checked_sub(1).and_then(|it| entries.get(it));
            let (mut file, mut record) = read(from, (index, entry), context)?;
            if let Some(within) = within.take() {
                let rest = within.rest_of(file, &record, context);
                (file, record) = rest.map_err(|defect| unusable(from, &entry.segment, defect))?;
            }
            let bytes = record.segment.size_bytes;
            copied.stored_bytes += to.put(CheckedSegment {
                bytes: file.bytes(),
                record,
                hole: entry.hole_behind(before),
                mode: from.mode_of(&entry.segment)?,
            })?;
            copied.segments += 1;
            copied.bytes += bytes;
            index += 1;
        }
        let last = group.last().filter(|_| index == entries.len());
        to.publish(last.and_then(|last| evidence(from, last)))?;
    }
    let notes = from.notes().ok().flatten();
    let through = notes.and_then(|notes| notes.file_times_through.as_ref());
    let through = through.and_then(|file| {
        let mut entries = entries.iter();
        entries.position(|entry| entry.segment.file == *file)
    });
    to.note(notes.and_then(|notes| notes.looked_until), through)?;
    Ok(copied)
}

/// Why what is there cannot be gone on with. Where both share segments, and the other one goes on longer and
/// has merged or pruned some, it is that.
fn refused(entries: &[ChainEntry], to: &dyn CopyTarget) -> RepositoryError {
    let known: HashSet<_> = entries.iter().filter_map(|entry| entry.hash).collect();
    let is_known = |entry: &ChainEntry| entry.hash.is_some_and(|hash| known.contains(&hash));
    let is_changed = |entry: &ChainEntry| match &entry.content {
        _ if entry.hole == Some(Hole::Pruned) => true,
        Some(SegmentContent::Increment(increment)) => !increment.captures.as_slice().is_empty(),
        _ => false,
    };
    let newest = |entries: &[ChainEntry]| entries.iter().map(|it| it.segment.created_at).max();
    let (there, path) = (to.entries(), to.path());
    if newest(entries) > newest(there)
        && entries.iter().any(is_changed)
        && there.iter().any(is_known)
    {
        RepositoryError::CopyOvertaken { path }
    } else {
        RepositoryError::OtherHistory { path }
    }
}

/// The segments that are published together, as they were: those of one backup, and an image with what
/// comes right after it and tells from where on it serves, or that this is missing. Without the others
/// each would be taken for a state that never was.
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
        is_told
            || next.hole_after(entry).is_some()
            || entry.segment.created_at == next.segment.created_at
    })
}

/// Reads a segment and checks it.
fn read(
    from: &Repository,
    (index, entry): (usize, &ChainEntry),
    context: Context<'_>,
) -> Result<(StoredFile, SegmentRecord)> {
    let segment = &entry.segment;
    let unusable = |defect| unusable(from, segment, defect);
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
    Ok((file, record))
}

fn unusable(from: &Repository, segment: &Segment, defect: SegmentDefect) -> RepositoryError {
    match defect {
        SegmentDefect::Io(error) => RepositoryError::Io(error),
        SegmentDefect::Unusable(reason) => RepositoryError::Unusable {
            path: from.path_of(segment),
            reason,
        },
    }
}

/// What the newest backup of a repository wrote down of the log, where that is the last one.
fn evidence<'a>(from: &'a Repository, last: &ChainEntry) -> Option<&'a Evidence> {
    from.evidence()
        .filter(|evidence| Some(evidence.segment.hash) == last.hash)
}

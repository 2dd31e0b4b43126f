//! The front of an increment that is damaged: what a salvage makes do with.
//!
//! Its groups go on from the segments before it where its header is the one that the manifest means,
//! and what it repeats of those segments is there as it was. What cannot be proved is not used.

use apograph_format::{Generation, LogPosition};
use apograph_io::{Context, IoError};
use apograph_manifest::{ChainEntry, IncrementContent, SegmentContent, log_end};

use crate::opening::Opening;
use crate::repository::Repository;
use crate::segment::IncrementFile;
use crate::segment_defect::usable;

/// An increment of which not all is sound.
#[derive(Debug)]
pub struct IncrementPrefix {
    /// Its file.
    pub file: IncrementFile,
    /// How many bytes at its front repeat the segments before it.
    pub overlap_bytes: u64,
}

impl Repository {
    /// The front of an increment that cannot be used; `None` where nothing proves that it goes on from
    /// the segments before it.
    ///
    /// # Errors
    ///
    /// That of the operating system.
    pub fn prefix(
        &self,
        index: usize,
        context: Context<'_>,
    ) -> Result<Option<IncrementPrefix>, IoError> {
        let (before, rest) = self.chain().entries().split_at(index);
        let (Some(entry), Some(previous)) = (rest.first(), before.last()) else {
            return Ok(None);
        };
        let stored = self.stored(&entry.segment, context);
        let Some(file) = usable(stored.and_then(IncrementFile::damaged))? else {
            return Ok(None);
        };
        let header = &file.header;
        let is_meant = header.start_epoch == entry.segment.start_epoch
            && header.end_epoch == entry.segment.end_epoch
            && !header.flags.repeats
            && entry.hole_after(previous).is_none();
        let goes_on = match header.generation {
            Generation::One => previous.segment.end_epoch.next() == Some(header.start_epoch),
            Generation::Two => true,
        };
        let is_of_same = previous
            .generation()
            .is_none_or(|it| it == header.generation);
        if !(is_meant && goes_on && is_of_same) {
            return Ok(None);
        }
        let overlap_bytes = match (known(entry), header.generation) {
            (Some(known), _) => joined(known, before),
            (None, Generation::One) if header.flags.continues => Some(0),
            (None, _) => self.overlap_before(before, &file, context)?,
        };
        Ok(overlap_bytes.map(|overlap_bytes| IncrementPrefix {
            file,
            overlap_bytes,
        }))
    }

    /// How much a file repeats, where nothing is recorded of it.
    fn overlap_before(
        &self,
        before: &[ChainEntry],
        file: &IncrementFile,
        context: Context<'_>,
    ) -> Result<Option<u64>, IoError> {
        // Of each segment of a vault there is a record.
        let Some(folder) = self.folder() else {
            return Ok(None);
        };
        let opening = Opening::of(folder, context, true, None);
        match (file.range(), log_end(before)) {
            (None, _) => opening.overlap(before, file.body()),
            (Some(log), Some(LogPosition::Lsn(end))) if log.start <= end => {
                let (overlap, diverges) = opening.lsn_overlap(before, file)?;
                Ok((!diverges).then_some(overlap))
            }
            (Some(_), _) => Ok(None),
        }
    }
}

fn known(entry: &ChainEntry) -> Option<&IncrementContent> {
    match &entry.content {
        Some(SegmentContent::Increment(increment)) => Some(increment),
        _ => None,
    }
}

/// How much an increment repeats by its record, where that begins at the end of the log before it, or
/// before that.
fn joined(known: &IncrementContent, before: &[ChainEntry]) -> Option<u64> {
    let diverges = known.lsns().is_some_and(|log| log.diverges);
    let (start, end) = (known.start(), log_end(before));
    let meets = match (start, end) {
        (Some(LogPosition::Lsn(start)), Some(LogPosition::Lsn(end))) => start <= end,
        (Some(start), Some(end)) => start == end,
        // The epochs alone are known of what the engine captured.
        _ => true,
    };
    (meets && !diverges).then_some(known.overlap_bytes)
}

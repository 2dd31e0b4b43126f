//! What an increment repeats of the segments before it.

use std::ops::Range;

use apograph_format::{LogPosition, SegmentKind};
use apograph_io::{Bytes, IoError};
use apograph_manifest::{ChainEntry, FullContent, SegmentContent, log_end};

use super::Opening;
use crate::overlap::overlap_bytes;
use crate::segment::IncrementFile;

/// The engine's log files have at most this many bytes before the group that ends them.
const LOG_FILE_BYTES: u64 = 64 << 20;

impl Opening<'_> {
    /// How many log bytes of generation 2 the segments before hold already, and whether they hold
    /// other ones.
    ///
    /// A full backup holds no log bytes to compare. Whoever took it began a log file at its
    /// position, in the log of the same copy of the database.
    pub(crate) fn lsn_overlap(
        &self,
        before: &[ChainEntry],
        file: &IncrementFile,
    ) -> Result<(u64, bool), IoError> {
        let (Some(Range { start, end }), Some(LogPosition::Lsn(known))) =
            (file.range(), log_end(before))
        else {
            return Ok((0, false));
        };
        let overlap = known.distance_from(start);
        if overlap == 0 {
            return Ok((0, false));
        }
        // A log that ends before what was captured of it lost that in a crash.
        if end < known {
            return Ok((0, true));
        }
        let held = before.iter().rev().find(|entry| {
            let goes_on = |full: &FullContent| full.continues && entry.hole.is_none();
            !matches!(&entry.content, Some(SegmentContent::Full(full)) if goes_on(full))
        });
        let diverges = match held.map(|entry| (entry, entry.segment.kind)) {
            Some((entry, SegmentKind::Incremental)) => match self.increment(&entry.segment)? {
                Some(held) => !agree(held.before(known), file.before(known))?,
                None => false,
            },
            _ => !file.begins_at(known),
        };
        // Another copy's commits are read as they are.
        let overlap = if diverges { 0 } else { overlap };
        Ok((overlap, diverges))
    }

    /// What the engine's segment repeats of those that apograph captured right before it; `None`
    /// where these are not as they were. Commits that are repeated then look like those of another
    /// process, which is a timeline more.
    pub(crate) fn overlap(
        &self,
        before: &[ChainEntry],
        body: Bytes<'_>,
    ) -> Result<Option<u64>, IoError> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for (index, entry) in before.iter().enumerate().rev() {
            if entry.segment.kind == SegmentKind::Full {
                break;
            }
            // What was read right before is not summed again.
            let was_read = entry.content.is_some() && self.read_from.get() <= index;
            let file = if was_read {
                self.increment(&entry.segment)?
            } else {
                self.intact(entry.into(), |_| true)?
            };
            let Some(file) = file else {
                return Ok(None);
            };
            bytes += file.body().len() as u64;
            let last = !file.header.flags.continues || bytes > LOG_FILE_BYTES;
            files.push(file);
            if last {
                break;
            }
        }
        let parts: Vec<_> = files.iter().rev().flat_map(|file| file.parts(0)).collect();
        Ok(Some(overlap_bytes(&parts, body, self.context.threads)?))
    }
}

/// Whether two runs of bytes that end at one position are the same, as far as both reach.
fn agree(first: Bytes<'_>, second: Bytes<'_>) -> Result<bool, IoError> {
    let both = first.len().min(second.len());
    first.last(both).equal(second.last(both))
}

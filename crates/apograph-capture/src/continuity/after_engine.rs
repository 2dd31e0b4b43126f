//! Where a chain of generation 1 goes on after segments that the engine captured.
//!
//! Of them nothing was written down. So the log itself has to hold all of them, after what the
//! newest publish of ours wrote down: they are whole log files, one after the other.

use apograph_format::{FilePosition, LogSequence};
use apograph_io::Bytes;
use apograph_manifest::{ChainEntry, SegmentContent};
use apograph_repository::SegmentDefect;
use apograph_wal::LogFolder;

use super::proof::Proof;
use super::{Search, counting};
use crate::error::Result;

impl Search<'_> {
    /// Where the log goes on after segments of the engine that follow one of ours: each of them
    /// stands, whole, in the log after what our publish wrote down. `None` where there is none of
    /// ours, or something else follows it.
    pub(super) fn after_engine(&self, log: &LogFolder) -> Proof<Option<FilePosition>> {
        let known = self
            .entries
            .iter()
            .rposition(|entry| counting(self.repository, self.beside, entry).is_ok());
        let Some((ours, theirs)) = known.and_then(|at| self.entries.split_at_checked(at + 1))
        else {
            return Ok(None);
        };
        // One of ours says that it continues, and that it follows no counting publish is doubt.
        let is_of_engine = |entry: &ChainEntry| match &entry.content {
            Some(SegmentContent::Increment(increment)) => !increment.continues,
            _ => false,
        };
        let is_increment = |entry| is_of_engine(entry) && entry.unusable.is_none();
        let (Some(before), true) = (self.up_to(ours), theirs.iter().all(is_increment)) else {
            return Ok(None);
        };
        let Ok(evidence) = counting(self.repository, self.beside, before.last) else {
            return Ok(None);
        };
        let mut end = before.follows(log, evidence)?;
        for entry in theirs {
            let file = match self.opened(entry) {
                Ok(file) => file,
                Err(SegmentDefect::Io(error)) => return Err(error.into()),
                Err(SegmentDefect::Unusable(_)) => return Ok(None),
            };
            match end_of_files(log, file.body(), end)? {
                Some(after) => end = after,
                None => return Ok(None),
            }
        }
        Ok(Some(end))
    }
}

/// Where a segment of the engine ends in the log: it holds whole log files, the first of which
/// holds the end of the chain so far or begins there.
fn end_of_files(
    log: &LogFolder,
    body: Bytes<'_>,
    from: FilePosition,
) -> Result<Option<FilePosition>> {
    let numbers = log.numbered().map(|(number, _)| number);
    let holding = numbers.filter(|number| *number <= from.sequence);
    // It may begin earlier, with files that the chain holds already.
    for first in holding.rev() {
        if let Some(end) = end_from(log, first, body)?.filter(|end| *end >= from) {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// The end of the log files from one on that a body holds, whole and one after the other.
fn end_from(log: &LogFolder, first: LogSequence, body: Bytes<'_>) -> Result<Option<FilePosition>> {
    let at = |sequence, offset| FilePosition { sequence, offset };
    let mut taken = 0;
    let mut expected = Some(first);
    let mut end = at(first, 0);
    for (found, file) in log.numbered().filter(|(number, _)| *number >= first) {
        if taken == body.len() {
            return Ok(Some(at(found, 0)));
        }
        let bytes = file.bytes();
        let after = taken.saturating_add(bytes.len());
        // One that is longer than what is left of the body does not compare either.
        if Some(found) != expected || !body.slice(taken..after).equal(bytes)? {
            return Ok(None);
        }
        (taken, expected) = (after, found.next());
        end = at(found, bytes.len() as u64);
    }
    Ok((taken == body.len()).then_some(end))
}

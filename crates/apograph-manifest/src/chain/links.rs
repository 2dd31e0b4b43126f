//! Where the log goes on from segment to segment, and where it breaks off.

use apograph_format::{Generation, LogPosition, Point, SegmentKind};

use super::Chain;
use crate::content::{FullContent, ImageIdentity, SegmentContent};
use crate::entry::ChainEntry;
use crate::gap::GapCause;
use crate::run::Run;

impl Chain {
    pub(super) fn find_runs(&mut self) {
        let mut first = 0;
        for index in 0..self.entries.len() {
            if self.break_at(index).is_some() {
                let entries = self.entries.get(first..index);
                self.runs.extend(entries.and_then(|it| Run::of(first, it)));
                self.breaks.push(index);
                first = index;
            }
        }
        let entries = self.entries.get(first..);
        self.runs.extend(entries.and_then(|it| Run::of(first, it)));
        if self.break_at(self.entries.len()).is_some() {
            self.breaks.push(self.entries.len());
        }
    }

    /// Why the log does not go on from the entries before to this one, or after the last one.
    pub(super) fn break_at(&self, index: usize) -> Option<GapCause> {
        let previous = self.entries.get(index.checked_sub(1)?)?;
        let Some(entry) = self.entries.get(index) else {
            return previous.obstacle();
        };
        if let Some(cause) = entry.hole_after(previous) {
            return Some(cause);
        }
        let is_needed = previous.segment.kind == SegmentKind::Incremental && !previous.repeats();
        if (is_needed || previous.content.is_none())
            && let Some(cause) = previous.obstacle()
        {
            return Some(cause);
        }
        match &entry.content {
            Some(SegmentContent::Full(full)) if full.continues => None,
            Some(SegmentContent::Full(full)) => Some(GapCause::NotContinued {
                file: entry.segment.file.clone(),
                branched_from: self.image_point(index, &full.image),
            }),
            None if entry.segment.kind == SegmentKind::Full => Some(GapCause::NotContinued {
                file: entry.segment.file.clone(),
                branched_from: None,
            }),
            _ => self.unlinked(index),
        }
    }

    /// The point of the first full backup before an entry that has an image: what is after the
    /// image, be it another log, goes on from there. An image that was written while commits went
    /// on may have some that come after its point.
    fn image_point(&self, index: usize, image: &ImageIdentity) -> Option<Point> {
        let mut before = self.entries.get(..index)?.iter();
        let first = before.find(|entry| entry.full().is_some_and(|it| it.image == *image))?;
        first.is_counted.then_some(first.full()?.base)
    }

    fn unlinked(&self, index: usize) -> Option<GapCause> {
        let entry = self.entries.get(index)?;
        let previous = self.entries.get(index.checked_sub(1)?)?;
        let file = entry.segment.file.clone();
        if entry.generation() == Some(Generation::Two) {
            return self.unlinked_lsn(index);
        }
        let expected = previous.segment.end_epoch.next()?;
        if entry.segment.start_epoch != expected {
            let found = entry.segment.start_epoch;
            return Some(GapCause::UnlinkedEpochs {
                file,
                expected,
                found,
            });
        }
        if entry.repeats() {
            return None;
        }
        let start = entry.increment()?.start()?;
        // The log after an image begins where the image says: another log may, after the same one.
        if previous.full().and_then(FullContent::log_start) == Some(start) {
            return None;
        }
        let Some(end) = self.log_end_before(index) else {
            return self.unlinked_image(index, start);
        };
        (end != start).then_some(GapCause::UnlinkedPositions {
            file,
            expected: end,
            found: start,
        })
    }

    /// An increment of generation 2 begins at the end of the log so far or before it, and where it
    /// begins before it, it repeats the same bytes.
    fn unlinked_lsn(&self, index: usize) -> Option<GapCause> {
        let entry = self.entries.get(index)?;
        let (file, log) = (entry.segment.file.clone(), entry.increment()?.lsns()?);
        if log.diverges {
            return Some(GapCause::Diverges { file });
        }
        let start = log.range.start;
        match self.log_end_before(index) {
            None => self.unlinked_image(index, start.into()),
            Some(LogPosition::File(_)) => Some(GapCause::OtherGeneration { file }),
            Some(LogPosition::Lsn(end)) => {
                (start > end && !entry.repeats()).then_some(GapCause::UnlinkedPositions {
                    file,
                    expected: end.into(),
                    found: start.into(),
                })
            }
        }
    }

    /// Where it is not known where the log before a full backup ended, what follows has to begin
    /// where the log after the image does, or before that.
    fn unlinked_image(&self, index: usize, found: LogPosition) -> Option<GapCause> {
        let previous = self.entries.get(index.checked_sub(1)?)?;
        let expected = previous.full()?.log_start()?;
        let is_after = expected.generation() == found.generation() && found > expected;
        is_after.then_some(GapCause::UnlinkedPositions {
            file: self.entries.get(index)?.segment.file.clone(),
            expected,
            found,
        })
    }

    /// Where the log ended before an entry. What lies before an entry that the manifest lacks says
    /// nothing of it.
    fn log_end_before(&self, index: usize) -> Option<LogPosition> {
        let goes_on = |index: usize| {
            let full = self.entries.get(index).and_then(ChainEntry::full);
            full.is_some_and(|full| full.continues) && !self.lacks_before(index)
        };
        let first = (0..index).rev().find(|&before| !goes_on(before))?;
        log_end(self.entries.get(first..index)?)
    }
}

/// Where the log ends that is captured by some entries from the start of a chain, where that is
/// known.
///
/// An increment that repeats ends where the one before its full backup does, though it may name the
/// place differently: the end of a log file is the start of the next. Of what was removed nothing is
/// known.
pub fn log_end(entries: &[ChainEntry]) -> Option<LogPosition> {
    for entry in entries.iter().rev() {
        match &entry.content {
            Some(SegmentContent::Increment(increment)) => return increment.end(),
            // What went before it is not there any more.
            Some(SegmentContent::Full(full)) if full.continues && entry.hole.is_none() => {}
            Some(SegmentContent::Full(full)) => return full.log_start(),
            None => return None,
        }
    }
    None
}

//! One walk over segments that checks every byte. Restore keeps what it sees, verify does not.

use crate::error::RestoreError;
use apograph_format::{LogPosition, Lsn, Point};
use apograph_io::{IoError, Monitor, Pace, Steps, Threads};
use apograph_manifest::{ChainEntry, IncrementContent, SegmentContent, Unusable, log_end};
use apograph_repository::{
    FullFile, IncrementFile, Repository, SegmentDefect, Summary, advance, check_end,
    check_file_at_pace,
};
use apograph_wal::{PlacedEvent, PlacedReader, TimelineState, read_ahead};

/// The sizes that a manifest declares, together. It can declare anything.
pub(crate) fn total_bytes(sizes: impl IntoIterator<Item = u64>) -> u64 {
    sizes.into_iter().fold(0, u64::saturating_add)
}

/// Why a segment was not walked to its end.
pub(crate) enum WalkError {
    /// The operating system does not give it.
    Io(IoError),
    /// It cannot be used.
    Unusable(Unusable),
    /// What was read cannot be written.
    Output(Box<RestoreError>),
}

impl From<RestoreError> for WalkError {
    fn from(error: RestoreError) -> Self {
        Self::Output(Box::new(error))
    }
}

impl From<IoError> for WalkError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl From<SegmentDefect> for WalkError {
    fn from(defect: SegmentDefect) -> Self {
        match defect {
            SegmentDefect::Io(error) => Self::Io(error),
            SegmentDefect::Unusable(reason) => Self::Unusable(reason),
        }
    }
}

impl From<Unusable> for WalkError {
    fn from(reason: Unusable) -> Self {
        Self::Unusable(reason)
    }
}

/// A walk over the entries of a chain, in order.
pub(crate) struct Walk<'a> {
    repository: &'a Repository,
    threads: Threads,
    pace: Pace,
    monitor: &'a dyn Monitor,
    timeline: TimelineState,
    /// Generation 2: the position in the log up to which the entries so far hold it.
    position: Option<Lsn>,
    first: usize,
    next: usize,
}

impl<'a> Walk<'a> {
    /// A walk that begins at an entry.
    pub(crate) fn from(
        repository: &'a Repository,
        first: usize,
        threads: Threads,
        monitor: &'a dyn Monitor,
    ) -> Self {
        let timeline = repository.timeline_before(first);
        let before = repository.chain().entries().get(..first);
        // What a base holds, it holds whatever was captured before it.
        let is_base = matches!(
            repository
                .chain()
                .entries()
                .get(first)
                .map(|entry| &entry.content),
            Some(Some(SegmentContent::Full(_)))
        );
        let position = before.filter(|_| !is_base).and_then(log_end);
        Self {
            position: position.and_then(LogPosition::lsn),
            repository,
            threads,
            pace: Pace::default(),
            monitor,
            timeline,
            first,
            next: first,
        }
    }

    /// The same walk, reading no faster than a pace allows.
    pub(crate) fn at_pace(self, pace: &Pace) -> Self {
        let pace = pace.clone();
        Self { pace, ..self }
    }

    /// Checks a full backup: size, checksum, structure, and the checksum of every section.
    pub(crate) fn full(&mut self, index: usize) -> Result<FullFile, WalkError> {
        let entry = self.enter(index)?;
        let at = self.repository.file_of(&entry.segment);
        let file = FullFile::open(at);
        self.leave(index);
        let file = file.map_err(|defect| defect.in_file(at, &entry.segment, self.threads))?;
        check_file_at_pace(file.bytes(), &entry.segment, self.threads, &self.pace)?;
        self.monitor.advance(file.bytes().len() as u64);
        file.check_sections(self.threads)?;
        let known = match &entry.content {
            Some(SegmentContent::Full(full)) => {
                let epoch = file.image.checkpoint().epoch;
                full.image == file.identity() && full.base.epoch == epoch
            }
            _ => true,
        };
        if !known {
            return Err(differs("its image is another one than recorded").into());
        }
        Ok(file)
    }

    /// Checks an increment: size, checksum, header, every frame and group, and what the record
    /// says of them. `visit` sees every group with its place in the history.
    pub(crate) fn increment(
        &mut self,
        index: usize,
        mut visit: impl FnMut(&PlacedEvent<'_>),
    ) -> Result<(IncrementFile, Walked), WalkError> {
        let entry = self.enter(index)?;
        let mut state = self.state_at(index, entry);
        let before = self.position;
        let at = self.repository.file_of(&entry.segment);
        let file = IncrementFile::open(at);
        self.leave(index);
        let file = file.map_err(|defect| defect.in_file(at, &entry.segment, self.threads))?;
        let (header, segment) = (&file.header, &entry.segment);
        let checked = check_file_at_pace(file.bytes(), segment, self.threads, &self.pace);
        if header.flags.reopened {
            state.end_process();
        }
        let known = match &entry.content {
            Some(SegmentContent::Increment(increment)) => Some(increment),
            _ => None,
        };
        let overlap_bytes = match file.range().and_then(|range| range.start.lsn()) {
            Some(_) if header.flags.repeats || known.is_some_and(|it| it.diverges) => 0,
            Some(start) => before.map_or(0, |position| position.behind(start)),
            None => known.map_or(0, |known| known.overlap_bytes),
        };
        let parts = file.parts(overlap_bytes);
        let mut summary = Summary::default();
        let mut walked = Walked {
            overlap_bytes,
            ..Walked::default()
        };
        let mut steps = Steps::of(self.monitor);
        let end = read_ahead(&parts, self.threads, |groups| {
            let mut reader = PlacedReader::of(groups, &mut state);
            while let Some(event) = reader.next() {
                summary.add(&event, reader.state());
                if checked.is_ok() {
                    visit(&event);
                }
                if let PlacedEvent::Group(group, _) = &event {
                    walked.commits += 1;
                    walked.frames += group.frames;
                    for run in group.runs() {
                        steps.advance(run.len() as u64);
                    }
                } else {
                    walked.frames += 1;
                }
            }
            reader.end()
        });
        steps.tell();
        // Where a frame is damaged, its place says more than the checksum of the whole file.
        if let Some(end) = end {
            check_end(end, &parts)?;
        }
        checked?;
        if header.start_epoch != segment.start_epoch || header.end_epoch != segment.end_epoch {
            return Err(differs("its header has other epochs than the manifest").into());
        }
        drop(parts);
        let found = summary.content(apograph_repository::Surroundings::default(), &state);
        let flags = header.flags;
        let is_as_recorded = known.is_none_or(|known| {
            // A base in the middle of it, or at its front, stands for what the record counts.
            if known.overlap_bytes != overlap_bytes || self.spans_base(index, known) {
                return true;
            }
            known.stretches == found.stretches
                && known.commits == found.commits
                && known.committed == found.committed
                && known.repeats == flags.repeats
                && known.catches_up == flags.catches_up
        });
        if !is_as_recorded {
            return Err(differs("its commits are other ones than recorded").into());
        }
        Ok((file, walked))
    }

    fn enter(&mut self, index: usize) -> Result<&'a ChainEntry, WalkError> {
        let entries = self.repository.chain().entries();
        while self.next < index {
            self.leave(self.next);
        }
        let entry = entries.get(index).ok_or(Unusable::Missing)?;
        match entry.unusable.as_deref() {
            Some(Unusable::Missing) => Err(Unusable::Missing.into()),
            _ => Ok(entry),
        }
    }

    fn leave(&mut self, index: usize) {
        if let Some(entry) = self.repository.chain().entries().get(index) {
            advance(&mut self.timeline, entry, index == 0);
            self.position = match &entry.content {
                Some(SegmentContent::Increment(increment)) => {
                    let end = increment.range.and_then(|range| range.end.lsn());
                    end.or(self.position)
                }
                Some(SegmentContent::Full(full)) if self.position.is_some() && full.continues => {
                    self.position
                }
                Some(SegmentContent::Full(full)) => full.log_start.and_then(LogPosition::lsn),
                None => self.position,
            };
            self.next = index + 1;
        }
    }

    /// An increment that repeats begins where its image does, not where the log before it ended;
    /// and so does, for a walk that begins at the image, one that spans it.
    fn state_at(&self, index: usize, entry: &ChainEntry) -> TimelineState {
        let repeats = matches!(&entry.content,
            Some(SegmentContent::Increment(it)) if it.repeats || self.spans_base(index, it));
        let full = index
            .checked_sub(1)
            .and_then(|full| self.repository.chain().entries().get(full));
        match full.and_then(|full| full.content.as_ref()) {
            Some(SegmentContent::Full(full)) if repeats => TimelineState::at(full.base),
            _ => self.timeline.clone(),
        }
    }

    /// Whether an increment spans the full backup that the walk began at.
    fn spans_base(&self, index: usize, increment: &IncrementContent) -> bool {
        increment.spans && self.first + 1 == index
    }

    /// The current point behind the entries so far.
    pub(crate) fn point(&self) -> Point {
        self.timeline.point()
    }
}

/// What an increment was seen to hold.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Walked {
    pub(crate) commits: u64,
    pub(crate) frames: u64,
    /// Bytes at its front that repeat the segment before.
    pub(crate) overlap_bytes: u64,
}

fn differs(detail: &str) -> Unusable {
    Unusable::Damaged {
        offset: 0,
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::total_bytes;

    #[test]
    fn sizes_that_a_manifest_makes_up_have_a_sum() {
        assert_eq!(total_bytes([]), 0);
        assert_eq!(total_bytes([100, 23]), 123);
        assert_eq!(total_bytes([u64::MAX, 1, u64::MAX]), u64::MAX);
    }
}

//! One walk over segments that checks every byte. Restore keeps what it sees, verify does not.

use apograph_format::Point;
use apograph_io::{IoError, Monitor, Threads};
use apograph_manifest::{ChainEntry, SegmentContent, Unusable};
use apograph_repository::{
    FullFile, IncrementFile, Repository, SegmentDefect, Summary, advance, check_end, check_file,
};
use apograph_wal::{PlacedEvent, PlacedReader, TimelineState};

/// Why a segment was not walked to its end.
pub(crate) enum WalkError {
    /// The operating system does not give it.
    Io(IoError),
    /// It cannot be used.
    Unusable(Unusable),
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
    monitor: &'a dyn Monitor,
    timeline: TimelineState,
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
        Self {
            repository,
            threads,
            monitor,
            timeline,
            next: first,
        }
    }

    /// Checks a full backup: size, checksum, structure, and the checksum of every section.
    pub(crate) fn full(&mut self, index: usize) -> Result<FullFile, WalkError> {
        let entry = self.enter(index)?;
        let file = FullFile::open(&self.repository.path_of(&entry.segment));
        self.leave(index);
        let file = file?;
        check_file(file.bytes(), &entry.segment, self.threads)?;
        self.monitor.advance(file.bytes().len() as u64);
        file.image
            .check(file.bytes())
            .map_err(SegmentDefect::from)?;
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
        let file = IncrementFile::open(&self.repository.path_of(&entry.segment));
        self.leave(index);
        let file = file?;
        let (header, segment) = (&file.header, &entry.segment);
        let checked = check_file(file.bytes(), segment, self.threads);
        if header.flags.reopened {
            state.end_process();
        }
        let known = match &entry.content {
            Some(SegmentContent::Increment(increment)) => Some(increment),
            _ => None,
        };
        let overlap_bytes = known.map_or(0, |known| known.overlap_bytes);
        let parts = [file.part(overlap_bytes)];
        let [part] = &parts;
        let mut summary = Summary::default();
        let mut walked = Walked {
            overlap_bytes,
            ..Walked::default()
        };
        let mut reader = PlacedReader::new(&parts, &mut state);
        while let Some(event) = reader.next() {
            summary.add(&event, reader.state());
            if checked.is_ok() {
                visit(&event);
            }
            if let PlacedEvent::Group(group, _) = &event {
                walked.commits += 1;
                walked.frames += group.frames;
                for run in group.runs() {
                    self.monitor.advance(run.len() as u64);
                }
            } else {
                walked.frames += 1;
            }
        }
        // Where a frame is damaged, its place says more than the checksum of the whole file.
        if let Some(end) = reader.end() {
            check_end(end, part)?;
        }
        checked?;
        if header.start_epoch != segment.start_epoch || header.end_epoch != segment.end_epoch {
            return Err(differs("its header has other epochs than the manifest").into());
        }
        let found = summary.content(apograph_repository::Surroundings::default(), &state);
        let flags = header.flags;
        let is_as_recorded = known.is_none_or(|known| {
            known.stretches == found.stretches
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
        match &entry.unusable {
            Some(Unusable::Missing) => Err(Unusable::Missing.into()),
            _ => Ok(entry),
        }
    }

    fn leave(&mut self, index: usize) {
        if let Some(entry) = self.repository.chain().entries().get(index) {
            advance(&mut self.timeline, entry, index == 0);
            self.next = index + 1;
        }
    }

    /// An increment that repeats begins where its image does, not where the log before it ended.
    fn state_at(&self, index: usize, entry: &ChainEntry) -> TimelineState {
        let repeats = matches!(&entry.content, Some(SegmentContent::Increment(it)) if it.repeats);
        let full = index
            .checked_sub(1)
            .and_then(|full| self.repository.chain().entries().get(full));
        match full.and_then(|full| full.content.as_ref()) {
            Some(SegmentContent::Full(full)) if repeats => TimelineState::at(full.base),
            _ => self.timeline.clone(),
        }
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

//! One walk over segments that checks every byte. Restore keeps what it sees, verify does not.

use std::sync::Arc;

use apograph_format::{Lsn, Point, SegmentKind, TransactionId};
use apograph_io::{Context, IoError, Steps};
use apograph_manifest::{ChainEntry, IncrementContent, SegmentContent, Unusable};
use apograph_repository::{
    Expected, FileCheck, FullFile, IncrementFile, Repository, SegmentDefect, StoredFile, advance,
    are_same_spans, check_beside, check_end, check_file,
};
use apograph_wal::{GroupHead, LogEnd, LogEndCause, Place, PlacedEvent, TimelineState};

use crate::error::RestoreError;

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
    context: Context<'a>,
    checks_first: bool,
    timeline: TimelineState,
    /// Generation 2: the position in the log up to which the entries so far hold it.
    position: Option<Lsn>,
    first: usize,
    next: usize,
}

impl<'a> Walk<'a> {
    /// A walk that begins at the first entry, or at a full backup: what that holds, it holds
    /// whatever was captured before it.
    pub(crate) fn from(repository: &'a Repository, first: usize, context: Context<'a>) -> Self {
        Self {
            timeline: repository.timeline_before(first),
            position: None,
            repository,
            context,
            checks_first: false,
            first,
            next: first,
        }
    }

    /// The same, where a file is checked whole before its log is visited: for who cannot take back
    /// what it saw.
    pub(crate) fn checking_first(self) -> Self {
        Self {
            checks_first: true,
            ..self
        }
    }

    /// Goes to an entry, which lies ahead, and passes over those before it.
    pub(crate) fn step(&mut self, index: usize) -> Step<'a> {
        while self.next < index {
            self.pass();
        }
        let entry = &self.repository.chain().entries()[index];
        let step = Step {
            repository: self.repository,
            context: self.context,
            checks_first: self.checks_first,
            entry,
            state: self.state_at(index, entry),
            position: self.position,
            spans_base: self.spans_base(index, entry),
        };
        self.pass();
        step
    }

    fn pass(&mut self) {
        let entries = self.repository.chain().entries();
        if let Some(entry) = entries.get(self.next) {
            advance(&mut self.timeline, entries, self.next);
            self.position = match &entry.content {
                Some(SegmentContent::Increment(increment)) => {
                    let end = increment.lsns().map(|log| log.range.end);
                    end.or(self.position)
                }
                Some(SegmentContent::Full(full)) => {
                    let before = self.position.filter(|_| full.continues);
                    before.or_else(|| full.start_lsn())
                }
                None => self.position,
            };
        }
        self.next += 1;
    }

    /// An increment that repeats begins where its image does, not where the log before it ended;
    /// and so does, for a walk that begins at the image, one that spans it.
    fn state_at(&self, index: usize, entry: &ChainEntry) -> TimelineState {
        let repeats = matches!(&entry.content, Some(SegmentContent::Increment(it)) if it.repeats);
        let full = index
            .checked_sub(1)
            .and_then(|full| self.repository.chain().entries().get(full));
        match full.and_then(|full| full.content.as_ref()) {
            Some(SegmentContent::Full(full)) if repeats || self.spans_base(index, entry) => {
                TimelineState {
                    imaged: self.timeline.imaged,
                    ..TimelineState::at(full.base).holding(full.further)
                }
            }
            _ => self.timeline.clone(),
        }
    }

    /// Whether an entry is an increment that spans the full backup that the walk began at.
    fn spans_base(&self, index: usize, entry: &ChainEntry) -> bool {
        let spans = match &entry.content {
            Some(SegmentContent::Increment(it)) => it.lsns().is_some_and(|log| log.spans),
            _ => false,
        };
        spans && self.first + 1 == index
    }

    /// The current point after the entries so far.
    pub(crate) fn point(&self) -> Point {
        self.timeline.point()
    }
}

/// An entry of a chain, with what those before it say of where it is. It can be read beside others.
pub(crate) struct Step<'a> {
    repository: &'a Repository,
    context: Context<'a>,
    checks_first: bool,
    entry: &'a ChainEntry,
    state: TimelineState,
    position: Option<Lsn>,
    spans_base: bool,
}

impl<'a> Step<'a> {
    pub(crate) fn kind(&self) -> SegmentKind {
        self.entry.segment.kind
    }

    /// Checks a file as such: size and checksum.
    pub(crate) fn file(&self) -> Result<StoredFile, WalkError> {
        let file = self.stored()?;
        check_file(file.bytes(), self.expected(), self.context)?;
        self.context.monitor.advance(file.bytes().len() as u64);
        Ok(file)
    }

    /// Opens a full backup, of which nothing is checked yet but its structure.
    pub(crate) fn full(self) -> Result<Full<'a>, WalkError> {
        let file = self.stored();
        self.full_in(file)
    }

    /// Fetches a segment that is not at hand, and hands its bytes on in order; tells whether it did.
    pub(crate) fn fetch(
        &self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), IoError>,
    ) -> Result<bool, SegmentDefect> {
        self.repository
            .fetch(&self.entry.segment, self.context, each)
    }

    /// Opens a full backup in a file that has its bytes.
    pub(crate) fn full_in(
        self,
        file: Result<StoredFile, SegmentDefect>,
    ) -> Result<Full<'a>, WalkError> {
        let file = file.and_then(FullFile::of);
        let file = file.map_err(|defect| self.in_file(defect))?;
        let file = Arc::new(file);
        Ok(Full { step: self, file })
    }

    /// Opens an increment, of which nothing is checked yet but its header.
    pub(crate) fn increment(self) -> Result<Increment<'a>, WalkError> {
        let file = self.stored().and_then(IncrementFile::of);
        let file = file.map_err(|defect| self.in_file(defect))?;
        let known = self.known_increment();
        let diverges = || {
            known
                .and_then(IncrementContent::lsns)
                .is_some_and(|it| it.diverges)
        };
        let overlap_bytes = match file.range() {
            Some(_) if file.header.flags.repeats || diverges() => 0,
            Some(range) => self
                .position
                .map_or(0, |position| position.distance_from(range.start)),
            None => known.map_or(0, |known| known.overlap_bytes),
        };
        Ok(Increment {
            step: self,
            file: Arc::new(file),
            overlap_bytes,
        })
    }

    /// Reads the front of the increment, up to the first damage: `visit` sees what is whole there. Tells
    /// what is not known of its last commit.
    ///
    /// Of a file without damage, which still is another one than was captured, nothing is seen.
    pub(crate) fn read_prefix(
        self,
        file: &IncrementFile,
        overlap_bytes: u64,
        mut visit: impl FnMut(&PlacedEvent<'_>) -> apograph_io::Result<()>,
    ) -> apograph_io::Result<LastEpoch> {
        let (state, context) = (self.state.clone(), self.context);
        let (mut groups, mut last) = (0_u64, None);
        let mut untold = Steps::untold(context.monitor);
        let told = (&FileCheck::Later, &mut untold);
        let read = file.read_log(state, overlap_bytes, context, told, |event| {
            if let PlacedEvent::Group(group, _) = event {
                groups += 1;
                last = Some((group.end, group.transaction, group.head));
            }
            Ok(())
        })?;
        let is_clean = read
            .end
            .is_none_or(|end| matches!(end.cause, LogEndCause::Clean));
        if is_clean && file.bytes().len() as u64 >= self.entry.segment.size_bytes {
            return Ok(LastEpoch::Known);
        }
        let epoch = LastEpoch::before(read.end, last);
        let mut left = groups - u64::from(epoch == LastEpoch::Destroyed);
        let mut steps = Steps::of(context.monitor);
        let told = (&FileCheck::Later, &mut steps);
        file.read_log(self.state, overlap_bytes, context, told, |event| {
            if left == 0 {
                return Ok(());
            }
            left -= u64::from(matches!(event, PlacedEvent::Group(..)));
            visit(event)
        })?;
        steps.tell();
        Ok(epoch)
    }

    fn known_increment(&self) -> Option<&'a IncrementContent> {
        match &self.entry.content {
            Some(SegmentContent::Increment(increment)) => Some(increment),
            _ => None,
        }
    }

    fn in_file(&self, defect: SegmentDefect) -> SegmentDefect {
        defect.in_file(|| self.stored(), self.expected(), self.context)
    }

    fn expected(&self) -> Expected<'a> {
        self.entry.into()
    }

    fn stored(&self) -> Result<StoredFile, SegmentDefect> {
        self.repository.stored(&self.entry.segment, self.context)
    }
}

/// What is known of the epoch of the last commit before damage.
///
/// In generation 1 a record right after a commit names its epoch. Where that is what is damaged, a
/// session's commit has lost it, since each of them has one. Of what the engine commits by itself, such
/// as a change of the schema, it cannot be told whether there was such a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastEpoch {
    /// The epoch that it took, or that it took none.
    Known,
    /// Whether it took one is not known.
    Unknown,
    /// It took one, of which the record is destroyed.
    Destroyed,
}

impl LastEpoch {
    /// That of the last group of a log: where it ends, the id that it was committed under, and what it
    /// says of itself.
    pub(crate) fn before(
        end: Option<LogEnd>,
        last: Option<(Place, TransactionId, GroupHead)>,
    ) -> Self {
        let damaged = end.map(|end| match end.cause {
            LogEndCause::Damage { place, .. } => place,
            _ => end.place,
        });
        match last {
            Some((end, transaction, GroupHead::One { epoch: None, .. }))
                if Some(end) >= damaged =>
            {
                if transaction.is_session() {
                    Self::Destroyed
                } else {
                    Self::Unknown
                }
            }
            _ => Self::Known,
        }
    }
}

/// A full backup that was opened.
pub(crate) struct Full<'a> {
    step: Step<'a>,
    pub(crate) file: Arc<FullFile>,
}

impl Full<'_> {
    /// Checks it: size, checksum, and the checksum of every section.
    pub(crate) fn check(&self) -> Result<(), WalkError> {
        let (step, file) = (&self.step, &self.file);
        file.check(step.expected(), step.context)?;
        step.context.monitor.advance(file.bytes().len() as u64);
        let known = match &step.entry.content {
            Some(SegmentContent::Full(full)) => {
                let epoch = file.image.checkpoint().epoch;
                full.image == file.identity() && full.base.epoch == epoch
            }
            _ => true,
        };
        if !known {
            return Err(differs("its image is another one than recorded").into());
        }
        Ok(())
    }
}

/// An increment that was opened.
pub(crate) struct Increment<'a> {
    step: Step<'a>,
    pub(crate) file: Arc<IncrementFile>,
    /// Bytes at its front that repeat the segment before.
    pub(crate) overlap_bytes: u64,
}

impl Increment<'_> {
    /// Checks it: size, checksum, header, every frame and group, and what the record says of them.
    /// `visit` sees every group with its place in the history; of a file that is then found to be
    /// damaged it may have seen some.
    pub(crate) fn check(
        self,
        mut visit: impl FnMut(&PlacedEvent<'_>) -> apograph_io::Result<()>,
    ) -> Result<Walked, WalkError> {
        let Self {
            step,
            file,
            overlap_bytes,
        } = self;
        let (expected, context, known) = (step.expected(), step.context, step.known_increment());
        let (segment, header) = (expected.segment, &file.header);
        let mut steps = Steps::of(context.monitor);
        let read = |check: &FileCheck<'_>| {
            let may_visit = !step.checks_first || check.is_known_sound();
            let told = (check, &mut steps);
            file.read_log(step.state, overlap_bytes, context, told, |event| {
                if may_visit { visit(event) } else { Ok(()) }
            })
        };
        let (log, _, is_as_expected) =
            check_beside(file.bytes(), context, expected, step.checks_first, read)?;
        steps.tell();
        // Where a frame is damaged, its place says more than the checksum of the whole file.
        check_end(log.end, &file.parts(overlap_bytes))?;
        is_as_expected?;
        if header.start_epoch != segment.start_epoch || header.end_epoch != segment.end_epoch {
            return Err(differs("its header has other epochs than the manifest").into());
        }
        let found = log.summary;
        let flags = header.flags;
        let is_as_recorded = known.is_none_or(|known| {
            // A base in the middle of it, or at its front, stands for what the record counts.
            if known.overlap_bytes != overlap_bytes || step.spans_base {
                return true;
            }
            are_same_spans(&known.stretches, found.stretches())
                && known.commits == found.commits()
                && known.committed() == found.committed()
                && known.repeats == flags.repeats
                && known.catches_up == flags.catches_up
        });
        if !is_as_recorded {
            return Err(differs("its commits are other ones than recorded").into());
        }
        Ok(Walked {
            commits: found.commits(),
            frames: found.frames(),
        })
    }
}

/// What an increment was seen to hold.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Walked {
    pub(crate) commits: u64,
    pub(crate) frames: u64,
}

fn differs(detail: &str) -> Unusable {
    Unusable::damaged(0, detail)
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

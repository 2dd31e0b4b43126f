//! A run: consecutive segments in which the log goes on without a hole.

use apograph_format::{Epoch, Generation, Point, PointName, RangeSet, Timeline};

use crate::hole::HoleCause;

/// How late a commit can be where no position proves that the log goes on: a gap further back is
/// taken for one that the engine's own backup left.
const UNPLACED_LATE_WINDOW: u64 = 64;

/// How many epochs before the highest one may be missing from a run because they were never logged,
/// or are still to come.
pub(crate) const fn late_window(is_placed: bool) -> u64 {
    if is_placed {
        Epoch::LATE_WINDOW
    } else {
        UNPLACED_LATE_WINDOW
    }
}

/// A timeline as far as one run has it.
#[derive(Debug, Clone)]
pub(crate) struct RunTimeline {
    pub(crate) timeline: Timeline,
    pub(crate) base: Epoch,
    pub(crate) epochs: RangeSet,
    /// In generation 2 the positions of the segments prove that no commit is missing, and a number
    /// that is not there was never given to a commit.
    pub(crate) generation: Generation,
    /// See [`late_window`].
    pub(crate) late_window: u64,
    /// Whether its number is more than a guess.
    pub(crate) is_counted: bool,
}

impl RunTimeline {
    pub(crate) fn highest(&self) -> Epoch {
        self.epochs
            .last()
            .map_or(self.base, |last| Epoch::new(last.max(self.base.get())))
    }

    /// The point at an epoch, where it has a name.
    pub(crate) fn point(&self, epoch: u64) -> Option<Point> {
        let point = Point::new(self.timeline, Epoch::new(epoch));
        self.is_counted.then_some(point)
    }

    /// That some of its epochs are in no segment.
    pub(crate) fn lack_of(&self, first: u64, last: u64) -> HoleCause {
        HoleCause::EpochsMissing {
            first: PointName {
                timeline: self.is_counted.then_some(self.timeline),
                epoch: Epoch::new(first),
            },
            last: Epoch::new(last),
            is_late: self.is_late(Epoch::new(first)),
        }
    }

    /// The last epoch up to which none is missing behind `from`.
    pub(crate) fn contiguous_to(&self, from: Epoch) -> Epoch {
        if self.generation == Generation::Two {
            return self.highest().max(from);
        }
        let next = from
            .next()
            .and_then(|next| self.epochs.range_of(next.get()));
        next.map_or(from, |(_, end)| Epoch::new(end))
    }

    /// Whether all that is missing behind `from` lies so near to the end that it was never logged,
    /// or is still to come.
    pub(crate) fn lacks_only_late(&self, from: Epoch) -> bool {
        self.missing_behind(from)
            .all(|(first, _)| self.is_late(Epoch::new(first)))
    }

    /// Whether an epoch that is missing lies so near to the end.
    fn is_late(&self, missing: Epoch) -> bool {
        self.highest().get().saturating_sub(missing.get()) < self.late_window
    }

    /// The ranges of epochs behind `from` that should be there and are not.
    pub(crate) fn missing_behind(&self, from: Epoch) -> impl Iterator<Item = (u64, u64)> {
        let first = from.get().saturating_add(1);
        let counts = self.generation == Generation::One;
        let missing = counts.then(|| self.epochs.missing_in(first, self.highest().get()));
        missing.into_iter().flatten()
    }
}

/// Consecutive entries between two breaks of the log.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) first: usize,
    /// One past the last.
    pub(crate) end: usize,
    pub(crate) generation: Generation,
    /// Whether it has commits whose epochs are encrypted.
    pub(crate) is_sealed: bool,
    pub(crate) timelines: Vec<RunTimeline>,
}

impl Run {
    pub(crate) fn timeline(&self, timeline: Timeline) -> Option<&RunTimeline> {
        self.timelines
            .iter()
            .find(|known| known.timeline == timeline)
    }
}

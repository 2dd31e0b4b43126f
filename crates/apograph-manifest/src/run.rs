//! A run: consecutive segments in which the log goes on without a gap.

use apograph_format::{Epoch, Generation, Point, PointName, RangeSet, SegmentKind, Timeline};

use crate::entry::ChainEntry;
use crate::gap::GapCause;

/// How far out of order a commit can be where no segment says that the log goes on: a gap further
/// back is taken for one that the engine's own backup left.
const UNPROVED_LATE_WINDOW: u64 = 64;

/// How many epochs before the highest one may be missing from a run because they were never logged,
/// or are still to come.
pub(crate) const fn late_window(is_proved: bool) -> u64 {
    if is_proved {
        Epoch::LATE_WINDOW
    } else {
        UNPROVED_LATE_WINDOW
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
    pub(crate) fn lack_of(&self, first: u64, last: u64) -> GapCause {
        GapCause::EpochsMissing {
            first: PointName {
                timeline: self.is_counted.then_some(self.timeline),
                epoch: Epoch::new(first),
                further: None,
            },
            last: Epoch::new(last),
            is_out_of_order: self.is_out_of_order(Epoch::new(first)),
        }
    }

    /// The last epoch up to which none is missing after `from`.
    pub(crate) fn contiguous_to(&self, from: Epoch) -> Epoch {
        if self.generation == Generation::Two {
            return self.highest().max(from);
        }
        let next = from
            .next()
            .and_then(|next| self.epochs.range_of(next.get()));
        next.map_or(from, |(_, end)| Epoch::new(end))
    }

    /// Whether all that is missing after `from` lies so near to the end that it was never logged,
    /// or is still to come.
    pub(crate) fn lacks_only_late(&self, from: Epoch) -> bool {
        self.missing_after(from)
            .all(|(first, _)| self.is_out_of_order(Epoch::new(first)))
    }

    /// Whether an epoch that is missing lies so near to the end.
    fn is_out_of_order(&self, missing: Epoch) -> bool {
        self.highest().get().saturating_sub(missing.get()) < self.late_window
    }

    /// The ranges of epochs after `from` that should be there and are not.
    pub(crate) fn missing_after(&self, from: Epoch) -> impl Iterator<Item = (u64, u64)> {
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
    /// The run that some entries are, of which the first one has a place in the chain.
    pub(crate) fn of(first: usize, entries: &[ChainEntry]) -> Option<Self> {
        if entries.is_empty() {
            return None;
        }
        let generation = entries.iter().find_map(ChainEntry::generation);
        let generation = generation.unwrap_or(Generation::One);
        let has_sealed = |entry: &ChainEntry| {
            let increment = entry.increment();
            increment.is_some_and(|increment| increment.is_encrypted() && increment.commits > 0)
        };
        // The segments themselves say so: what only a record knows must not change an answer.
        let continues = |entry: &ChainEntry| entry.increment().is_none_or(|it| it.continues);
        let late_window = late_window(entries.iter().all(continues));
        Some(Self {
            first,
            end: first.saturating_add(entries.len()),
            generation,
            is_sealed: entries.iter().any(has_sealed),
            timelines: timelines_in(entries, generation, late_window),
        })
    }

    pub(crate) fn timeline(&self, timeline: Timeline) -> Option<&RunTimeline> {
        self.timelines
            .iter()
            .find(|known| known.timeline == timeline)
    }
}

fn timelines_in(
    entries: &[ChainEntry],
    generation: Generation,
    late_window: u64,
) -> Vec<RunTimeline> {
    let mut timelines: Vec<RunTimeline> = Vec::new();
    let counts = |entry: &&ChainEntry| {
        entry.unusable.is_none() || entry.segment.kind != SegmentKind::Incremental
    };
    for entry in entries.iter().filter(counts) {
        let base = entry
            .full()
            .map(|full| (full.base.timeline, full.base.epoch, None));
        let stretches = entry
            .increment()
            .map_or(&[][..], |increment| &increment.stretches);
        let parts = stretches
            .iter()
            .map(|it| (it.timeline, it.base, Some(&it.epochs)));
        for (timeline, base, epochs) in base.into_iter().chain(parts) {
            let position = timelines
                .iter()
                .position(|known| known.timeline == timeline);
            let position = position.unwrap_or(timelines.len());
            if position == timelines.len() {
                timelines.push(RunTimeline {
                    timeline,
                    base,
                    epochs: RangeSet::new(),
                    generation,
                    late_window,
                    is_counted: true,
                });
            }
            let Some(known) = timelines.get_mut(position) else {
                continue;
            };
            known.base = known.base.min(base);
            known.is_counted &= entry.is_counted;
            if let Some(epochs) = epochs {
                known.epochs.extend(epochs);
            }
        }
    }
    // An increment that repeats goes back to earlier ones.
    timelines.sort_by_key(|known| known.timeline);
    timelines
}

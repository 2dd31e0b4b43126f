//! What a repository can restore: a pure reading of its manifest and records.
//!
//! A **run** is a part of the manifest in which the log goes on without a gap. A restore
//! begins at a full backup and replays the increments after it in the same run. Which points a
//! full backup reaches is its **coverage**:
//!
//! - from the epoch in its header; or, where it was copied while commits went on, from the end of
//!   the increment that catches up with it;
//! - as far as every epoch of the timeline is there, since each occurs once;
//! - on into the next timeline of the run, where nothing of the one before is missing but what a
//!   crash can have kept from being logged: epochs near its end.
//!
//! A point is a name only where its timeline is counted. After a segment of which nothing is known
//! a full backup reaches no point, nor does one in front of it of which that segment would tell
//! whether the log goes on; its latest state can be restored, and those that times and LSNs name.
//!
//! In generation 2 a segment begins at the LSN at which the one before it ended, or before it: that
//! alone proves that no commit is missing. Epochs of an encrypted log are not known here; then a
//! full backup reaches no point, and every LSN between two commits.

mod coverage;
mod kept;
mod links;
mod losses;
mod names;

use std::fmt;

use apograph_format::{Epoch, Lsn, Point, RangeSet, SegmentKind, Timeline, UnixMillis};

pub use links::log_end;

use crate::entry::ChainEntry;
use crate::further_index::FurtherIndex;
use crate::gap::{Gap, GapCause};
use crate::run::Run;
use crate::unusable::Unusable;

/// Points of one timeline, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointRange {
    /// The timeline.
    pub timeline: Timeline,
    /// The first epoch.
    pub from: Epoch,
    /// The last epoch.
    pub to: Epoch,
}

impl PointRange {
    /// Whether the point is one of them.
    pub fn contains(&self, point: Point) -> bool {
        self.timeline == point.timeline && (self.from..=self.to).contains(&point.epoch)
    }
}

/// `1:5`, or `1:5 to 1:9`.
impl fmt::Display for PointRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeline, from, to } = self;
        write!(f, "{timeline}:{from}")?;
        if from != to {
            write!(f, " to {timeline}:{to}")?;
        }
        Ok(())
    }
}

/// Positions in a log of generation 2, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LsnRange {
    /// The timeline at its start, where that is counted.
    pub timeline: Option<Timeline>,
    /// The first position: where the full backup's log begins.
    pub from: Lsn,
    /// The last position: after the last commit.
    pub to: Lsn,
}

/// A log of generation 2 in which each position is that of one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// That of a timeline, be it that parts of it are missing.
    Timeline(Timeline),
    /// That of the run which begins with an entry, where timelines are not counted.
    Run(usize),
}

/// The chain of a repository.
#[derive(Debug, Clone)]
pub struct Chain {
    entries: Vec<ChainEntry>,
    runs: Vec<Run>,
    /// The places where the log breaks off, by the entry after each.
    breaks: Vec<usize>,
    coverages: Vec<(usize, Vec<PointRange>)>,
    further: FurtherIndex,
    /// Until when commits are known to be in it, as far as that is recorded.
    looked_until: Option<UnixMillis>,
}

impl Chain {
    /// Reads the entries of a manifest as a chain.
    pub fn new(entries: Vec<ChainEntry>) -> Self {
        let mut chain = Self {
            further: FurtherIndex::of(&entries),
            entries,
            runs: Vec::new(),
            breaks: Vec::new(),
            coverages: Vec::new(),
            looked_until: None,
        };
        chain.find_runs();
        chain.find_coverages();
        chain
    }

    /// The same chain, of which a backup has found that every commit before an instant is in it.
    #[must_use]
    pub fn looked_until(self, instant: Option<UnixMillis>) -> Self {
        Self {
            looked_until: instant,
            ..self
        }
    }

    /// Until when it says what the state was: up to the last capture, be it one that found nothing
    /// new. What was committed later may be in no segment.
    pub fn covered_until(&self) -> Option<UnixMillis> {
        let captured = self.entries.iter().map(|entry| entry.segment.created_at);
        self.looked_until.max(captured.max())
    }

    /// The same segments, of which some cannot be used.
    #[must_use]
    pub fn without(self, unusable: impl IntoIterator<Item = (usize, Unusable)>) -> Self {
        let mut entries = self.entries;
        for (index, reason) in unusable {
            if let Some(entry) = entries.get_mut(index) {
                entry.unusable = Some(Box::new(reason));
            }
        }
        Self::new(entries).looked_until(self.looked_until)
    }

    /// The segments, in the order of the manifest.
    pub fn entries(&self) -> &[ChainEntry] {
        &self.entries
    }

    /// Every point that can be restored, by timeline.
    pub fn restorable(&self) -> Vec<PointRange> {
        let mut timelines: Vec<(Timeline, RangeSet)> = Vec::new();
        for range in self.coverages.iter().flat_map(|(_, ranges)| ranges) {
            let index = timelines.partition_point(|(timeline, _)| *timeline < range.timeline);
            if timelines
                .get(index)
                .is_none_or(|(timeline, _)| *timeline != range.timeline)
            {
                timelines.insert(index, (range.timeline, RangeSet::new()));
            }
            if let Some((_, epochs)) = timelines.get_mut(index) {
                epochs.insert_range(range.from.get(), range.to.get());
            }
        }
        let ranges = timelines.iter().flat_map(|(timeline, epochs)| {
            epochs.ranges().iter().map(|&(from, to)| PointRange {
                timeline: *timeline,
                from: Epoch::new(from),
                to: Epoch::new(to),
            })
        });
        ranges.collect()
    }

    /// The positions of generation 2 between which the state after every commit can be restored.
    pub fn restorable_lsns(&self) -> Vec<LsnRange> {
        let mut ranges: Vec<(Log, LsnRange)> = Vec::new();
        for full in self.bases() {
            let (Some(log), Some(range)) = (self.log_of(full), self.lsns_after(full)) else {
                continue;
            };
            match ranges.last_mut() {
                // A full backup serves again what an earlier one of its log leads to.
                Some((before, known)) if *before == log && range.from <= known.to => {
                    known.to = known.to.max(range.to);
                }
                _ => ranges.push((log, range)),
            }
        }
        ranges.into_iter().map(|(_, range)| range).collect()
    }

    /// Whether there are commits whose epochs and times are encrypted.
    pub fn is_sealed(&self) -> bool {
        self.runs.iter().any(|run| run.is_sealed)
    }

    /// Every place where commits are missing from the chain, or may be, in its order.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        let first_points = self.points_after_breaks();
        let mut seen = self.entries.iter();
        let (mut index, mut after) = (0, None);
        let breaks = self.breaks.iter().zip(first_points);
        let breaks = breaks.filter_map(move |(at, before)| {
            while index < *at {
                after = seen.next().and_then(ChainEntry::last_point).or(after);
                index = index.saturating_add(1);
            }
            let cause = self.break_at(*at)?;
            let gap = Gap {
                after,
                before,
                cause,
            };
            Some((*at, gap))
        });
        let runs = self.runs.iter();
        let mut missing = runs
            .flat_map(|run| self.missing_epochs(run).map(|gap| (run.end, gap)))
            .peekable();
        let mut breaks = breaks.peekable();
        std::iter::from_fn(move || {
            let missing_at = missing.peek().map_or(usize::MAX, |(at, _)| *at);
            let next = breaks.next_if(|(at, _)| *at < missing_at);
            next.or_else(|| missing.next()).map(|(_, gap)| gap)
        })
    }

    /// The points that a restore from the full backup at `index` reaches.
    pub(crate) fn coverage(&self, index: usize) -> &[PointRange] {
        let found = self
            .coverages
            .binary_search_by_key(&index, |(full, _)| *full);
        let found = found.ok().and_then(|found| self.coverages.get(found));
        found.map_or(&[], |(_, ranges)| ranges)
    }

    /// The usable full backups, in order.
    pub(crate) fn bases(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.coverages.iter().map(|(full, _)| *full)
    }

    /// The run that an entry belongs to.
    pub(crate) fn run_of(&self, index: usize) -> Option<&Run> {
        let run = self.runs.partition_point(|run| run.end <= index);
        self.runs.get(run).filter(|run| run.first <= index)
    }

    /// Why nothing leads to an entry: it is unusable itself, or every full backup of its run is,
    /// or the log before it breaks off.
    pub(crate) fn obstacle_before(&self, index: usize) -> Option<GapCause> {
        let unusable = |index: usize| self.entries.get(index)?.obstacle();
        let run = self.run_of(index);
        let fulls = || run.into_iter().flat_map(|run| run.first..=index).rev();
        let lost_full = || {
            let is_full = |index: &usize| {
                self.entries
                    .get(*index)
                    .is_some_and(|it| it.segment.kind == SegmentKind::Full)
            };
            fulls().filter(is_full).find_map(unusable)
        };
        let uncounted = || {
            let before = self.entries.get(..=index)?;
            let (entry, before) = before.split_last()?;
            let is_unknown = |entry: &ChainEntry| entry.content.is_none();
            // Of a full backup the increment after it tells the timeline.
            let own = index
                .checked_add(1)
                .filter(|own| self.entries.get(*own).is_some_and(is_unknown));
            let unknown = before.iter().rposition(is_unknown).or(own);
            unknown.filter(|_| !entry.is_counted).and_then(unusable)
        };
        let left_out = || {
            let after = index.checked_add(1)?;
            let is_break = self.breaks.binary_search(&after).is_ok();
            let left_out = is_break && self.needs_more(index);
            left_out.then(|| self.break_at(after)).flatten()
        };
        let broken = || {
            let last = self.breaks.iter().rfind(|at| **at <= index);
            last.and_then(|at| self.break_at(*at))
        };
        unusable(index)
            .or_else(lost_full)
            .or_else(uncounted)
            .or_else(left_out)
            .or_else(broken)
    }

    fn missing_epochs<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = Gap> + 'a {
        let entered = self.entered_at(run);
        run.timelines.iter().flat_map(move |known| {
            let before = entered.filter(|point| point.timeline == known.timeline);
            let before = before.map(|point| point.epoch);
            let caught_up = self.caught_up_to(run, known.timeline);
            let from = known.base.max(caught_up.max(before).unwrap_or_default());
            known.missing_after(from).map(move |(first, last)| Gap {
                after: known.point(first.saturating_sub(1)),
                before: known.point(last.saturating_add(1)),
                cause: known.lack_of(first, last),
            })
        })
    }

    /// The point before the first one of a run that begins in the middle of a timeline: what is
    /// missing up to there is the gap before the run.
    fn entered_at(&self, run: &Run) -> Option<Point> {
        let first = self
            .entries
            .get(run.first)?
            .increment()?
            .stretches
            .first()?;
        let (epoch, _) = first.epochs.ranges().first()?;
        let before = Point::new(first.timeline, Epoch::new(epoch.saturating_sub(1)));
        (run.first > 0).then_some(before)
    }

    /// The epoch up to which an image that was copied under commits stands in for missing ones.
    fn caught_up_to(&self, run: &Run, timeline: Timeline) -> Option<Epoch> {
        let fulls = (run.first..run.end).filter(|&index| self.catch_up_of(index).is_some());
        let ends = fulls.filter_map(|index| self.served_from(index));
        ends.filter(|point| point.timeline == timeline)
            .map(|point| point.epoch)
            .max()
    }

    /// For each break, the first point after it.
    fn points_after_breaks(&self) -> Vec<Option<Point>> {
        let mut first = None;
        let mut points = Vec::with_capacity(self.breaks.len());
        let mut breaks = self.breaks.iter().rev().peekable();
        let is_last = |at: &&usize| **at == self.entries.len();
        points.extend(breaks.next_if(is_last).map(|_| None));
        for (index, entry) in self.entries.iter().enumerate().rev() {
            first = entry.first_point().or(first);
            points.extend(breaks.next_if(|at| **at == index).map(|_| first));
        }
        points.reverse();
        points
    }
}

//! What a repository can restore: a pure reading of its manifest and records.
//!
//! A **run** is a stretch of the manifest in which the log goes on without a hole. A restore
//! begins at a full backup and replays the increments behind it in the same run. Which points a
//! full backup reaches is its **reach**:
//!
//! - from the epoch in its header; or, where it was copied while commits went on, from the end of
//!   the increment that catches up with it;
//! - as far as every epoch of the timeline is there, since each occurs once;
//! - on into the next timeline of the run, where nothing of the one before is missing but what a
//!   crash can have kept from being logged: late epochs near its end.
//!
//! A point is a name only where its timeline is counted. Behind a segment of which nothing is known
//! a full backup reaches no point, nor does one in front of it of which that segment would tell
//! whether the log goes on; its latest state can be restored, and those that times and LSNs name.
//!
//! In generation 2 a segment begins at the LSN at which the one before it ended, or before it: that
//! alone proves that no commit is missing. Epochs of an encrypted log are not known here; then a
//! full backup reaches no point, and every LSN between two commits.

use apograph_format::{
    Epoch, Generation, LogPosition, Lsn, Point, RangeSet, SegmentKind, SegmentName, Timeline,
};

use crate::hole::{Hole, HoleCause, Unusable};
use crate::manifest::Segment;
use crate::record::{FullContent, IncrementContent, SegmentContent, Stretch};
use crate::run::{Run, RunTimeline, late_window};

/// A segment of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// What the manifest says of it.
    pub segment: Segment,
    /// What is in it, as far as that is known.
    pub content: Option<SegmentContent>,
    /// Why a restore cannot use it, where it cannot.
    pub unusable: Option<Unusable>,
    /// Whether the numbers of its timelines are known. They are counted along the chain: behind a
    /// segment that has no record and cannot be read they are a guess, under which other states may
    /// have been known before. So is that of a full backup of which such a segment would have told
    /// whether the log goes on across it.
    pub is_counted: bool,
}

impl ChainEntry {
    pub(crate) fn full(&self) -> Option<&FullContent> {
        match &self.content {
            Some(SegmentContent::Full(full)) => Some(full),
            _ => None,
        }
    }

    pub(crate) fn increment(&self) -> Option<&IncrementContent> {
        match &self.content {
            Some(SegmentContent::Increment(increment)) => Some(increment),
            _ => None,
        }
    }

    /// The generation of the segment, as far as it is known.
    pub fn generation(&self) -> Option<Generation> {
        match &self.content {
            Some(SegmentContent::Full(full)) => Some(full.image.generation()),
            Some(SegmentContent::Increment(increment)) => match increment.range {
                Some(range) => Some(range.start.generation()),
                None if self.segment.end_lsn.is_none() => Some(Generation::One),
                None => Some(Generation::Two),
            },
            None => self.segment.end_lsn.map(|_| Generation::Two),
        }
    }

    /// The last point that it has, where it can be used and the point has a name.
    fn last_point(&self) -> Option<Point> {
        match &self.content {
            _ if self.unusable.is_some() || !self.is_counted => None,
            Some(SegmentContent::Full(full)) => Some(full.base),
            Some(SegmentContent::Increment(increment)) => {
                increment.stretches.last().map(stretch_end)
            }
            None => None,
        }
    }

    /// The first point that it has, where it can be used and the point has a name.
    fn first_point(&self) -> Option<Point> {
        match &self.content {
            _ if self.unusable.is_some() || !self.is_counted => None,
            Some(SegmentContent::Full(full)) => Some(full.base),
            Some(SegmentContent::Increment(increment)) => {
                let stretch = increment.stretches.first()?;
                let first = stretch.epochs.ranges().first();
                let epoch = first.map_or(stretch.base, |&(first, _)| Epoch::new(first));
                Some(Point::new(stretch.timeline, epoch))
            }
            None => None,
        }
    }

    /// Whether the segment only repeats what the run holds before its full backup.
    pub(crate) fn repeats(&self) -> bool {
        self.increment().is_some_and(|increment| increment.repeats)
    }
}

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

/// Positions in a log of generation 2, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LsnRange {
    /// The timeline at its start, where that is counted.
    pub timeline: Option<Timeline>,
    /// The first position: where the first full backup's log begins.
    pub from: Lsn,
    /// The last position: behind the last commit.
    pub to: Lsn,
}

/// The chain of a repository.
#[derive(Debug, Clone)]
pub struct Chain {
    entries: Vec<ChainEntry>,
    runs: Vec<Run>,
    /// The places where the log breaks off, by the entry behind each.
    breaks: Vec<usize>,
    reaches: Vec<(usize, Vec<PointRange>)>,
}

impl Chain {
    /// Reads the entries of a manifest as a chain.
    pub fn new(entries: Vec<ChainEntry>) -> Self {
        let mut chain = Self {
            entries,
            runs: Vec::new(),
            breaks: Vec::new(),
            reaches: Vec::new(),
        };
        chain.find_runs();
        chain.find_reaches();
        chain
    }

    /// The segments, in the order of the manifest.
    pub fn entries(&self) -> &[ChainEntry] {
        &self.entries
    }

    /// Every point that can be restored, by timeline.
    pub fn restorable(&self) -> Vec<PointRange> {
        let mut timelines: Vec<(Timeline, RangeSet)> = Vec::new();
        for range in self.reaches.iter().flat_map(|(_, ranges)| ranges) {
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

    /// The positions of generation 2 between which the state behind every commit can be restored.
    pub fn restorable_lsns(&self) -> Vec<LsnRange> {
        let runs = self.runs.iter();
        runs.filter_map(|run| self.lsns_of(run)).collect()
    }

    pub(crate) fn lsns_of(&self, run: &Run) -> Option<LsnRange> {
        let first = self.reaches.partition_point(|(full, _)| *full < run.first);
        let (base, _) = *self
            .reaches
            .get(first)
            .filter(|(full, _)| *full < run.end)?;
        let entry = self.entries.get(base)?;
        let full = entry.full()?;
        let Some(LogPosition::Lsn(from)) = full.log_start else {
            return None;
        };
        let behind = self.entries.get(base.saturating_add(1)..run.end)?;
        let usable = behind.iter().filter(|entry| entry.unusable.is_none());
        let ends = usable.filter_map(|entry| match entry.increment()?.range?.end {
            LogPosition::Lsn(end) => Some(end),
            LogPosition::File { .. } => None,
        });
        Some(LsnRange {
            timeline: entry.is_counted.then_some(full.base.timeline),
            from,
            to: ends.fold(from, Ord::max),
        })
    }

    /// Whether there are commits whose epochs and times are encrypted.
    pub fn is_sealed(&self) -> bool {
        self.runs.iter().any(|run| run.is_sealed)
    }

    /// Whether a commit that is missing was never logged, or is still to come, as far as can be told.
    pub fn is_late(&self, missing: Point) -> bool {
        self.runs
            .iter()
            .filter_map(|run| run.timeline(missing.timeline))
            .all(|known| known.is_late(missing.epoch))
    }

    /// Every place where commits are missing from the chain, or may be, in its order.
    pub fn holes(&self) -> impl Iterator<Item = Hole> {
        let behind = self.points_behind_breaks();
        let mut seen = self.entries.iter();
        let (mut index, mut after) = (0, None);
        let breaks = self.breaks.iter().zip(behind);
        let breaks = breaks.filter_map(move |(at, before)| {
            while index < *at {
                after = seen.next().and_then(ChainEntry::last_point).or(after);
                index = index.saturating_add(1);
            }
            let cause = self.break_at(*at)?;
            let hole = Hole {
                after,
                before,
                cause,
            };
            Some((*at, hole))
        });
        let runs = self.runs.iter();
        let mut missing = runs
            .flat_map(|run| self.missing_epochs(run).map(|hole| (run.end, hole)))
            .peekable();
        let mut breaks = breaks.peekable();
        std::iter::from_fn(move || {
            let missing_at = missing.peek().map_or(usize::MAX, |(at, _)| *at);
            let next = breaks.next_if(|(at, _)| *at <= missing_at);
            next.or_else(|| missing.next()).map(|(_, hole)| hole)
        })
    }

    /// The points that a restore from the full backup at `index` reaches.
    pub(crate) fn reach(&self, index: usize) -> &[PointRange] {
        let found = self.reaches.binary_search_by_key(&index, |(full, _)| *full);
        let found = found.ok().and_then(|found| self.reaches.get(found));
        found.map_or(&[], |(_, ranges)| ranges)
    }

    /// The usable full backups, in order.
    pub(crate) fn bases(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.reaches.iter().map(|(full, _)| *full)
    }

    /// The run that an entry belongs to.
    pub(crate) fn run_of(&self, index: usize) -> Option<&Run> {
        let run = self.runs.partition_point(|run| run.end <= index);
        self.runs.get(run).filter(|run| run.first <= index)
    }

    /// Why nothing leads to an entry: it is unusable itself, or every full backup of its run is,
    /// or the log before it breaks off.
    pub(crate) fn obstacle_before(&self, index: usize) -> Option<HoleCause> {
        let unusable = |index: usize| {
            let entry = self.entries.get(index)?;
            Some(HoleCause::unusable(
                &entry.segment.file,
                entry.unusable.as_ref()?,
            ))
        };
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
            // Of a full backup the increment behind it tells the timeline.
            let own = index
                .checked_add(1)
                .filter(|own| self.entries.get(*own).is_some_and(is_unknown));
            let unknown = before.iter().rposition(is_unknown).or(own);
            unknown.filter(|_| !entry.is_counted).and_then(unusable)
        };
        let broken = || {
            let last = self.breaks.iter().rfind(|at| **at <= index);
            last.and_then(|at| self.break_at(*at))
        };
        unusable(index)
            .or_else(lost_full)
            .or_else(uncounted)
            .or_else(broken)
    }

    /// Where a restore from the full backup at `index` can begin to stop.
    pub(crate) fn served_from(&self, index: usize) -> Option<Point> {
        let base = self.entries.get(index)?.full()?.base;
        match self.catch_up_of(index) {
            Some(catch_up) => Some(end_of(catch_up, base)),
            None => Some(base),
        }
    }

    /// The increment that an image copied under commits needs before it is a state.
    pub(crate) fn catch_up_of(&self, full: usize) -> Option<&IncrementContent> {
        let next = self.entries.get(full.checked_add(1)?)?.increment()?;
        next.catches_up.then_some(next)
    }

    fn find_runs(&mut self) {
        let mut first = 0;
        for index in 0..self.entries.len() {
            if self.break_at(index).is_some() {
                self.close_run(first, index);
                self.breaks.push(index);
                first = index;
            }
        }
        self.close_run(first, self.entries.len());
        if self.break_at(self.entries.len()).is_some() {
            self.breaks.push(self.entries.len());
        }
    }

    fn close_run(&mut self, first: usize, end: usize) {
        let entries = self.entries.get(first..end).unwrap_or_default();
        if entries.is_empty() {
            return;
        }
        let mut timelines: Vec<RunTimeline> = Vec::new();
        let generation = entries.iter().find_map(ChainEntry::generation);
        let generation = generation.unwrap_or(Generation::One);
        let has_sealed = |entry: &ChainEntry| {
            let increment = entry.increment();
            increment.is_some_and(|increment| increment.is_encrypted && increment.commits > 0)
        };
        let is_sealed = entries.iter().any(has_sealed);
        let is_placed = |entry: &ChainEntry| entry.increment().is_none_or(|it| it.range.is_some());
        let late_window = late_window(entries.iter().all(is_placed));
        let counts = |entry: &&ChainEntry| {
            let lost = entry.unusable.is_some() && entry.segment.kind == SegmentKind::Incremental;
            !entry.repeats() && !lost
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
                    });
                }
                let Some(known) = timelines.get_mut(position) else {
                    continue;
                };
                known.base = known.base.min(base);
                if let Some(epochs) = epochs {
                    known.epochs.extend(epochs);
                }
            }
        }
        self.runs.push(Run {
            first,
            end,
            generation,
            is_sealed,
            timelines,
        });
    }

    /// Why the log does not go on from the entries before to this one, or behind the last one.
    fn break_at(&self, index: usize) -> Option<HoleCause> {
        let previous = self.entries.get(index.checked_sub(1)?)?;
        let Some(entry) = self.entries.get(index) else {
            let reason = previous.unusable.as_ref()?;
            return Some(HoleCause::unusable(&previous.segment.file, reason));
        };
        if let Some(cause) = missing_entry(&previous.segment, &entry.segment) {
            return Some(cause);
        }
        if previous.segment.kind == SegmentKind::Incremental
            && let Some(reason) = &previous.unusable
            && !previous.repeats()
        {
            return Some(HoleCause::unusable(&previous.segment.file, reason));
        }
        if previous.content.is_none()
            && let Some(reason) = &previous.unusable
        {
            return Some(HoleCause::unusable(&previous.segment.file, reason));
        }
        match &entry.content {
            Some(SegmentContent::Full(full)) if full.continues => None,
            Some(SegmentContent::Full(_)) => Some(HoleCause::NotContinued {
                file: entry.segment.file.clone(),
            }),
            None if entry.segment.kind == SegmentKind::Full => Some(HoleCause::NotContinued {
                file: entry.segment.file.clone(),
            }),
            _ => self.unlinked(index),
        }
    }

    fn unlinked(&self, index: usize) -> Option<HoleCause> {
        let entry = self.entries.get(index)?;
        let previous = self.entries.get(index.checked_sub(1)?)?;
        let file = entry.segment.file.clone();
        if entry.generation() == Some(Generation::Two) {
            return self.unlinked_lsn(index);
        }
        let expected = previous.segment.end_epoch.next()?;
        if entry.segment.start_epoch != expected {
            let found = entry.segment.start_epoch;
            return Some(HoleCause::UnlinkedEpochs {
                file,
                expected,
                found,
            });
        }
        if entry.repeats() {
            return None;
        }
        let start = entry.increment()?.range?.start;
        let end = self.log_end_before(index)?;
        (end != start).then_some(HoleCause::UnlinkedPositions {
            file,
            expected: end,
            found: start,
        })
    }

    /// An increment of generation 2 begins at the end of the log so far or before it, and where it
    /// begins before it, it repeats the same bytes.
    fn unlinked_lsn(&self, index: usize) -> Option<HoleCause> {
        let entry = self.entries.get(index)?;
        let (file, increment) = (entry.segment.file.clone(), entry.increment()?);
        if increment.diverges {
            return Some(HoleCause::Diverges { file });
        }
        let start = increment.range?.start;
        let end = self.log_end_before(index)?;
        if end.generation() != start.generation() {
            return Some(HoleCause::NotContinued { file });
        }
        (start > end && !entry.repeats()).then_some(HoleCause::UnlinkedPositions {
            file,
            expected: end,
            found: start,
        })
    }

    fn log_end_before(&self, index: usize) -> Option<LogPosition> {
        log_end(self.entries.get(..index)?)
    }

    fn find_reaches(&mut self) {
        let fulls = (0..self.entries.len()).filter(|&index| {
            let entry = self.entries.get(index);
            entry.is_some_and(|entry| entry.full().is_some() && entry.unusable.is_none())
        });
        self.reaches = fulls.map(|full| (full, self.find_reach(full))).collect();
    }

    fn find_reach(&self, full: usize) -> Vec<PointRange> {
        let mut ranges = Vec::new();
        let (Some(mut from), Some(run)) = (self.served_from(full), self.run_of(full)) else {
            return ranges;
        };
        let is_counted = |entry: &ChainEntry| entry.is_counted;
        if run.is_sealed || !self.entries.get(full).is_some_and(is_counted) {
            return ranges;
        }
        let needs_missing = self.catch_up_of(full).is_some()
            && self
                .entries
                .get(full.saturating_add(1))
                .is_none_or(|it| it.unusable.is_some());
        if needs_missing {
            return ranges;
        }
        let own_increments = self.has_increments(full) && self.leads_on(full);
        while let Some(known) = run.timeline(from.timeline) {
            let to = if own_increments {
                known.contiguous_to(from.epoch)
            } else {
                from.epoch
            };
            ranges.push(PointRange {
                timeline: from.timeline,
                from: from.epoch,
                to,
            });
            let next = run
                .timelines
                .iter()
                .find(|next| next.timeline > from.timeline);
            match next {
                Some(next) if own_increments && known.lacks_only_late(from.epoch) => {
                    from = Point::new(next.timeline, next.base);
                }
                _ => break,
            }
        }
        ranges
    }

    /// Whether the log right behind a full backup can be replayed. Where it cannot, later increments
    /// of the run go on from what older full backups lead to, and not from this one.
    pub(crate) fn leads_on(&self, full: usize) -> bool {
        let own = self.entries.get(full.saturating_add(1));
        own.is_none_or(|own| own.segment.kind == SegmentKind::Full || own.unusable.is_none())
    }

    fn has_increments(&self, full: usize) -> bool {
        let run = self.run_of(full);
        let rest = run.and_then(|run| self.entries.get(full.saturating_add(1)..run.end));
        rest.unwrap_or_default()
            .iter()
            .any(|entry| entry.unusable.is_none())
    }

    fn missing_epochs<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = Hole> + 'a {
        run.timelines.iter().flat_map(move |known| {
            let caught_up = self.caught_up_to(run, known.timeline);
            let from = caught_up.map_or(known.base, |epoch| known.base.max(epoch));
            let point = |epoch: u64| Some(Point::new(known.timeline, Epoch::new(epoch)));
            known.missing_behind(from).map(move |(first, last)| Hole {
                after: point(first.saturating_sub(1)),
                before: point(last.saturating_add(1)),
                cause: HoleCause::EpochsMissing {
                    first: Point::new(known.timeline, Epoch::new(first)),
                    last: Epoch::new(last),
                },
            })
        })
    }

    /// The epoch up to which an image that was copied under commits stands in for missing ones.
    fn caught_up_to(&self, run: &Run, timeline: Timeline) -> Option<Epoch> {
        let fulls = (run.first..run.end).filter(|&index| self.catch_up_of(index).is_some());
        let ends = fulls.filter_map(|index| self.served_from(index));
        ends.filter(|point| point.timeline == timeline)
            .map(|point| point.epoch)
            .max()
    }

    /// For each break, the first point behind it.
    fn points_behind_breaks(&self) -> Vec<Option<Point>> {
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

/// Where the log ends that is captured by some entries from the start of a chain, where that is
/// known.
///
/// An increment that repeats ends where the one before its full backup does, though it may name the
/// place differently: the end of a log file is the start of the next.
pub fn log_end(entries: &[ChainEntry]) -> Option<LogPosition> {
    for entry in entries.iter().rev() {
        match &entry.content {
            Some(SegmentContent::Increment(increment)) => return Some(increment.range?.end),
            Some(SegmentContent::Full(full)) if full.continues => {}
            Some(SegmentContent::Full(full)) => return full.log_start,
            None => return None,
        }
    }
    None
}

/// The current point at the end of an increment that begins at `start`.
pub(crate) fn end_of(increment: &IncrementContent, start: Point) -> Point {
    let Some(last) = increment.stretches.last() else {
        return start;
    };
    let end = stretch_end(last);
    if end.timeline == start.timeline {
        end.max(start)
    } else {
        end
    }
}

fn stretch_end(stretch: &Stretch) -> Point {
    let last = stretch.epochs.last().map_or(stretch.base, Epoch::new);
    Point::new(stretch.timeline, last.max(stretch.base))
}

/// Names are numbered by the entries before them: a number left out is an entry taken out.
fn missing_entry(previous: &Segment, next: &Segment) -> Option<HoleCause> {
    let before = SegmentName::parse(previous.file.as_str())?.index;
    let after = SegmentName::parse(next.file.as_str())?.index;
    let expected = before.saturating_add(1);
    (after != expected).then(|| HoleCause::MissingEntry {
        previous: previous.file.clone(),
        next: next.file.clone(),
    })
}

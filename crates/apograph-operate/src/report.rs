//! What a repository holds and how it stands, as one value that a page is made of.
//!
//! It is made of the chain and of what was noted alone: no segment is read.

use std::collections::{BTreeMap, HashMap};

use apograph_format::{Epoch, ExactPoint, Lsn, Point, Timeline};
use apograph_manifest::{
    Chain, ChainEntry, FileName, Gap, GapCause, Hole, Level, LsnRange, Pin, PointRange,
    SegmentContent, Target,
};
use apograph_repository::{LastVerified, Repository};

use crate::effort::RestoreEffort;
use crate::status::Status;

/// What a repository holds and how it stands at a moment.
#[derive(Debug, Clone)]
pub struct RepositoryReport<'a> {
    /// How it stands.
    pub status: Status,
    /// Its segments, in the order of the chain.
    pub segments: Vec<ReportedSegment<'a>>,
    /// Where the history does not go on, in the order of the chain.
    pub gaps: Vec<ReportedGap>,
    /// Whether what was before the first segment was pruned.
    pub is_pruned_before: bool,
    /// The states that are pinned.
    pub pins: Vec<ReportedPin<'a>>,
    /// What a restore of the latest state takes; `None` where that cannot be restored.
    pub restore: Option<RestoreEffort<'a>>,
}

/// A segment of a report.
#[derive(Debug, Clone, Copy)]
pub struct ReportedSegment<'a> {
    /// What is known of it.
    pub entry: &'a ChainEntry,
    /// The timeline in which it begins; `None` where nothing tells.
    pub timeline: Option<Timeline>,
    /// What restores the state at its end; `None` where that cannot be restored, or has no name.
    pub target: Option<Target>,
    /// When it was last found sound; `None` where it never was.
    pub verified: Option<LastVerified>,
    /// The bytes of its objects, in a vault; else those of its file.
    pub stored_bytes: u64,
}

/// A gap of a report.
#[derive(Debug, Clone)]
pub struct ReportedGap {
    /// The index of the segment in front of which it is, or of the one that cannot be used; that
    /// after the last one where nothing comes after it.
    pub at: usize,
    /// The gap.
    pub gap: Gap,
    /// The index of the segment that has the point from which on what comes after is known to be
    /// another timeline.
    pub from: Option<usize>,
}

/// A pinned state of a report.
#[derive(Debug, Clone, Copy)]
pub struct ReportedPin<'a> {
    /// The pin.
    pub pin: &'a Pin,
    /// The index of the segment with which a restore of it ends; `None` where it cannot be restored.
    pub at: Option<usize>,
}

impl<'a> RepositoryReport<'a> {
    /// The report on a repository that stands so.
    pub fn of(repository: &'a Repository, status: Status) -> Self {
        let chain = repository.chain();
        let names = Names::of(chain);
        let mut timeline = None;
        let segments = chain.entries().iter().enumerate().map(|(index, entry)| {
            timeline = begins_in(entry).or(timeline);
            ReportedSegment {
                entry,
                timeline,
                target: names.target_of(chain, entry),
                verified: repository.verified(index),
                stored_bytes: repository.bytes_at(index, Level::Objects),
            }
        });
        let segments = segments.collect();
        let first = chain.entries().first();
        Self {
            status,
            segments,
            gaps: gaps(chain),
            is_pruned_before: first.is_some_and(|it| it.hole == Some(Hole::Pruned)),
            pins: repository
                .pins()
                .iter()
                .map(|pin| placed(pin, chain))
                .collect(),
            restore: RestoreEffort::of(chain),
        }
    }
}

/// The states that have a name.
struct Names {
    /// In the order of their points.
    points: Vec<PointRange>,
    positions: Vec<LsnRange>,
}

impl Names {
    fn of(chain: &Chain) -> Self {
        Self {
            points: chain.restorable(),
            positions: chain.restorable_lsns(),
        }
    }

    fn target_of(&self, chain: &Chain, entry: &ChainEntry) -> Option<Target> {
        if entry.unusable.is_some() {
            return None;
        }
        let end = end_of(entry).filter(|(point, _)| self.has(*point));
        let point = end.map(|(point, exact)| {
            let name = exact.map(|exact| chain.commit_name(exact));
            Target::Point(name.unwrap_or(point.into()))
        });
        point.or_else(|| self.position(entry.segment.end_lsn?))
    }

    fn has(&self, point: Point) -> bool {
        let key = |range: &PointRange| (range.timeline, range.from);
        let after = self
            .points
            .partition_point(|range| key(range) <= (point.timeline, point.epoch));
        let range = after.checked_sub(1).and_then(|at| self.points.get(at));
        range.is_some_and(|range| range.contains(point))
    }

    /// Of two logs that have a position neither is meant.
    fn position(&self, lsn: Lsn) -> Option<Target> {
        let has = |range: &&LsnRange| (range.from..=range.to).contains(&lsn);
        let mut found = self.positions.iter().filter(has);
        let is_one = found.next().is_some() && found.next().is_none();
        is_one.then_some(Target::Lsn(lsn))
    }
}

/// The point at the end of a segment, where it has a name; and the same with its further commits, where
/// they are known.
fn end_of(entry: &ChainEntry) -> Option<(Point, Option<ExactPoint>)> {
    if !entry.is_counted {
        return None;
    }
    match entry.content.as_ref()? {
        SegmentContent::Full(full) => {
            let point = full.base;
            let exact = full.further.map(|further| ExactPoint { point, further });
            Some((point, exact))
        }
        SegmentContent::Increment(increment) if increment.is_encrypted() => None,
        SegmentContent::Increment(increment) => {
            let last = increment.stretches.last()?;
            // What has further commits alone, and does not count them, says no epoch.
            let is_told = !last.epochs.is_empty() || !last.further.is_unknown();
            is_told.then(|| (last.end(), last.end_exactly()))
        }
    }
}

fn begins_in(entry: &ChainEntry) -> Option<Timeline> {
    match entry.content.as_ref()? {
        SegmentContent::Full(full) => Some(full.base.timeline),
        SegmentContent::Increment(increment) => increment.stretches.first().map(|it| it.timeline),
    }
}

/// The gaps, each with its place.
fn gaps(chain: &Chain) -> Vec<ReportedGap> {
    let gaps: Vec<Gap> = chain.gaps().collect();
    if gaps.is_empty() {
        return Vec::new();
    }
    let entries = chain.entries();
    let named = entries.iter().zip(0..);
    let by_name: HashMap<&FileName, usize> = named
        .map(|(entry, index)| (&entry.segment.file, index))
        .collect();
    let points = gaps
        .iter()
        .flat_map(|gap| [gap.before, gap.cause.branched_from()]);
    let by_point = first_with(points.flatten(), entries);
    let with = |point: Option<Point>| by_point.get(&point?).copied().flatten();
    let end = entries.len();
    let placed = gaps.into_iter().map(|gap| {
        let file = match &gap.cause {
            GapCause::MissingEntry { next, .. } | GapCause::Pruned { next, .. } => Some(next),
            cause => cause.file(),
        };
        let by_name = file.and_then(|file| by_name.get(file)).copied();
        let at = by_name.or_else(|| with(gap.before)).unwrap_or(end);
        let from = with(gap.cause.branched_from());
        ReportedGap { at, gap, from }
    });
    placed.collect()
}

/// For each point the first segment that has it.
fn first_with(
    points: impl Iterator<Item = Point>,
    entries: &[ChainEntry],
) -> BTreeMap<Point, Option<usize>> {
    let mut found: BTreeMap<Point, Option<usize>> = points.map(|point| (point, None)).collect();
    let mut put = |from: Point, to: Point, index: usize| {
        for (_, at) in found.range_mut(from..=to) {
            at.get_or_insert(index);
        }
    };
    for (index, entry) in entries.iter().enumerate() {
        match &entry.content {
            Some(SegmentContent::Full(full)) => put(full.base, full.base, index),
            Some(SegmentContent::Increment(increment)) => {
                for stretch in &increment.stretches {
                    let point = |epoch: u64| Point::new(stretch.timeline, Epoch::new(epoch));
                    for &(first, last) in stretch.epochs.ranges() {
                        put(point(first), point(last), index);
                    }
                }
            }
            None => {}
        }
    }
    found
}

fn placed<'a>(pin: &'a Pin, chain: &Chain) -> ReportedPin<'a> {
    let plan = chain.plan(&pin.state.into()).ok();
    let at = plan.map(|plan| plan.increments.last().copied().unwrap_or(plan.full));
    ReportedPin { pin, at }
}

//! From a target to the segments that restore it, or to the reason why none do.

mod ahead;
mod between;
mod error;
mod furthest;
mod lsn;
mod time;

use std::fmt;

use apograph_format::{
    Epoch, ExactPoint, Generation, Lsn, Point, PointName, SegmentKind, Timeline, UnixMillis,
};

pub use between::Between;
pub use error::{ChainError, Nearest};
pub use furthest::FurthestPlan;

use crate::chain::{Chain, PointRange};
use crate::content::{IncrementContent, TimelineSpan};
use crate::entry::{ChainEntry, end_of};
use crate::gap::GapCause;

/// What a user asks to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Every commit that was captured.
    Latest,
    /// The state at a point.
    Point(PointName),
    /// The state right before the commit that made a point.
    Before(PointName),
    /// The last state known to have existed at an instant.
    Time(UnixMillis),
    /// Generation 2: the state after the commit that ends at a position of the log.
    Lsn(Lsn),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("the latest state"),
            Self::Point(name) => write!(f, "epoch {name}"),
            Self::Before(name) => write!(f, "the state before epoch {name}"),
            Self::Time(_) => f.write_str("a state at that time"),
            Self::Lsn(lsn) => write!(f, "LSN {lsn}"),
        }
    }
}

/// Where a restore stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At a point: commits of its timeline with a higher epoch are left out, and where a number is
    /// given, the further commits of its epoch after that one.
    At {
        /// The point.
        point: Point,
        /// The number of its last further commit.
        further: Option<u64>,
    },
    /// At the end of the last segment of the plan.
    End,
    /// Generation 1: in the last segment of the plan, a merged one, after the capture that ends
    /// after so many bytes of its log.
    Captured(u64),
    /// Generation 2: before the first commit that claims a later time.
    Until(UnixMillis),
    /// Generation 2: after the commit that ends there; there is one, or the image itself ends
    /// there, or it is an error.
    Through(Lsn),
}

/// The segments that restore a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPlan {
    /// The full backup to begin with, as an index into [`Chain::entries`].
    pub full: usize,
    /// The increments to replay, in order.
    pub increments: Vec<usize>,
    /// Where to stop.
    pub cut: Cut,
    /// The point that the restored database is at, where that is known without reading and has a
    /// name. Where a capture in a merged segment ended, the segment says.
    pub point: Option<Point>,
    /// Generation 1, for a cut at a point: every epoch after this one, up to the point, is in the
    /// increments. It is in the timeline of the point.
    pub complete_from: Option<Point>,
    /// For a target in time. Generation 1: when the state was captured, and when the next segment
    /// was. Generation 2: when the image was written, and when the first commit was that is in no
    /// increment of the plan.
    pub interval: Option<(UnixMillis, Option<UnixMillis>)>,
}

impl Chain {
    /// Chooses the segments that restore a target.
    ///
    /// # Errors
    ///
    /// [`ChainError`]: the target is exactly restorable, or it is an error.
    pub fn plan(&self, target: &Target) -> Result<ChainPlan, ChainError> {
        if !self
            .entries()
            .iter()
            .any(|entry| entry.segment.kind == SegmentKind::Full)
        {
            return Err(ChainError::NoFullBackup);
        }
        match target {
            Target::Latest => self.plan_end(target, self.entries().len().saturating_sub(1)),
            Target::Point(name) => {
                let point = self.resolve(target, *name)?;
                self.check_further(target, point, name.further)?;
                self.plan_point(target, point, name.further)
            }
            Target::Before(name) => self.plan_before(target, *name),
            Target::Time(time) => self.plan_time(target, *time),
            Target::Lsn(lsn) => self.plan_lsn(*lsn),
        }
    }

    /// The restorable points around a point.
    pub fn nearest(&self, name: PointName) -> Nearest {
        let ranges = self.restorable();
        let in_timeline = |range: &&PointRange| {
            name.timeline
                .is_none_or(|timeline| range.timeline == timeline)
        };
        let below = ranges
            .iter()
            .filter(in_timeline)
            .filter(|range| range.from < name.epoch);
        let below = below.map(|range| {
            let last = name
                .epoch
                .previous()
                .map_or(range.to, |before| range.to.min(before));
            Point::new(range.timeline, last)
        });
        let above = ranges
            .iter()
            .filter(in_timeline)
            .filter(|range| range.to > name.epoch);
        let above = above.map(|range| {
            let first = name
                .epoch
                .next()
                .map_or(range.from, |next| range.from.max(next));
            Point::new(range.timeline, first)
        });
        // Whoever names a timeline is answered with timelines.
        let named = |point: Point| match name.timeline {
            Some(timeline) => PointName {
                timeline: Some(timeline),
                ..self.name_of(point)
            },
            None => self.name_of(point),
        };
        let below = below.max_by_key(|point| (point.epoch, point.timeline));
        let above = above.min_by_key(|point| (point.epoch, std::cmp::Reverse(point.timeline)));
        Nearest {
            below: below.map(named),
            above: above.map(named),
        }
    }

    /// The shortest name of a point: without its timeline where no other has that epoch.
    pub fn name_of(&self, point: Point) -> PointName {
        let bare = PointName {
            timeline: None,
            epoch: point.epoch,
            further: None,
        };
        let further = self.lost_of(point).and(self.lasting_name(point).further);
        if self.points_named(bare).len() > 1 || self.nameless(bare).is_some() {
            let name = point.into();
            PointName { further, ..name }
        } else {
            PointName { further, ..bare }
        }
    }

    /// The points that a name can mean: those that are restorable or known.
    fn points_named(&self, name: PointName) -> Vec<Point> {
        let ranges = self.restorable();
        let restorable = ranges.iter().map(|range| range.timeline);
        let counted = self.entries().iter().filter(|entry| entry.is_counted);
        let known = counted.clone().flat_map(ChainEntry::timelines);
        let mut timelines: Vec<Timeline> = restorable.chain(known).collect();
        timelines.sort();
        timelines.dedup();
        timelines.retain(|timeline| name.timeline.is_none_or(|named| named == *timeline));
        let points = timelines
            .into_iter()
            .map(|timeline| Point::new(timeline, name.epoch));
        let is_known = |point: Point| counted.clone().any(|entry| entry.has(point));
        points
            .filter(|point| self.is_restorable(*point) || is_known(*point))
            .collect()
    }

    /// A point that has no name, because its timeline is not counted.
    fn nameless(&self, name: PointName) -> Option<Point> {
        let uncounted = self.entries().iter().filter(|entry| !entry.is_counted);
        let mut points = uncounted.flat_map(|entry| {
            let points = entry.timelines().into_iter();
            let points = points.map(|timeline| Point::new(timeline, name.epoch));
            points.filter(|point| entry.has(*point))
        });
        points.find(|point| name.timeline.is_none_or(|named| named == point.timeline))
    }

    fn resolve(&self, target: &Target, name: PointName) -> Result<Point, ChainError> {
        let points = self.points_named(name);
        let nameless = self.nameless(name);
        match (points.as_slice(), nameless) {
            ([point], None) => Ok(*point),
            ([point], Some(_)) if name.timeline.is_some() => Ok(*point),
            // The plan says why it cannot be reached.
            ([], Some(point)) => Ok(point),
            ([], None) if self.is_sealed() => Err(self.encrypted(target)),
            ([], None) => Err(self.not_known(target, name)),
            _ => Err(ChainError::Ambiguous {
                points,
                has_nameless: nameless.is_some(),
            }),
        }
    }

    /// The error that no segment is known to have a point: one that cannot be read has it by the
    /// manifest, or none has it.
    fn not_known(&self, target: &Target, name: PointName) -> ChainError {
        let (target, nearest) = (target.to_string(), Box::new(self.nearest(name)));
        let lost = self.entries().iter().find_map(|entry| {
            let segment = &entry.segment;
            let is_lost = entry.content.is_none() && segment.kind == SegmentKind::Incremental;
            let has = (segment.start_epoch..=segment.end_epoch).contains(&name.epoch);
            entry.obstacle().filter(|_| is_lost && has)
        });
        match lost {
            Some(cause) => ChainError::Unreachable {
                target,
                cause: Box::new(cause),
                nearest,
            },
            None => ChainError::NotCovered { target, nearest },
        }
    }

    fn is_restorable(&self, point: Point) -> bool {
        self.bases().any(|full| {
            self.coverage(full)
                .iter()
                .any(|range| range.contains(point))
        })
    }

    fn entry_with(&self, point: Point) -> Option<usize> {
        self.entries().iter().position(|entry| entry.has(point))
    }

    fn encrypted(&self, target: &Target) -> ChainError {
        let last = self.restorable_lsns().last().copied();
        ChainError::Encrypted {
            target: target.to_string(),
            from: last.map(|range| range.from),
            to: last.map(|range| range.to),
        }
    }

    fn not_reachable(&self, target: &Target, point: Point) -> ChainError {
        let is_sealed = |index| self.run_of(index).is_some_and(|run| run.is_sealed);
        if self.entry_with(point).is_some_and(is_sealed) {
            return self.encrypted(target);
        }
        let nearest = Box::new(self.nearest(point.into()));
        let target = target.to_string();
        let cause = self
            .entry_with(point)
            .and_then(|index| self.obstacle_before(index));
        match cause {
            Some(cause) => ChainError::Unreachable {
                target,
                cause: Box::new(cause),
                nearest,
            },
            None if self.is_behind_image(point) => ChainError::BehindImage { target, nearest },
            None => ChainError::NotCovered { target, nearest },
        }
    }

    /// A plan for the state right before a commit.
    fn plan_before(&self, target: &Target, name: PointName) -> Result<ChainPlan, ChainError> {
        let commit = self.resolve(target, name)?;
        self.check_further(target, commit, name.further)?;
        if let Some(before) = name.further.and_then(|number| number.checked_sub(1)) {
            return self.plan_point(target, commit, Some(before));
        }
        let before = commit
            .epoch
            .previous()
            .map(|epoch| Point::new(commit.timeline, epoch));
        match before.filter(|_| self.is_restorable(commit)) {
            Some(before) => self.plan_point(target, before, None),
            None => Err(self.not_reachable(target, commit)),
        }
    }

    /// Whether a point has a further commit, as far as that is known without reading.
    fn check_further(
        &self,
        target: &Target,
        point: Point,
        further: Option<u64>,
    ) -> Result<(), ChainError> {
        let last = self.further_of(point);
        let beyond = further.zip(last).filter(|(asked, last)| asked > last);
        let Some((_, further)) = beyond else {
            return Ok(());
        };
        if let Some((_, cause)) = self.lost_of(point) {
            return Err(self.unreachable(target, point, cause));
        }
        Err(self.no_such_further(target, ExactPoint { point, further }))
    }

    /// The error that what belongs to a point is lost; without that it has a name.
    fn unreachable(&self, target: &Target, point: Point, cause: GapCause) -> ChainError {
        let without = self.lasting_name(point);
        let nearest = self.nearest(point.into());
        ChainError::Unreachable {
            target: target.to_string(),
            cause: Box::new(cause),
            nearest: Box::new(Nearest {
                below: without.further.map(|_| without).or(nearest.below),
                ..nearest
            }),
        }
    }

    /// The error that a point has no further commit of that number; `last` is the last one.
    pub fn no_such_further(&self, target: &Target, last: ExactPoint) -> ChainError {
        let nearest = self.nearest(last.point.into());
        ChainError::NotCovered {
            target: target.to_string(),
            nearest: Box::new(Nearest {
                below: Some(last.into()).filter(|_| self.is_restorable(last.point)),
                ..nearest
            }),
        }
    }

    fn plan_point(
        &self,
        target: &Target,
        point: Point,
        further: Option<u64>,
    ) -> Result<ChainPlan, ChainError> {
        let reaches = |full: &usize| {
            let mut ranges = self.coverage(*full).iter();
            ranges.any(|range| range.contains(point)) && self.serves(*full, point, further)
        };
        let leads_on = |full: &usize| self.leads_on(*full);
        // What was logged after an image in its own epoch belongs to the point too.
        let whole = self.bases().filter(leads_on).rfind(reaches);
        let Some(full) = whole.or_else(|| self.bases().rfind(reaches)) else {
            return Err(self.not_reachable(target, point));
        };
        if let (None, Some((_, cause))) = (further, self.lost_of(point)) {
            return Err(self.unreachable(target, point, cause));
        }
        let increments = self.increments_after(full);
        let last = self.last_needed(&increments, point, further);
        let increments = increments
            .into_iter()
            .take_while(|&index| Some(index) <= last)
            .collect();
        Ok(ChainPlan {
            full,
            increments,
            cut: Cut::At { point, further },
            point: Some(point),
            complete_from: self.complete_from(full, point),
            interval: None,
        })
    }

    /// Whether a full backup that reaches a point does not hold more of its epoch than is asked for.
    fn serves(&self, full: usize, point: Point, further: Option<u64>) -> bool {
        let Some(further) = further.filter(|_| self.served_from(full) == Some(point)) else {
            return true;
        };
        let from = self.served_exactly(full);
        from.is_some_and(|from| from.further <= further)
    }

    /// Up to where a full backup stands for the epochs in the timeline of a point: every one after
    /// that has to be in increments, for the state to be that of the point. `None` in generation 2,
    /// where positions prove that nothing is missing.
    pub fn complete_from(&self, full: usize, point: Point) -> Option<Point> {
        if self.run_of(full)?.generation == Generation::Two {
            return None;
        }
        let served = self
            .served_from(full)
            .filter(|from| from.timeline == point.timeline);
        let run = self
            .run_of(full)
            .and_then(|run| run.timeline(point.timeline));
        let base = run.map_or(point, |known| Point::new(point.timeline, known.base));
        Some(served.unwrap_or(base))
    }

    /// The increments that a restore from a full backup replays, to the end of its run.
    pub(crate) fn increments_after(&self, full: usize) -> Vec<usize> {
        if !self.leads_on(full) {
            return Vec::new();
        }
        let end = self.run_of(full).map_or(0, |run| run.end);
        let follows = |index: &usize| {
            self.entries().get(*index).is_some_and(|entry| {
                let own = *index == full.saturating_add(1);
                entry.increment().is_some() && entry.unusable.is_none() && (own || !entry.repeats())
            })
        };
        (full.saturating_add(1)..end).filter(follows).collect()
    }

    /// The last increment that can hold something of the state at a point: a commit up to it, or
    /// a further commit of it, up to the number that is asked for.
    fn last_needed(
        &self,
        increments: &[usize],
        point: Point,
        further: Option<u64>,
    ) -> Option<usize> {
        let mut needed = None;
        let mut passed = false;
        let has_it = |span: &TimelineSpan| {
            let mut numbers = span.further.last_numbers().iter();
            let last = numbers.find(|(epoch, _)| *epoch == point.epoch);
            let last = last.and_then(|(_, number)| *number);
            let last = last.or(span.epochs.contains(point.epoch.get()).then_some(0));
            span.timeline == point.timeline && further.is_some_and(|it| last >= Some(it))
        };
        for &index in increments {
            let stretches = self
                .entries()
                .get(index)
                .and_then(|entry| entry.increment())
                .map_or(&[][..], |increment| &increment.stretches);
            let up_to = stretches.iter().any(|stretch| {
                stretch.timeline < point.timeline
                    || stretch.timeline == point.timeline
                        && stretch
                            .epochs
                            .ranges()
                            .iter()
                            .any(|&(first, _)| first <= point.epoch.get())
            });
            if up_to || !passed {
                needed = Some(index);
            }
            passed |= stretches.iter().any(|stretch| {
                stretch.timeline > point.timeline
                    || stretch.timeline == point.timeline
                        && stretch.epochs.last() > Some(point.epoch.get())
                    || has_it(stretch)
            });
        }
        needed
    }

    /// The error that a target lies after everything that can be restored.
    fn out_of_reach(&self, target: &Target, cause: Option<GapCause>) -> ChainError {
        let last = self.restorable().last().copied();
        let below = last.map(|range| self.name_of(Point::new(range.timeline, range.to)));
        let nearest = Box::new(Nearest { below, above: None });
        let target = target.to_string();
        match cause {
            Some(cause) => ChainError::Unreachable {
                target,
                cause: Box::new(cause),
                nearest,
            },
            None => ChainError::NotCovered { target, nearest },
        }
    }

    fn plan_end(&self, target: &Target, through: usize) -> Result<ChainPlan, ChainError> {
        let in_run = |full: &usize| {
            *full <= through && self.run_of(*full).is_some_and(|run| through < run.end)
        };
        let caught_up = |full: &usize| {
            *full == through && !self.needs_more(*full) || *full < through && self.leads_on(*full)
        };
        let broken = |cause: Option<GapCause>| self.out_of_reach(target, cause);
        if self
            .entries()
            .get(through)
            .is_none_or(|entry| entry.unusable.is_some())
        {
            return Err(broken(self.obstacle_before(through)));
        }
        let Some(full) = self.bases().filter(caught_up).rfind(in_run) else {
            return Err(broken(self.obstacle_before(through)));
        };
        let increments: Vec<usize> = self
            .increments_after(full)
            .into_iter()
            .filter(|&index| index <= through)
            .collect();
        if let Some(cause) = self.gap_before(full, &increments) {
            return Err(broken(Some(cause)));
        }
        let is_sealed = self.commits_in(&increments, IncrementContent::is_encrypted) > 0;
        let is_named = !is_sealed && self.entries().get(full).is_some_and(|it| it.is_counted);
        let point = is_named.then(|| self.point_behind(full, &increments));
        Ok(ChainPlan {
            full,
            increments,
            cut: Cut::End,
            point,
            complete_from: None,
            interval: None,
        })
    }

    /// A gap in the epochs after a full backup that no commit out of order explains.
    fn gap_before(&self, full: usize, increments: &[usize]) -> Option<GapCause> {
        let run = self.run_of(full)?;
        let mut from = self.served_from(full)?;
        let end = self.point_behind(full, increments);
        while from.timeline <= end.timeline {
            let known = run.timeline(from.timeline)?;
            if !increments.is_empty() && !known.lacks_only_late(from.epoch) {
                let gap = known.missing_after(from.epoch).next();
                return gap.map(|(first, last)| known.lack_of(first, last));
            }
            let next = run
                .timelines
                .iter()
                .find(|next| next.timeline > from.timeline)?;
            from = Point::new(next.timeline, next.base);
        }
        None
    }

    /// The current point after a full backup and some increments.
    pub(crate) fn point_behind(&self, full: usize, increments: &[usize]) -> Point {
        let base = self
            .entries()
            .get(full)
            .and_then(|entry| entry.full())
            .map(|full| full.base);
        let start = base.unwrap_or(Point::new(Timeline::FIRST, Epoch::new(0)));
        increments.iter().fold(start, |point, &index| {
            let increment = self
                .entries()
                .get(index)
                .and_then(|entry| entry.increment());
            increment.map_or(point, |increment| end_of(increment, point))
        })
    }

    /// How many commits the increments have that `counts` is true of.
    fn commits_in(&self, increments: &[usize], counts: impl Fn(&IncrementContent) -> bool) -> u64 {
        let contents = increments.iter().filter_map(|&index| {
            let increment = self.entries().get(index)?.increment()?;
            counts(increment).then_some(increment.commits)
        });
        contents.fold(0, u64::saturating_add)
    }
}

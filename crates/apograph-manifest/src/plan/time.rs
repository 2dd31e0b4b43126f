//! Plans for an instant.

use apograph_format::{Generation, Point, SegmentKind, UnixMillis};

use super::{ChainError, ChainPlan, Cut, Nearest, Target};
use crate::chain::Chain;
use crate::content::IncrementContent;
use crate::entry::ChainEntry;

impl Chain {
    pub(super) fn plan_time(
        &self,
        target: &Target,
        time: UnixMillis,
    ) -> Result<ChainPlan, ChainError> {
        let begins = |index: usize| {
            let entry = self.entries().get(index)?;
            let image = entry.full()?.image;
            let at = match image.generation() {
                Generation::One => entry.segment.created_at,
                Generation::Two => image.written_at,
            };
            Some((at, image.generation()))
        };
        let indexes = || 0..self.entries().len();
        let mut begun = indexes().rev().filter_map(begins);
        let begun = begun.find_map(|(at, generation)| (at <= time).then_some(generation));
        // By then nothing had begun: the generation of the first image says from when on.
        let first = || indexes().find_map(begins).map(|(_, generation)| generation);
        match begun.or_else(first) {
            Some(Generation::Two) => self.plan_until(target, time),
            _ => self.plan_captured_by(target, time),
        }
    }

    /// The error that an instant lies before the first state.
    fn too_early(&self, target: &Target, from: Option<UnixMillis>) -> ChainError {
        let first = self.restorable().first().copied();
        let above = first.map(|it| self.name_of(Point::new(it.timeline, it.from)));
        ChainError::TimeNotCovered {
            target: target.to_string(),
            from,
            until: self.covered_until(),
            nearest: Nearest { below: None, above }.into(),
        }
    }

    /// What was committed after the last capture nobody knows.
    fn check_covered(&self, target: &Target, time: UnixMillis) -> Result<(), ChainError> {
        let until = self.covered_until();
        if until.is_some_and(|until| time <= until) {
            return Ok(());
        }
        let last = self.restorable().last().copied();
        let below = last.map(|it| self.name_of(Point::new(it.timeline, it.to)));
        Err(ChainError::TimeNotCovered {
            target: target.to_string(),
            from: None,
            until,
            nearest: Nearest { below, above: None }.into(),
        })
    }

    /// Generation 2: the commits say when they were written.
    fn plan_until(&self, target: &Target, time: UnixMillis) -> Result<ChainPlan, ChainError> {
        let is_in_time = |full: &usize| self.is_in_time(*full, time).unwrap_or_default();
        let Some(full) = self.bases().rfind(is_in_time) else {
            let images = self
                .bases()
                .filter_map(|full| self.entries().get(full)?.full());
            let from = images.map(|full| full.image.written_at).min();
            return Err(self.too_early(target, from));
        };
        if self.run_of(full).is_some_and(|run| run.is_sealed) {
            return Err(self.encrypted(target));
        }
        let run = self.run_of(full).map(|run| run.first..run.end);
        let leads_on = |full: &usize| {
            let is_of_run = run.as_ref().is_some_and(|run| run.contains(full));
            is_of_run && is_in_time(full) && self.leads_on(*full)
        };
        let full = self.bases().rfind(leads_on).unwrap_or(full);
        let behind = self.increments_after(full);
        let first_commit = |index: usize| {
            let increment = self.entries().get(index)?.increment()?;
            increment.committed().map(|span| span.first)
        };
        let (mut before, mut seen) = (None, full);
        let later = behind.iter().position(|&index| {
            before = before.max(self.last_commit_in(seen..index));
            seen = index;
            before.is_some_and(|last| last > time)
                || first_commit(index).is_some_and(|first| first > time)
        });
        let increments: Vec<usize> = behind
            .iter()
            .copied()
            .take(later.unwrap_or(behind.len()))
            .collect();
        let reached = increments.last().copied().unwrap_or(full);
        let overran = self.last_commit_in(full..reached.saturating_add(1));
        if later.is_none() && overran.is_none_or(|last| last <= time) {
            self.check_goes_on(target, time, reached)?;
            self.check_covered(target, time)?;
        }
        let next = later.and_then(|later| behind.get(later).copied());
        let next = next.and_then(|next| first_commit(next).max(self.last_commit_in(full..next)));
        let image = self.entries().get(full).and_then(|entry| entry.full());
        Ok(ChainPlan {
            full,
            increments,
            cut: Cut::Until(time),
            point: None,
            complete_from: None,
            interval: image.map(|full| (full.image.written_at, next)),
        })
    }

    /// Whether the image of a full backup holds nothing that claims a later time than an instant;
    /// `None` where it is not known.
    fn is_in_time(&self, full: usize, time: UnixMillis) -> Option<bool> {
        let written_at = self.entries().get(full)?.full()?.image.written_at;
        let last = || self.last_commit_before(full);
        Some(written_at <= time && last().is_none_or(|last| last <= time))
    }

    /// Where the way to an instant ends: what follows must not be a state or commits that cannot be
    /// reached.
    fn check_goes_on(
        &self,
        target: &Target,
        time: UnixMillis,
        reached: usize,
    ) -> Result<(), ChainError> {
        let end = self.run_of(reached).map_or(0, |run| run.end);
        let later = (end..self.entries().len())
            .find(|&index| self.is_in_time(index, time) == Some(false))
            .unwrap_or(self.entries().len());
        let lost = (reached.saturating_add(1)..=later).find(|&index| {
            let Some(entry) = self.entries().get(index) else {
                return false;
            };
            if self.lacks_before(index) {
                return true;
            }
            if index == later {
                return false;
            }
            if entry.segment.kind == SegmentKind::Full {
                // One that goes on has no more than the log before it.
                return index >= end && entry.full().is_none_or(|full| !full.continues);
            }
            let is_out_of_reach = entry.unusable.is_some() || index >= end;
            let committed = entry.increment().and_then(IncrementContent::committed);
            is_out_of_reach
                && (!entry.repeats() || index == reached.saturating_add(1))
                && committed.is_none_or(|span| span.first <= time)
        });
        match lost {
            Some(lost) => Err(self.missing_at(target, reached, lost)),
            None => Ok(()),
        }
    }

    /// The error that a target lies after an entry, and what comes before another one is missing.
    fn missing_at(&self, target: &Target, reached: usize, lost: usize) -> ChainError {
        let is_offered = |point: &Point| self.is_restorable(*point);
        let (before, after) = self.entries().split_at(reached.saturating_add(1));
        let mut below = before.iter().rev().filter_map(ChainEntry::last_point);
        let mut above = after.iter().filter_map(ChainEntry::first_point);
        let name = |point: Option<Point>| point.map(|point| self.name_of(point));
        let nearest = Box::new(Nearest {
            below: name(below.find(is_offered)),
            above: name(above.find(is_offered)),
        });
        let target = target.to_string();
        match self.obstacle_before(lost) {
            Some(cause) => ChainError::Unreachable {
                target,
                cause: Box::new(cause),
                nearest,
            },
            None => ChainError::NotCovered { target, nearest },
        }
    }

    /// The latest time that a commit of some entries claims.
    fn last_commit_in(&self, entries: std::ops::Range<usize>) -> Option<UnixMillis> {
        let entries = self.entries().get(entries).unwrap_or_default().iter();
        let spans = entries.filter_map(|entry| entry.increment()?.committed());
        spans.map(|span| span.last).max()
    }

    /// The latest time that a commit claims which an image of generation 2 can hold: of those that
    /// were captured before it, those that were logged before its place in the log.
    fn last_commit_before(&self, full: usize) -> Option<UnixMillis> {
        let start = self.entries().get(full)?.full()?.start_lsn()?;
        let before = self.entries().get(..full)?.iter();
        let spans = before.filter_map(|entry| {
            let log = entry.increment()?.lsns()?;
            log.committed.filter(|_| log.range.start < start)
        });
        spans.map(|span| span.last).max()
    }

    /// Generation 1: only the times of the captures are known, also of those in merged segments.
    fn plan_captured_by(&self, target: &Target, time: UnixMillis) -> Result<ChainPlan, ChainError> {
        let entries = || self.entries().iter().enumerate();
        let mut captures = entries().flat_map(|(index, entry)| {
            let captures = entry.captured();
            captures.map(move |capture| (index, entry, capture))
        });
        let mut last = None;
        let next = captures.find_map(|(index, entry, capture)| {
            let is_second = entry.generation() == Some(Generation::Two);
            if is_second || capture.at > time {
                return Some(capture.at);
            }
            last = Some((index, entry, capture));
            None
        });
        let Some((through, entry, capture)) = last else {
            return Err(self.too_early(target, next));
        };
        self.check_covered(target, time)?;
        let behind = through.saturating_add(1);
        let is_last = entry.captured().next_back() == Some(capture);
        if is_last && time > capture.at && self.lacks_before(behind) {
            // Nobody knows when what is missing was captured.
            return Err(self.missing_at(target, through, behind));
        }
        // A full backup that another segment catches up with is no state by itself.
        if self.needs_more(through) {
            let through = through.saturating_sub(1);
            let mut plan = self.plan_end(target, through)?;
            let before = self.entries().get(through);
            plan.interval = before.map(|before| (before.segment.created_at, next));
            return Ok(plan);
        }
        let mut plan = self.plan_end(target, through)?;
        if !is_last {
            plan.cut = Cut::Captured(capture.end);
            plan.point = None;
        }
        plan.interval = Some((capture.at, next));
        Ok(plan)
    }
}

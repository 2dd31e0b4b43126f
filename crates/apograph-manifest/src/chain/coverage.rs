//! Which points and positions a full backup leads to.

use apograph_format::{Lsn, Point, SegmentKind};

use super::{Chain, Log, LsnRange, PointRange};
use crate::content::IncrementContent;
use crate::entry::{ChainEntry, end_of};

impl Chain {
    pub(super) fn find_coverages(&mut self) {
        let fulls = (0..self.entries.len()).filter(|&index| {
            let entry = self.entries.get(index);
            entry.is_some_and(|entry| entry.full().is_some() && entry.unusable.is_none())
        });
        self.coverages = fulls.map(|full| (full, self.find_coverage(full))).collect();
    }

    fn find_coverage(&self, full: usize) -> Vec<PointRange> {
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

    /// Generation 2: where the log after a full backup begins.
    pub(super) fn log_start(&self, full: usize) -> Option<Lsn> {
        self.entries.get(full)?.full()?.start_lsn()
    }

    /// Generation 2: the log that a full backup lies in.
    pub(crate) fn log_of(&self, full: usize) -> Option<Log> {
        let (entry, run) = (self.entries.get(full)?, self.run_of(full)?);
        let timeline = entry.full()?.base.timeline;
        Some(if entry.is_counted {
            Log::Timeline(timeline)
        } else {
            Log::Run(run.first)
        })
    }

    /// Generation 2: the positions that a restore from a full backup reaches.
    pub(crate) fn lsns_after(&self, full: usize) -> Option<LsnRange> {
        let from = self.log_start(full)?;
        let entry = self.entries.get(full)?;
        let increments = self.increments_after(full).into_iter();
        let ends = increments.filter_map(|index| {
            let increment = self.entries.get(index)?.increment()?;
            Some(increment.lsns()?.range.end)
        });
        Some(LsnRange {
            timeline: entry.is_counted.then_some(entry.full()?.base.timeline),
            from,
            to: ends.fold(from, Ord::max),
        })
    }

    /// Whether the log right after a full backup can be replayed. Where it cannot, later
    /// increments of the run go on from what older full backups lead to, and not from this one.
    pub(crate) fn leads_on(&self, full: usize) -> bool {
        let next = full.saturating_add(1);
        let own = self.entries.get(next);
        let is_usable =
            |own: &ChainEntry| own.segment.kind == SegmentKind::Full || own.unusable.is_none();
        own.is_none_or(is_usable) && !self.lacks_before(next)
    }

    /// Whether an entry is known to be missing right before this one.
    pub(crate) fn lacks_before(&self, index: usize) -> bool {
        let pair = index.checked_sub(1).and_then(|before| {
            let before = self.entries.get(before)?;
            Some((before, self.entries.get(index)?))
        });
        pair.is_some_and(|(before, entry)| entry.hole_after(before).is_some())
    }

    fn has_increments(&self, full: usize) -> bool {
        let run = self.run_of(full);
        let rest = run.and_then(|run| self.entries.get(full.saturating_add(1)..run.end));
        rest.unwrap_or_default()
            .iter()
            .any(|entry| entry.unusable.is_none())
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
        let entry = self.entries.get(full)?;
        let next = self.entries.get(full.checked_add(1)?)?.increment()?;
        let is_its_own = entry.segment.kind == SegmentKind::Full && next.catches_up;
        is_its_own.then_some(next)
    }

    /// Whether the image of a full backup is no state by itself, or may be none: what was captured
    /// with it has to follow, or would tell and is lost.
    pub(crate) fn needs_more(&self, full: usize) -> bool {
        let is_unknown = || {
            let index = full.checked_add(1)?;
            let next = self.entries.get(index)?;
            let entry = self.entries.get(full)?;
            let is_lost = next.segment.kind == SegmentKind::Incremental && next.content.is_none()
                || self.lacks_before(index);
            Some(entry.full()?.may_be_ahead() && is_lost && !entry.is_counted)
        };
        self.catch_up_of(full).is_some() || is_unknown().unwrap_or_default()
    }
}

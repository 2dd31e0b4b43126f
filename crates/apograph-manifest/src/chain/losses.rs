//! What is lost of a point that can be restored.

use apograph_format::{Point, SegmentKind};

use super::Chain;
use crate::content::SegmentContent;
use crate::gap::GapCause;

impl Chain {
    /// What is lost of a point that can be restored: a segment behind all that is there of it, which
    /// has further commits of it, or may have some. Beside it the full backup that leads there.
    pub(crate) fn lost_of(&self, point: Point) -> Option<(usize, GapCause)> {
        if self.breaks.is_empty() {
            return None;
        }
        let reaches = |full: &usize| self.coverage(*full).iter().any(|it| it.contains(point));
        let mut lost = None;
        for full in self.bases().rev().filter(reaches) {
            match self.lost_behind(full, point) {
                Some(cause) => lost = lost.or(Some((full, cause))),
                None => return None,
            }
        }
        lost
    }

    /// What is lost of a point right behind all that a full backup leads to, and so may belong to it.
    fn lost_behind(&self, full: usize, point: Point) -> Option<GapCause> {
        let run = self.run_of(full).filter(|_| self.leads_on(full));
        // Most points lie before others, and every commit of a log may be asked for.
        let end = run.and_then(|run| run.timelines.last());
        let is_before_others = end.is_some_and(|end| {
            end.timeline > point.timeline
                || end.timeline == point.timeline && end.highest() > point.epoch
        });
        if is_before_others || self.point_behind(full, &self.increments_after(full)) != point {
            return None;
        }
        let run_end = run.map_or(full, |run| run.end);
        let is_usable = |index: &usize| {
            let entry = self.entries.get(*index);
            entry.is_some_and(|entry| entry.unusable.is_none())
        };
        let end = (full..run_end).rfind(is_usable).unwrap_or(full);
        let behind = self.entries.get(end..)?;
        for pair in behind.windows(2) {
            let [before, entry] = pair else {
                break;
            };
            match entry.hole_after(before) {
                Some(GapCause::Pruned { .. }) => return None,
                Some(lost) => return Some(lost),
                None => {}
            }
            // What is there and does not go on is of another log, or says so.
            let lost = entry.obstacle()?;
            match &entry.content {
                Some(SegmentContent::Full(full)) if !full.continues => return None,
                _ if entry.segment.kind == SegmentKind::Full => {}
                Some(SegmentContent::Increment(increment)) => {
                    if increment.may_have_further(point) {
                        return Some(lost);
                    }
                    if !increment.stretches.is_empty() {
                        return None;
                    }
                }
                _ => return Some(lost),
            }
        }
        None
    }
}

//! How many further commits each epoch of a chain has, and the names that follow from it.

use std::collections::BTreeMap;

use apograph_format::{Epoch, ExactPoint, Point, PointName, Timeline};

use super::Chain;
use crate::content::{FullContent, SegmentContent, TimelineSpan};
use crate::entry::{ChainEntry, end_of};

/// The further commits of a chain, by the points that have some.
#[derive(Debug, Clone, Default)]
pub(super) struct FurtherIndex {
    /// The number of the last one.
    last: BTreeMap<Point, Option<u64>>,
    /// Up to which epoch of a timeline some segment does not say.
    untold: BTreeMap<Timeline, Epoch>,
}

impl FurtherIndex {
    pub(super) fn of(entries: &[ChainEntry]) -> Self {
        let mut index = Self::default();
        let mut is_front = true;
        for entry in entries {
            match &entry.content {
                Some(SegmentContent::Full(full)) => {
                    // What was captured before it counts on, where it is there.
                    is_front = !full.continues || is_front || entry.hole.is_some();
                    if is_front && full.further != Some(0) {
                        index.last.insert(full.base, full.further);
                    }
                }
                Some(SegmentContent::Increment(increment)) => {
                    // What repeats the log before may have more of it than was captured there.
                    let adds = !increment.repeats || is_front;
                    for span in &increment.stretches {
                        index.add(span, adds);
                    }
                    is_front = false;
                }
                None => is_front = false,
            }
        }
        index
    }

    fn add(&mut self, span: &TimelineSpan, adds: bool) {
        if span.further.is_unknown() {
            let last = span.epochs.last().map_or(span.base, Epoch::new);
            let untold = self.untold.entry(span.timeline).or_default();
            *untold = last.max(*untold);
        }
        for (epoch, number) in span.further.last_numbers() {
            let point = Point::new(span.timeline, *epoch);
            let known = self.last.get(&point).copied();
            let last = known
                .filter(|_| !adds)
                .map_or(*number, |known| known.max(*number));
            self.last.insert(point, last);
        }
    }
}

impl Chain {
    /// How many further commits of its epoch the chain has at a point; `None` where it is not known.
    pub fn further_of(&self, point: Point) -> Option<u64> {
        let untold = self.further.untold.get(&point.timeline);
        if untold.is_some_and(|untold| point.epoch <= *untold) {
            return None;
        }
        self.further.last.get(&point).copied().unwrap_or(Some(0))
    }

    /// The name of a point under which the same state is found after later backups: with the number
    /// of its further commits where more of them may come, as far as that is known.
    pub fn lasting_name(&self, point: Point) -> PointName {
        let further = self.further_of(point).filter(|_| self.may_grow(point));
        PointName {
            further,
            ..point.into()
        }
    }

    /// The name of the state right after a commit: without the number of further commits where the
    /// point has none, and none can come.
    pub fn commit_name(&self, exact: ExactPoint) -> PointName {
        let point = exact.point;
        if self.further_of(point) == Some(0) && !self.may_grow(point) {
            point.into()
        } else {
            exact.into()
        }
    }

    /// Whether later backups may have further commits of a point.
    fn may_grow(&self, point: Point) -> bool {
        let last = self.entries.iter().rev().find_map(ChainEntry::last_point);
        last.is_some_and(|last| last.timeline == point.timeline && last.epoch <= point.epoch)
    }

    /// From which exact point on a full backup serves the states of the point that it begins to
    /// serve at; `None` where that is not known.
    pub(crate) fn served_exactly(&self, full: usize) -> Option<ExactPoint> {
        let content = self.entries.get(full)?.full()?;
        let FullContent { base, further, .. } = *content;
        let Some(catch_up) = self.catch_up_of(full) else {
            let further = further?;
            return Some(ExactPoint {
                point: base,
                further,
            });
        };
        let point = end_of(catch_up, base);
        let last = catch_up
            .stretches
            .last()
            .filter(|it| !it.further.is_unknown())?;
        let numbers = last.further.last_numbers().last();
        let number = numbers.filter(|(epoch, _)| *epoch == point.epoch);
        let further = match number {
            Some((_, number)) => (*number)?,
            None if point == base => further?,
            None => 0,
        };
        Some(ExactPoint { point, further })
    }
}

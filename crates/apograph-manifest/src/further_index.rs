//! How many further commits each epoch of a chain has.

use std::collections::BTreeMap;

use apograph_format::{Epoch, Point, Timeline};

use crate::content::{SegmentContent, TimelineSpan};
use crate::entry::ChainEntry;

/// The further commits in the usable segments of a chain, by the points that have some.
#[derive(Debug, Clone, Default)]
pub(crate) struct FurtherIndex {
    /// The number of the last one.
    last: BTreeMap<Point, Option<u64>>,
    /// Up to which epoch of a timeline some segment does not say.
    untold: BTreeMap<Timeline, Epoch>,
    /// The highest epoch that a commit of a timeline took.
    logged: BTreeMap<Timeline, Epoch>,
}

impl FurtherIndex {
    pub(crate) fn of(entries: &[ChainEntry]) -> Self {
        let mut index = Self::default();
        let mut is_front = true;
        for entry in entries {
            match entry.content.as_ref().filter(|_| entry.unusable.is_none()) {
                Some(SegmentContent::Full(full)) => {
                    // What was captured before it counts on, where it is there.
                    is_front = !full.continues || is_front || entry.hole.is_some();
                    let is_logged = index.logged.get(&full.base.timeline) >= Some(&full.base.epoch);
                    if (is_front || !is_logged) && full.further != Some(0) {
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

    /// The number of the last one of a point: 0 where it has none, `None` where that is not known.
    pub(crate) fn last_of(&self, point: Point) -> Option<u64> {
        let untold = self.untold.get(&point.timeline);
        if untold.is_some_and(|untold| point.epoch <= *untold) {
            return None;
        }
        self.last.get(&point).copied().unwrap_or(Some(0))
    }

    fn add(&mut self, span: &TimelineSpan, adds: bool) {
        let last = span.epochs.last().map_or(span.base, Epoch::new);
        let logged = self.logged.entry(span.timeline).or_default();
        *logged = last.max(*logged);
        if span.further.is_unknown() {
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

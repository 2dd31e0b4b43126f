//! What of a damaged increment is in a state.

use apograph_format::{Epoch, Point, RangeSet};
use apograph_wal::Placement;

/// What is in a state of an increment of which not all is sound.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beyond {
    pub(crate) index: usize,
    /// How many commits.
    pub(crate) commits: u64,
    /// The epochs that they took, in the timeline of the last one.
    pub(crate) epochs: RangeSet,
    /// Whether lower ones of that timeline are missing: they were logged later.
    pub(crate) lacks_lower: bool,
    /// Whether the last of them may have taken an epoch that is lost.
    pub(crate) is_unnamed: bool,
}

impl Beyond {
    /// `point` is the one before the timeline's first epoch here.
    pub(crate) fn add(&mut self, placement: &Placement, point: &mut Point) {
        self.commits += 1;
        if placement.point.timeline != point.timeline {
            let before = placement.point.epoch.get().saturating_sub(1);
            *point = Point::new(placement.point.timeline, Epoch::new(before));
            self.epochs = RangeSet::new();
        }
        if placement.advances {
            self.epochs.insert(placement.point.epoch.get());
        }
    }

    /// Generation 1: tells whether lower epochs are missing, once all is added.
    pub(crate) fn close(&mut self, point: Point) {
        let from = point.epoch.get().saturating_add(1);
        let last = self.epochs.last().unwrap_or_default();
        self.lacks_lower = self.epochs.missing_in(from, last).next().is_some();
    }
}

//! Generation 1: images that may hold commits behind their epoch.

use apograph_format::{Generation, Point};

use crate::chain::Chain;

impl Chain {
    /// The first point that a full backup of generation 1 serves, where its image may hold commits
    /// behind its epoch and nothing else restores the points before that one.
    pub fn first_despite_image(&self, full: usize) -> Option<Point> {
        let (_, first) = self.not_served(full)?;
        let before = Point::new(first.timeline, first.epoch.previous()?);
        (!self.is_restorable(before)).then_some(first)
    }

    /// Whether a full backup would serve a point, if its image could not hold commits behind it.
    pub(super) fn is_behind_image(&self, point: Point) -> bool {
        let mut not_served = self.bases().filter_map(|full| self.not_served(full));
        not_served.any(|(base, first)| {
            base.timeline == point.timeline && (base.epoch..first.epoch).contains(&point.epoch)
        })
    }

    /// The point of a full backup's image, and the first after it that the backup serves.
    fn not_served(&self, full: usize) -> Option<(Point, Point)> {
        let entry = self.entries().get(full).filter(|entry| entry.is_counted)?;
        let base = entry.full()?.base;
        let first = self.served_from(full)?;
        let is_later = first.timeline == base.timeline && first.epoch > base.epoch;
        let is_ahead = entry.generation() == Some(Generation::One) && is_later;
        is_ahead.then_some((base, first))
    }
}

//! The names of states that they keep.

use apograph_format::{ExactPoint, Point, PointName};

use super::Chain;
use crate::content::FullContent;
use crate::entry::{ChainEntry, end_of};

impl Chain {
    /// How many further commits of its epoch the chain has at a point; `None` where it is not known.
    pub fn further_of(&self, point: Point) -> Option<u64> {
        self.further.last_of(point)
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

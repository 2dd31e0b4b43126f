//! The names that states keep: points, with the numbers of their further commits where they need
//! one.

use apograph_format::{ExactPoint, Generation, Point, PointName};

use super::Chain;
use crate::content::FullContent;
use crate::entry::{ChainEntry, end_of};

impl Chain {
    /// How many further commits of its epoch the chain has at a point; `None` where it is not known.
    pub fn further_of(&self, point: Point) -> Option<u64> {
        self.further.last_of(point)
    }

    /// The name of a point under which the same state is found after later backups: with the number
    /// of its further commits where more of them may come, or are lost, as far as that is known.
    pub fn lasting_name(&self, point: Point) -> PointName {
        let further = match self.lost_of(point) {
            Some((full, _)) => self.reached(full, point),
            None => self.further_of(point).filter(|_| self.may_grow(point)),
        };
        PointName {
            further,
            ..point.into()
        }
    }

    /// The name of the state right after a commit: without the number of further commits where the
    /// point has none, and none can come.
    pub fn commit_name(&self, exact: ExactPoint) -> PointName {
        let point = exact.point;
        let is_all = !self.may_grow(point) && self.lost_of(point).is_none();
        if self.further_of(point) == Some(0) && is_all {
            point.into()
        } else {
            exact.into()
        }
    }

    /// Whether later backups may have further commits of a point. In generation 2 the increment
    /// behind a full backup can say that the log before it goes on.
    fn may_grow(&self, point: Point) -> bool {
        let is_open = |entry: &&ChainEntry| {
            let full = entry.full();
            full.is_some_and(|full| !full.continues && full.image.generation() == Generation::Two)
        };
        let open = self.entries.iter().rev().take_while(is_open).count();
        let (before, behind) = self
            .entries
            .split_at(self.entries.len().saturating_sub(open));
        let last = before.iter().rev().find_map(ChainEntry::last_point);
        let open = behind.iter().filter_map(ChainEntry::last_point);
        let mut ends = last.into_iter().chain(open);
        ends.any(|last| last.timeline == point.timeline && last.epoch <= point.epoch)
    }

    /// The number of the last further commit of a point to which a full backup leads.
    fn reached(&self, full: usize, point: Point) -> Option<u64> {
        let base = self.entries.get(full)?.full()?;
        let mut number = base.further.filter(|_| base.base == point);
        for index in self.increments_after(full) {
            let spans = &self.entries.get(index)?.increment()?.stretches;
            for span in spans.iter().filter(|it| it.timeline == point.timeline) {
                let own = span.epochs.contains(point.epoch.get());
                number = if own { Some(0) } else { number };
                let mut numbers = span.further.last_numbers().iter();
                if let Some((_, last)) = numbers.find(|(epoch, _)| *epoch == point.epoch) {
                    number = *last;
                }
                if span.further.is_unknown() && (own || span.end() == point) {
                    number = None;
                }
            }
        }
        number
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

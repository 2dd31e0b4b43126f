//! What the log holds between two states.

use apograph_format::{Point, PointName};

use super::{ChainError, Cut, Target};
use crate::chain::Chain;

/// The segments that hold every commit between two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// A full backup that leads to both states, as an index into [`Chain::entries`].
    pub full: usize,
    /// The increments after it, in order, up to the later state.
    pub increments: Vec<usize>,
    /// The point of the earlier state.
    pub point: Point,
    /// Where the earlier state ends, which is at that point.
    pub from: Cut,
    /// Where the later state ends.
    pub to: Cut,
}

impl Chain {
    /// Finds the log between a state and a later one, which is the latest where it has no name.
    ///
    /// # Errors
    ///
    /// That of [`Chain::plan`] where a state cannot be restored; [`ChainError::Reversed`];
    /// [`ChainError::NotConnected`] where both can be restored, and not every commit between them
    /// was captured.
    pub fn between(&self, from: PointName, to: Option<PointName>) -> Result<Between, ChainError> {
        let (start, end) = (
            Target::Point(from),
            to.map_or(Target::Latest, Target::Point),
        );
        let first = self.plan(&start)?;
        let last = self.plan(&end)?;
        let Cut::At { point, .. } = first.cut else {
            return Err(self.encrypted(&start));
        };
        if is_after(first.cut, last.cut) {
            let (from, to) = (start.to_string(), end.to_string());
            return Err(ChainError::Reversed { from, to });
        }
        let run = self.run_of(last.full).map(|run| run.first);
        let reaches = |full: usize, cut: Cut| {
            if let Cut::At { point, further } = cut {
                let mut ranges = self.coverage(full).iter();
                return ranges.any(|it| it.contains(point)) && self.serves(full, point, further);
            }
            let is_same_run = self.run_of(full).map(|run| run.first) == run;
            is_same_run && (self.leads_on(full) || full == last.full)
        };
        let connects = |full: &usize| reaches(*full, first.cut) && reaches(*full, last.cut);
        let whole = self.bases().filter(|full| self.leads_on(*full));
        let full = { whole }.rfind(connects);
        let Some(full) = full.or_else(|| self.bases().rfind(connects)) else {
            let to = last.point;
            let gap = self.gaps().find(|gap| {
                gap.after.is_none_or(|after| point <= after)
                    && gap
                        .before
                        .is_none_or(|before| to.is_none_or(|to| before <= to))
            });
            return Err(ChainError::NotConnected {
                from: start.to_string(),
                to: end.to_string(),
                cause: gap.map(|gap| Box::new(gap.cause)),
            });
        };
        let mut increments = self.increments_after(full);
        let through = match last.cut {
            Cut::At { point, further } => self.last_needed(&increments, point, further),
            _ => last.increments.last().copied(),
        };
        increments.retain(|index| Some(*index) <= through);
        Ok(Between {
            full,
            increments,
            point,
            from: first.cut,
            to: last.cut,
        })
    }
}

/// Whether a state that ends at a point ends after another.
fn is_after(one: Cut, other: Cut) -> bool {
    let place = |cut| match cut {
        Cut::At { point, further } => Some((point, further.unwrap_or(u64::MAX))),
        _ => None,
    };
    place(one)
        .zip(place(other))
        .is_some_and(|(one, other)| one > other)
}

//! The plan for what is left where the latest state cannot be restored.

use super::{ChainError, ChainPlan, Cut, Target};
use crate::chain::Chain;
use crate::content::FullContent;
use crate::entry::ChainEntry;
use crate::gap::GapCause;

/// The plan for the last segment at whose end a state can be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FurthestPlan {
    /// The plan.
    pub plan: ChainPlan,
    /// The index of that segment.
    pub through: usize,
    /// Why the log does not go on to the segment after it; `None` after the last one.
    pub cause: Option<GapCause>,
}

impl Chain {
    /// Chooses the segments that restore the end of the last one that can be reached.
    ///
    /// # Errors
    ///
    /// As [`Chain::plan`] of the latest state, where nothing can be reached.
    pub fn plan_furthest(&self) -> Result<FurthestPlan, ChainError> {
        let latest = Target::Latest;
        let last = self.entries().len().saturating_sub(1);
        let error = match self.plan(&latest) {
            Ok(plan) => {
                return Ok(FurthestPlan {
                    plan,
                    through: last,
                    cause: None,
                });
            }
            Err(error) => error,
        };
        let of_latest = match &error {
            ChainError::Unreachable { cause, .. } => Some((**cause).clone()),
            _ => None,
        };
        let mut planned = self.plans_before(last.saturating_add(1));
        let planned = planned.next().ok_or(error)?;
        let cause = planned.cause.clone().or(of_latest);
        Ok(FurthestPlan { cause, ..planned })
    }

    /// The plan for the last segment before a plan's own at whose end there is more than nothing, where
    /// that plan makes nothing: an image that no checkpoint has written is empty, be it the newest.
    pub fn plan_before_nothing(&self, plan: &FurthestPlan) -> Option<FurthestPlan> {
        let makes_nothing = |plan: &ChainPlan| {
            let full = self.entries().get(plan.full).and_then(ChainEntry::full);
            full.is_some_and(FullContent::is_empty) && plan.increments.is_empty()
        };
        if !makes_nothing(&plan.plan) {
            return None;
        }
        let mut earlier = self.plans_before(plan.through);
        earlier.find(|earlier| !makes_nothing(&earlier.plan))
    }

    /// The plans for the ends of segments before an entry, the last one first.
    fn plans_before(&self, end: usize) -> impl Iterator<Item = FurthestPlan> {
        (0..end).rev().filter_map(|through| {
            Some(FurthestPlan {
                plan: self.plan_end(&Target::Latest, through).ok()?,
                through,
                cause: self.obstacle_after(through),
            })
        })
    }

    /// The image of the last full backup that can be used, alone; `None` where there is none. It is a
    /// state where what was captured with it does not say otherwise: in generation 1 an image that was
    /// written while commits went on can hold some that come after its point.
    pub fn plan_last_image(&self) -> Option<FurthestPlan> {
        let full = self.bases().next_back()?;
        Some(FurthestPlan {
            plan: ChainPlan {
                full,
                increments: Vec::new(),
                cut: Cut::End,
                point: None,
                complete_from: None,
                interval: None,
            },
            through: full,
            cause: self.obstacle_after(full),
        })
    }

    /// Why nothing follows an entry: the next one cannot be used, or does not go on from it.
    fn obstacle_after(&self, index: usize) -> Option<GapCause> {
        let next = index.checked_add(1)?;
        let own = self.entries().get(next)?.obstacle();
        own.or_else(|| self.obstacle_before(next))
    }
}

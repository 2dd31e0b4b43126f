//! Plans for a position in a log of generation 2.

use apograph_format::Lsn;

use super::{ChainError, ChainPlan, Cut};
use crate::chain::Chain;
use crate::content::IncrementContent;

impl Chain {
    /// Generation 2: the state after the commit that ends at a position.
    pub(super) fn plan_lsn(&self, lsn: Lsn) -> Result<ChainPlan, ChainError> {
        let covers = |full: &usize| {
            let range = self.lsns_after(*full);
            range.is_some_and(|range| (range.from..=range.to).contains(&lsn))
        };
        let fulls: Vec<usize> = self.bases().filter(covers).collect();
        let logs = fulls.iter().filter_map(|&full| self.log_of(full));
        let mut logs: Vec<_> = logs.collect();
        logs.dedup();
        if logs.len() > 1 {
            let timelines = logs.len();
            return Err(ChainError::AmbiguousLsn { lsn, timelines });
        }
        let Some(&full) = fulls.last() else {
            let ranges = self.restorable_lsns();
            let below = ranges.iter().map(|range| range.to).filter(|to| *to < lsn);
            let above = ranges.iter().map(|it| it.from).filter(|from| *from > lsn);
            return Err(ChainError::NotABoundary {
                lsn,
                below: below.max(),
                above: above.min(),
            });
        };
        let begins_before = |index: &usize| {
            let increment = self.entries().get(*index).and_then(|it| it.increment());
            let log = increment.and_then(IncrementContent::lsns);
            log.is_some_and(|log| log.range.start < lsn)
        };
        let increments = self.increments_after(full).into_iter();
        let cut = Cut::Through(lsn);
        Ok(ChainPlan {
            full,
            increments: increments.take_while(begins_before).collect(),
            cut,
            point: None,
            complete_from: None,
            interval: None,
        })
    }
}

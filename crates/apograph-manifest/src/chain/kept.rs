//! What of a chain has to be there for what: who removes segments asks.

use std::ops::Range;

use super::Chain;
use crate::content::IncrementContent;
use crate::entry::ChainEntry;
use crate::hole::Hole;

impl Chain {
    /// The entries that a full backup needs to be a state: itself, and the increment that was captured
    /// with it, where that tells from where on the image is one. `None` where it is no usable full
    /// backup, or is no state without something that is not there.
    pub fn state_of(&self, full: usize) -> Option<Range<usize>> {
        self.bases().find(|base| *base == full)?;
        let (own, after) = (full.checked_add(1)?, full.checked_add(2)?);
        let tells = |entry: &ChainEntry| {
            let may_be_ahead = self.entries.get(full)?.full()?.may_be_ahead();
            let increment = entry.increment()?;
            let spans = increment.lsns().is_some_and(|log| log.spans);
            Some(may_be_ahead || increment.catches_up || increment.repeats || spans)
        };
        let next = self.entries.get(own).filter(|_| !self.lacks_before(own));
        if next.and_then(tells).unwrap_or_default() {
            let is_usable = next.is_some_and(|next| next.unusable.is_none());
            let needs_it = self.needs_more(full) || self.catch_up_of(full).is_some();
            return match (is_usable, needs_it) {
                (true, _) => Some(full..after),
                (false, true) => None,
                (false, false) => Some(full..own),
            };
        }
        (!self.needs_more(full)).then_some(full..own)
    }

    /// Entries from a full backup on, and what comes after them as long as that may belong to their last
    /// point: changes that take no epoch, of the schema or of a graph. Without it the point would be
    /// another state than it is with it.
    pub fn closed(&self, entries: Range<usize>) -> Range<usize> {
        let Range { start, end } = entries;
        let run_end = self.run_of(start).map_or(end, |run| run.end);
        let mut closed = end;
        let takes_no_epoch = |increment: &IncrementContent| {
            let spans = increment.stretches.iter();
            let epochs = spans.flat_map(|span| span.epochs.ranges());
            let epochs = epochs.map(|(first, last)| last.saturating_sub(*first).saturating_add(1));
            !increment.is_encrypted() && increment.commits > epochs.fold(0, u64::saturating_add)
        };
        for index in end..run_end {
            let Some(entry) = self.entries.get(index).filter(|entry| !entry.repeats()) else {
                continue;
            };
            match entry.increment() {
                Some(increment) if takes_no_epoch(increment) => closed = index.saturating_add(1),
                Some(increment) if increment.commits > 0 => break,
                _ => {}
            }
        }
        start..closed
    }

    /// The usable full backups from which the latest state can be restored, in order.
    pub fn bases_of_latest(&self) -> impl DoubleEndedIterator<Item = usize> {
        let last = self.entries.len().checked_sub(1);
        let leads_there = move |full: &usize| {
            let is_last = Some(*full) == last && !self.needs_more(*full);
            let run = self.run_of(*full);
            let is_in_run = run.is_some_and(|run| run.end == self.entries.len());
            is_in_run && (is_last || self.leads_on(*full))
        };
        self.bases().filter(leads_there)
    }

    /// The chain that is left where those entries alone stay that `is_kept` says.
    #[must_use]
    pub fn keeping(&self, mut is_kept: impl FnMut(usize) -> bool) -> Self {
        let (mut kept, mut hole) = (Vec::new(), None);
        for (index, entry) in self.entries.iter().enumerate() {
            if is_kept(index) {
                let mut entry = entry.clone();
                entry.hole = hole.take().or(entry.hole);
                kept.push(entry);
            } else {
                hole = Some(Hole::Pruned);
            }
        }
        Self::new(kept).looked_until(self.looked_until)
    }
}

//! The records of a chain's entries, made of what is known of them.

use apograph_manifest::{ChainEntry, RecordRef, Verification};

/// Which entries of a chain were verified as they are.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// By the index of the entry.
    marks: Vec<(usize, Verification)>,
}

impl Verified {
    /// Adds one that lies behind those so far.
    pub(crate) fn push(&mut self, index: usize, verification: Verification) {
        self.marks.push((index, verification));
    }

    /// When an entry was verified.
    pub(crate) fn get(&self, index: usize) -> Option<&Verification> {
        let found = self.marks.binary_search_by_key(&index, |(at, _)| *at);
        self.marks.get(found.ok()?).map(|(_, found)| found)
    }

    /// Forgets some, whose indexes ascend.
    pub(crate) fn forget(&mut self, indexes: &[usize]) {
        let is_kept = |at: &usize| indexes.binary_search(at).is_err();
        self.marks.retain(|(at, _)| is_kept(at));
        self.marks.shrink_to_fit();
    }

    /// The record of an entry whose content is known.
    pub(crate) fn record<'a>(&self, index: usize, entry: &'a ChainEntry) -> Option<RecordRef<'a>> {
        Some(RecordRef {
            segment: &entry.segment,
            hash: entry.hash?,
            content: entry.content.as_ref()?,
            is_uncounted: !entry.is_counted,
            verified: self.get(index).copied(),
        })
    }

    /// The records of all entries whose content is known.
    pub(crate) fn records<'a>(
        &'a self,
        entries: &'a [ChainEntry],
    ) -> impl Iterator<Item = RecordRef<'a>> + Clone {
        let entries = entries.iter().enumerate();
        entries.filter_map(|(index, entry)| self.record(index, entry))
    }
}

//! The records of a chain's entries, made of what is known of them.

use apograph_manifest::{ChainEntry, FileStamp, FoundDamage, RecordRef, Verification};

/// Which entries of a chain were verified as they are, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// By the index of the entry.
    marks: Vec<(usize, Verification)>,
    /// There are few of them, if any.
    damaged: Vec<(usize, FoundDamage)>,
}

impl Verified {
    /// Adds one that lies after those so far.
    pub(crate) fn push(&mut self, index: usize, verification: Verification) {
        self.marks.push((index, verification));
    }

    /// Adds one that was found damaged, which lies after those so far.
    pub(crate) fn push_damaged(&mut self, index: usize, damage: FoundDamage) {
        self.damaged.push((index, damage));
    }

    /// What was found wrong with an entry's file.
    pub(crate) fn damage(&self, index: usize) -> Option<&FoundDamage> {
        let found = self.damaged.binary_search_by_key(&index, |(at, _)| *at);
        self.damaged.get(found.ok()?).map(|(_, found)| found)
    }

    /// Which file an entry's verification is about, of whichever kind that is.
    pub(crate) fn stamp(&self, index: usize) -> Option<FileStamp> {
        let sound = self.get(index).map(|found| found.stamp);
        sound.or(self.damage(index).map(|found| found.stamp))
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
        self.damaged.retain(|(at, _)| is_kept(at));
        self.marks.shrink_to_fit();
    }

    /// The record of an entry whose content is known.
    pub(crate) fn record<'a>(
        &'a self,
        index: usize,
        entry: &'a ChainEntry,
    ) -> Option<RecordRef<'a>> {
        Some(RecordRef {
            segment: &entry.segment,
            hash: entry.hash?,
            content: entry.content.as_ref()?,
            is_uncounted: !entry.is_counted,
            verified: self.get(index).copied(),
            damaged: self.damage(index),
        })
    }

    /// The records of the entries from an index on whose content is known.
    pub(crate) fn records<'a>(
        &'a self,
        entries: &'a [ChainEntry],
        from: usize,
    ) -> impl Iterator<Item = RecordRef<'a>> + Clone {
        let entries = entries.iter().enumerate().skip(from);
        entries.filter_map(|(index, entry)| self.record(index, entry))
    }
}

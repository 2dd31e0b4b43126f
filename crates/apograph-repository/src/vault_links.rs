//! Where the segments of a vault stand, and where some are missing.

use std::collections::HashMap;

use apograph_manifest::{ChainEntry, FileName, Hole, SegmentRecord};
use apograph_vault::{Link, StoredSegment};

/// The links of a vault's segments. Of most there is nothing to keep: they were captured, right after
/// the entry before.
#[derive(Debug, Clone, Default)]
pub(crate) struct VaultLinks {
    /// Those of the others, by the index of the entry.
    others: HashMap<usize, Link>,
    /// The last segment that was captured.
    last: Option<FileName>,
}

impl VaultLinks {
    /// Takes the next segment of the chain, which becomes the entry with this index. Returns what
    /// became of that which was captured right before it and is not there.
    pub(crate) fn add(&mut self, index: usize, segment: &StoredSegment) -> Option<Hole> {
        let link = &segment.link;
        let is_cut_off = link.after != self.last;
        if is_cut_off || link.through.is_some() {
            self.others.insert(index, link.clone());
        }
        self.last = Some(segment.last_captured().clone());
        is_cut_off.then_some(if segment.is_after_removed {
            Hole::Pruned
        } else {
            Hole::Lost
        })
    }

    /// The last segment that was captured; `None` in a vault where there is none.
    pub(crate) const fn last(&self) -> Option<&FileName> {
        self.last.as_ref()
    }

    /// That of what a group of entries is merged into.
    pub(crate) fn merged(&self, entries: &[ChainEntry], first: usize, last: usize) -> Link {
        let own = self.others.get(&first).map(|link| link.after.clone());
        let before = || self.last_captured(entries, first.checked_sub(1)?);
        Link {
            after: own.unwrap_or_else(before),
            through: self.last_captured(entries, last),
        }
    }

    fn last_captured(&self, entries: &[ChainEntry], index: usize) -> Option<FileName> {
        let through = self.others.get(&index).and_then(|it| it.through.clone());
        through.or_else(|| Some(entries.get(index)?.segment.file.clone()))
    }
}

/// A segment as an entry of a chain.
pub(crate) fn entry_of(record: SegmentRecord, hole: Option<Hole>) -> ChainEntry {
    ChainEntry {
        segment: record.segment,
        hash: Some(record.hash),
        content: Some(record.content),
        unusable: None,
        is_counted: !record.is_uncounted,
        hole,
    }
}

//! What a restore takes.

use apograph_manifest::{Chain, Segment, SegmentContent, Target};

/// What a restore takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreEffort<'a> {
    /// The full backup that it begins with.
    pub full: &'a Segment,
    /// How many increments it replays.
    pub increments: u64,
    /// How many commits these have.
    pub commits: u64,
    /// How many bytes all of them have.
    pub bytes: u64,
}

impl<'a> RestoreEffort<'a> {
    /// What a restore of the latest state takes; `None` where that cannot be restored.
    pub(crate) fn of(chain: &'a Chain) -> Option<Self> {
        let plan = chain.plan(&Target::Latest).ok()?;
        let entry = |index: usize| chain.entries().get(index);
        let full = &entry(plan.full)?.segment;
        let mut effort = Self {
            full,
            increments: 0,
            commits: 0,
            bytes: full.size_bytes,
        };
        for entry in plan.increments.into_iter().filter_map(entry) {
            effort.increments += 1;
            effort.bytes = effort.bytes.saturating_add(entry.segment.size_bytes);
            if let Some(SegmentContent::Increment(increment)) = &entry.content {
                effort.commits = effort.commits.saturating_add(increment.commits);
            }
        }
        Some(effort)
    }
}

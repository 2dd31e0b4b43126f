//! What is known of a repository.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::lives::comparison::Comparison;

/// What is known of a repository.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) points: BTreeSet<(u64, u64)>,
    /// Timelines that were captured from mixed files.
    pub(super) mixed: BTreeSet<u64>,
    /// Points that were captured from mixed files in an earlier timeline: the log of a restored
    /// copy goes on where its source's does, and no engine was open at each of its commits here.
    pub(super) mixed_points: BTreeSet<(u64, u64)>,
    /// The states that were the latest, by the names that they keep.
    pub(super) named: BTreeMap<String, Value>,
    /// What has to be the same in what it restores and in what was there.
    pub(super) comparison: Comparison,
    /// Derived files or segments were changed by somebody.
    pub(super) is_changed: bool,
}

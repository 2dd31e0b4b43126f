//! What the notes of a repository say of segments that were pruned.

use apograph_format::{Timeline, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::content::{FullOf, SegmentContent};
use crate::segment::{FileName, Segment, Unknown};

/// What was pruned from a repository in a folder. The manifest has placeholders for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrunedNotes {
    /// What can be brought back, in the order of the chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<PrunedSegment>,
    /// The files that are deleted, or are to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<FileName>,
    /// The full backups right before and behind what was pruned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fronts: Vec<Front>,
}

/// A segment that can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrunedSegment {
    /// What the manifest said of it.
    pub segment: Segment,
    /// What else a JSON manifest said of it.
    #[serde(default, skip_serializing_if = "Unknown::is_empty")]
    pub unknown: Unknown,
    /// Its file stays until then.
    pub until: UnixMillis,
}

/// What the segments beside a full backup told of it: nothing else does, once they are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// Its file.
    pub file: FileName,
    /// The timeline that it is in.
    pub timeline: Timeline,
    /// How many further commits of its epoch are in it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further: Option<u64>,
    /// Whether the log before it went on across it.
    pub continues: bool,
    /// Generation 2: whether the increment right after it says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_spanned: bool,
}

impl Front {
    /// What is to be noted of a full backup; `None` of an increment.
    pub fn of(file: &FileName, content: &SegmentContent) -> Option<Self> {
        let SegmentContent::Full(full) = content else {
            return None;
        };
        Some(Self {
            file: file.clone(),
            timeline: full.base.timeline,
            further: full.further,
            continues: full.continues,
            is_spanned: matches!(
                full.of,
                FullOf::Two {
                    is_spanned: true,
                    ..
                }
            ),
        })
    }
}

impl PrunedNotes {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.gone.is_empty() && self.fronts.is_empty()
    }

    /// The files of all that was pruned, in no order, each with when it was captured, where that is
    /// known.
    pub fn files(&self) -> impl Iterator<Item = (&FileName, Option<UnixMillis>)> {
        let segments = self.segments.iter();
        let segments = segments.map(|it| (&it.segment.file, Some(it.segment.created_at)));
        segments.chain(self.gone.iter().map(|file| (file, None)))
    }
}

//! What a catalog says of a segment.

use std::fmt;

use apograph_format::{SegmentKind, UnixMillis};
use apograph_manifest::{FileName, Level, Nonce, SegmentRecord};
use serde::{Deserialize, Serialize};

use crate::sha256::Sha256;

/// The name of a new segment: the version that it was built on, its number among those that are added
/// with it, its kind, and a number that no other has.
///
/// Names are in the order of the chain, but for those of merged segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentId {
    /// The newest version of the catalog when the segment was captured.
    pub built_on: u64,
    /// Its number among the segments of one change, from 0.
    pub index: u32,
    /// Full or incremental.
    pub kind: SegmentKind,
    /// New for each segment.
    pub nonce: Nonce,
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            SegmentKind::Full => "full",
            SegmentKind::Incremental => "incr",
        };
        let (built_on, index, nonce) = (self.built_on, self.index, self.nonce);
        write!(f, "{built_on:020}-{index}-{kind}-{nonce}")
    }
}

/// How the bytes of a segment's objects are made of its plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapping {
    /// They are the plain bytes.
    Plain,
    /// Frames of zstd, with the record and a seek table.
    Zstd,
    /// The plain bytes, encrypted by age.
    PlainAge,
    /// Frames of zstd, encrypted by age.
    ZstdAge,
}

impl Wrapping {
    /// What the names of objects end with.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Plain => "seg",
            Self::Zstd => "zst",
            Self::PlainAge => "seg.age",
            Self::ZstdAge => "zst.age",
        }
    }
}

/// An object that holds a segment, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredObject {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The hash of its bytes.
    pub sha256: Sha256,
}

/// A segment in a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSegment {
    /// What is known of it. The name of its file is the front of its objects' names.
    pub record: SegmentRecord,
    /// How its objects are made.
    pub wrapping: Wrapping,
    /// Its objects: what they unwrap to, one after the other, is the segment.
    pub objects: Vec<StoredObject>,
    /// What the last verification found; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

impl StoredSegment {
    /// Its name.
    pub const fn name(&self) -> &FileName {
        &self.record.segment.file
    }
}

/// What a verification found of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// When.
    pub at: UnixMillis,
    /// When it was last found sound in every frame; `None` where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_at: Option<UnixMillis>,
    /// What was wrong, and where in it; `None` where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<SegmentDamage>,
}

/// What was found wrong with a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDamage {
    /// Where in the segment.
    pub offset: u64,
    /// What.
    pub detail: String,
}

impl Check {
    /// A segment that was found sound at a level.
    pub fn sound(at: UnixMillis, level: Level) -> Self {
        Self {
            at,
            frames_at: (level == Level::Frames).then_some(at),
            damage: None,
        }
    }

    /// The same, with what an earlier one found.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        let before = earlier.and_then(|earlier| earlier.frames_at);
        self.frames_at = self.frames_at.or(before);
        self
    }
}

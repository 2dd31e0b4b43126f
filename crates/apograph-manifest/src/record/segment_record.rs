//! What is known of a segment.

use apograph_format::Blake3;
use serde::{Deserialize, Serialize};

use crate::content::SegmentContent;
use crate::segment::Segment;
use crate::verification::{FoundDamage, Verification};

/// What is known of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// What the manifest said of it.
    pub segment: Segment,
    /// The hash of its file.
    pub hash: Blake3,
    /// What is in it.
    pub content: SegmentContent,
    /// The numbers of its timelines are a guess: they were counted after a segment of which
    /// nothing was known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_uncounted: bool,
    /// When its file was last found sound; `None` where it was not verified, or was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verification>,
    /// What was found wrong with its file when that was last verified; `None` where nothing was, or
    /// the file was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<FoundDamage>,
}

/// A [`SegmentRecord`] whose parts lie in a chain or in another record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecordRef<'a> {
    /// What the manifest says of it.
    pub segment: &'a Segment,
    /// As in [`SegmentRecord`].
    pub hash: Blake3,
    /// What is in it.
    pub content: &'a SegmentContent,
    /// As in [`SegmentRecord`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_uncounted: bool,
    /// As in [`SegmentRecord`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verification>,
    /// As in [`SegmentRecord`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<&'a FoundDamage>,
}

impl<'a> From<&'a SegmentRecord> for RecordRef<'a> {
    fn from(record: &'a SegmentRecord) -> Self {
        Self {
            segment: &record.segment,
            hash: record.hash,
            content: &record.content,
            is_uncounted: record.is_uncounted,
            verified: record.verified,
            damaged: record.damaged.as_ref(),
        }
    }
}

impl From<RecordRef<'_>> for SegmentRecord {
    fn from(record: RecordRef<'_>) -> Self {
        Self {
            segment: record.segment.clone(),
            hash: record.hash,
            content: record.content.clone(),
            is_uncounted: record.is_uncounted,
            verified: record.verified,
            damaged: record.damaged.cloned(),
        }
    }
}

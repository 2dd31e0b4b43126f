//! What a backup adds to a repository.

use apograph_format::{SegmentKind, SegmentName, UnixMillis};
use apograph_io::{Mode, StagedFile};
#[cfg(feature = "vault")]
use apograph_manifest::SegmentStamp;
use apograph_manifest::{Evidence, Notes, Segment, SegmentRecord};

use crate::repository::Repository;

/// A segment that is written under its temporary name.
pub struct NewSegment<'d> {
    /// Its file.
    pub file: StagedFile<'d>,
    /// Its entry in the manifest and its record. In a vault it gets another name.
    pub record: SegmentRecord,
}

/// The name of the next segment of a repository, `ahead` segments further on.
pub fn next_name(repository: &Repository, ahead: u64, kind: SegmentKind) -> SegmentName {
    let entries = repository.chain().entries();
    let last = entries
        .last()
        .and_then(|last| SegmentName::parse(last.segment.file.as_str()));
    let next = last.map_or(0, |last| last.index.saturating_add(1));
    SegmentName {
        kind,
        index: next.max(entries.len() as u64).saturating_add(ahead),
    }
}

/// What a backup leaves beside the log of its database.
pub trait LogNotes {
    /// The segments are durable, and no manifest names them yet: the evidence goes beside the log.
    /// Returns what `apograph.json` is to say.
    fn mark(&self, evidence: Evidence) -> Evidence;

    /// No manifest will name the segments: what [`mark`](LogNotes::mark) created goes again.
    fn unmark(&self);

    /// The manifest names the segments: log that the repository holds may go.
    fn keep(&self);
}

/// The notes of a database that has no log.
impl LogNotes for () {
    fn mark(&self, evidence: Evidence) -> Evidence {
        evidence
    }

    fn unmark(&self) {}

    fn keep(&self) {}
}

/// What a backup adds to a repository.
pub struct Addition<'d, 'a> {
    /// The new segments, in order.
    pub segments: Vec<NewSegment<'d>>,
    /// What stands in the manifest of a folder in the place of what is missing between them.
    pub placeholders: Vec<Segment>,
    /// The notes of the repository, where they are to be written.
    pub notes: Option<Notes>,
    /// What proves the next time that the log is still the one that was captured.
    /// `None` where nobody knows it, as of a copy.
    pub evidence: Option<Evidence>,
    /// Every commit that was made before this time is in the repository then.
    pub looked_until: UnixMillis,
    /// Where the evidence goes beside the log.
    pub log: &'a dyn LogNotes,
    /// The permissions of the small files.
    pub mode: Mode,
}

/// Evidence with the name that its segment has where it was put.
#[cfg(feature = "vault")]
pub(crate) fn evidence_for(evidence: &Evidence, last: &SegmentRecord) -> Evidence {
    let segment = SegmentStamp {
        file: last.segment.file.clone(),
        hash: last.hash,
    };
    Evidence {
        segment,
        ..evidence.clone()
    }
}

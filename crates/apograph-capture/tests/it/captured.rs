//! What a capture published, and what the records of that say.

use apograph_capture::{Captured, Result};
use apograph_format::LogPosition;
use apograph_manifest::{FullContent, IncrementContent, SegmentContent, SegmentRecord};

#[track_caller]
pub(crate) fn added(captured: Result<Captured>) -> Vec<SegmentRecord> {
    match captured.expect("a capture") {
        Captured::Added { segments, .. } => segments,
        Captured::UpToDate { end_epoch } => panic!("up to date at {end_epoch}"),
    }
}

/// Why a capture took a full backup.
#[track_caller]
pub(crate) fn why(captured: Result<Captured>) -> String {
    match captured.expect("a capture") {
        Captured::Added { why, .. } => why.expect("a full backup"),
        Captured::UpToDate { end_epoch } => panic!("up to date at {end_epoch}"),
    }
}

/// The names of segments.
pub(crate) fn names(segments: &[SegmentRecord]) -> Vec<&str> {
    let files = segments.iter().map(|record| record.segment.file.as_str());
    files.collect()
}

#[track_caller]
pub(crate) fn full(record: &SegmentRecord) -> &FullContent {
    match &record.content {
        SegmentContent::Full(full) => full,
        SegmentContent::Increment(_) => panic!("{} is an increment", record.segment.file),
    }
}

#[track_caller]
pub(crate) fn increment(record: &SegmentRecord) -> &IncrementContent {
    match &record.content {
        SegmentContent::Increment(increment) => increment,
        SegmentContent::Full(_) => panic!("{} is a full backup", record.segment.file),
    }
}

/// Whether an increment of generation 2 spans the full backup in front of it.
#[track_caller]
pub(crate) fn does_span(record: &SegmentRecord) -> bool {
    let log = increment(record).lsns();
    log.expect("a place in the log").spans
}

/// Where in the log an increment lies.
#[track_caller]
pub(crate) fn range(record: &SegmentRecord) -> (LogPosition, LogPosition) {
    let increment = increment(record);
    let range = increment.start().zip(increment.end());
    range.expect("a place in the log")
}

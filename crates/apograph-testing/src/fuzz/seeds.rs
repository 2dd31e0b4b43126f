//! Inputs to begin with: what real engines wrote, and the forms that only apograph writes.

use std::path::Path;

use apograph_format::{
    Crc32, Epoch, LogPosition, LogSequence, Point, RangeSet, SEGMENT_HEADER_BYTES, SegmentFlags,
    SegmentHeader, SegmentKind, Timeline, UnixMillis,
};
use apograph_manifest::{
    Cursor, FullContent, History, ImageIdentity, IncrementContent, Keep, LogRange, Manifest,
    Segment, SegmentContent, SegmentRecord, Stretch,
};

use crate::fixtures::{self, Golden};

pub(super) fn gbak_headers() -> Vec<Vec<u8>> {
    let ours = SegmentHeader {
        start_epoch: Epoch::new(7),
        end_epoch: Epoch::new(2),
        log_files: 3,
        flags: SegmentFlags {
            repeats: true,
            catches_up: true,
            reopened: true,
            continues: true,
        },
    };
    let golden = fixtures::segments().into_iter();
    let golden = golden.map(|golden| golden.bytes[..SEGMENT_HEADER_BYTES].to_vec());
    golden.chain([ours.encode().to_vec()]).collect()
}

pub(super) fn database_files() -> Vec<Vec<u8>> {
    bytes(fixtures::database_files())
}

pub(super) fn logs() -> Vec<Vec<u8>> {
    let bodies = fixtures::segments().into_iter();
    let bodies = bodies.map(|golden| golden.bytes[SEGMENT_HEADER_BYTES..].to_vec());
    bodies.chain(bytes(fixtures::logs())).collect()
}

pub(super) fn split_logs() -> Vec<Vec<u8>> {
    let split = |log: Vec<u8>| [0, 85, 128, 255].map(|at| [&[at], &log[..]].concat());
    logs().into_iter().flat_map(split).collect()
}

pub(super) fn manifests() -> Vec<Vec<u8>> {
    let golden = bytes(fixtures::manifests());
    [golden, vec![Manifest::default().encode()]].concat()
}

pub(super) fn cursors() -> Vec<Vec<u8>> {
    let golden = bytes(fixtures::cursors());
    [golden, vec![keeping_all().encode()]].concat()
}

pub(super) fn histories() -> Vec<Vec<u8>> {
    let repositories = fixtures::manifests().into_iter().map(|golden| {
        let manifest = Manifest::decode(&golden.bytes, Path::new(&golden.path));
        let segments = manifest.expect("a golden manifest").segments;
        let history = History {
            records: segments.into_iter().map(record).collect(),
            cursor: Some(keeping_all()),
        };
        history.encode()
    });
    repositories.chain([History::default().encode()]).collect()
}

fn keeping_all() -> Cursor {
    Cursor {
        backed_up_epoch: Epoch::new(4),
        keep: Keep::AllFiles,
        written_at: UnixMillis::new(0x1a1_fd00_96a9),
    }
}

/// A record that a segment could have.
fn record(segment: Segment) -> SegmentRecord {
    let at = |offset| LogPosition::in_file(LogSequence::new(1), offset);
    let content = match segment.kind {
        SegmentKind::Full => SegmentContent::Full(FullContent {
            image: ImageIdentity {
                database_created_at: segment.created_at,
                iteration: 1,
                checksum: Crc32::new(7),
            },
            base: Point::new(Timeline::FIRST, segment.end_epoch),
            continues: false,
            log_start: Some(at(0)),
            reopened: false,
        }),
        SegmentKind::Incremental => SegmentContent::Increment(IncrementContent {
            range: Some(LogRange {
                start: at(0),
                end: at(segment.size_bytes),
            }),
            overlap_bytes: 0,
            repeats: false,
            catches_up: true,
            stretches: vec![Stretch {
                timeline: Timeline::FIRST,
                base: Epoch::new(0),
                opens: false,
                epochs: RangeSet::from(vec![(segment.start_epoch.get(), segment.end_epoch.get())]),
                transactions: RangeSet::new(),
            }],
            process_ended: false,
            commits: 1,
            records: 2,
            frames: 4,
        }),
    };
    SegmentRecord { segment, content }
}

fn bytes(golden: Vec<Golden>) -> Vec<Vec<u8>> {
    golden.into_iter().map(|golden| golden.bytes).collect()
}

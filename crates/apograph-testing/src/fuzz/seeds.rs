//! Inputs to begin with: what real engines wrote, and the forms that only apograph writes.

use std::collections::BTreeMap;
use std::path::Path;

use apograph_format::v1::CheckpointRecord;
use apograph_format::v2::{
    FRAME_HEADER_BYTES, PROLOGUE_BYTES, RECORD_HEADER_BYTES, WAL_SEGMENT_HEADER_BYTES,
};
use apograph_format::{
    Blake3, Crc32, DatabaseId, Epoch, FilePosition, Generation, LogPosition, LogSequence, Lsn,
    Point, RangeSet, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SegmentFlags, SegmentHeader, SegmentKind,
    Timeline, TransactionId, UnixMillis, v1, v2,
};
use apograph_manifest::{
    CapturedFile, Captures, Cursor, Evidence, FileName, FullContent, FullOf, FurtherCommits,
    History, ImageIdentity, ImageOf, IncrementContent, IncrementOf, Keep, LogEvidence,
    LsnIncrement, Manifest, Nonce, RepositoryId, Segment, SegmentContent, SegmentRecord,
    SegmentStamp, Slot, TimeSpan, TimelineSpan,
};

use crate::fixtures::{Golden, V1, V2};

pub(super) fn gbak_headers() -> Vec<Vec<u8>> {
    let ours = SegmentHeader {
        generation: Generation::One,
        start_epoch: Epoch::new(7),
        end_epoch: Epoch::new(2),
        count: 3,
        flags: SegmentFlags {
            repeats: true,
            catches_up: true,
            reopened: true,
            continues: true,
            spans: true,
        },
    };
    let golden = [V1.segments(), V2.segments()].into_iter().flatten();
    let golden = golden.map(|golden| golden.bytes[..SEGMENT_HEADER_BYTES].to_vec());
    golden.chain([ours.encode().to_vec()]).collect()
}

pub(super) fn database_files() -> Vec<Vec<u8>> {
    bytes(V1.database_files())
}

pub(super) fn database_files_v2() -> Vec<Vec<u8>> {
    bytes(V2.database_files())
}

pub(super) fn wal_segments() -> Vec<Vec<u8>> {
    let bodies = V2.segments().into_iter();
    let bodies = bodies.map(|golden| golden.bytes[SEGMENT_HEADER_BYTES..].to_vec());
    bodies.chain(bytes(V2.logs())).collect()
}

/// Logs of one fixture each, split and changed in two ways, and one whose groups have two frames.
pub(super) fn logs_v2() -> Vec<Vec<u8>> {
    let files = V2.wal_segments().into_iter();
    let files = files.filter(|file| SMALL_LOG.contains(&file.bytes.len()));
    let logs = files.map(|file| file.bytes[WAL_SEGMENT_HEADER_BYTES..].to_vec());
    let mut logs: Vec<Vec<u8>> = logs.collect();
    logs.extend(logs.last().map(|log| in_two_frames(log)));
    let variants = logs.iter().flat_map(|log| {
        [[128, 9, 0, 1], [255, 0, 255, 0x80]].map(|choices| [&choices, &log[..]].concat())
    });
    variants.collect()
}

/// One record of each length of each kind that the goldens of generation 1 have.
pub(super) fn records() -> Vec<Vec<u8>> {
    let segments = V1.segments().into_iter();
    let mut records = BTreeMap::new();
    for golden in segments.filter(|golden| golden.bytes.starts_with(&SEGMENT_MAGIC)) {
        let mut rest = &golden.bytes[SEGMENT_HEADER_BYTES..];
        while let Ok(frame) = v1::RawFrame::parse(rest) {
            rest = &rest[frame.bytes().len()..];
            let payload = frame.payload().to_vec();
            records.insert((frame.kind() as u8, payload.len()), payload);
        }
    }
    records
        .into_values()
        .filter(|it| it.len() < SMALL_LOG.end)
        .collect()
}

/// The same of generation 2, each after its kind.
pub(super) fn records_v2() -> Vec<Vec<u8>> {
    let mut records = BTreeMap::new();
    for file in V2.wal_segments() {
        let header = v2::WalSegmentHeader::decode(&file.bytes).expect("a golden log file");
        let (mut lsn, mut rest) = (header.first_lsn, &file.bytes[WAL_SEGMENT_HEADER_BYTES..]);
        while let Ok(frame) = v2::RawFrame::parse(rest, lsn) {
            (lsn, rest) = (frame.end(), &rest[frame.bytes().len()..]);
            let front = if frame.flags().is_first() {
                PROLOGUE_BYTES
            } else {
                0
            };
            for record in v2::Records::new(&frame.payload()[front..]).flatten() {
                let bytes = [&[record.kind], record.payload].concat();
                records.insert((record.kind, bytes.len()), bytes);
            }
        }
    }
    records
        .into_values()
        .filter(|it| it.len() < SMALL_LOG.end)
        .collect()
}

/// A log file with a group, and not so many that its seed is slow.
const SMALL_LOG: std::ops::Range<usize> = WAL_SEGMENT_HEADER_BYTES + 1..2048;

/// A log of which each group's records are in a frame of their own, after its beginning. The fuzz
/// target gives the frames their positions and checksums.
fn in_two_frames(log: &[u8]) -> Vec<u8> {
    let (mut frames, mut rest) = (Vec::new(), log);
    let length = |bytes: &[u8]| match bytes.first_chunk() {
        Some(length) => usize::try_from(u32::from_le_bytes(*length)).expect("a small log"),
        None => 0,
    };
    while !rest.is_empty() {
        let (frame, behind) = rest.split_at(FRAME_HEADER_BYTES + length(rest));
        rest = behind;
        let (header, payload) = frame.split_at(FRAME_HEADER_BYTES);
        let begin = &payload[PROLOGUE_BYTES..];
        if begin.is_empty() {
            frames.extend(frame);
            continue;
        }
        let begin_bytes = RECORD_HEADER_BYTES + length(&begin[2..]);
        let (first, last) = payload.split_at(PROLOGUE_BYTES + begin_bytes);
        for (flags, part) in [(1, first), (2, last)] {
            let length = u32::try_from(part.len()).expect("a small log");
            frames.extend(length.to_le_bytes());
            frames.extend(&header[4..FRAME_HEADER_BYTES - 1]);
            frames.push(flags);
            frames.extend(part);
        }
    }
    frames
}

pub(super) fn logs() -> Vec<Vec<u8>> {
    let bodies = V1.segments().into_iter();
    let bodies = bodies.map(|golden| golden.bytes[SEGMENT_HEADER_BYTES..].to_vec());
    bodies.chain(bytes(V1.logs())).collect()
}

pub(super) fn split_logs() -> Vec<Vec<u8>> {
    let split = |log: Vec<u8>| [0, 85, 128, 255].map(|at| [&[at], &log[..]].concat());
    logs().into_iter().flat_map(split).collect()
}

pub(super) fn manifests() -> Vec<Vec<u8>> {
    let golden = [bytes(V1.manifests()), bytes(V2.manifests())].concat();
    let newer = br#"{"version":2,"more":{"of":[1.5,-7]},"segments":[{"kind":"Full","filename":"a",
        "start_epoch":0,"end_epoch":3,"checksum":7,"size_bytes":9,"created_at_ms":5,"note":null}]}"#;
    let ours = vec![Manifest::default().encode(), newer.to_vec()];
    [golden, ours].concat()
}

pub(super) fn cursors() -> Vec<Vec<u8>> {
    let golden = [bytes(V1.cursors()), bytes(V2.cursors())].concat();
    let newer = br#"{"log_sequence":0,"timestamp_ms":7,"backed_up_epoch":1,"more":["x",1.5]}"#;
    let ours = vec![keeping_all().encode(), newer.to_vec()];
    [golden, ours].concat()
}

pub(super) fn histories() -> Vec<Vec<u8>> {
    let golden = [V1.manifests(), V2.manifests()].into_iter().flatten();
    let repositories = golden.map(|golden| {
        let manifest = Manifest::decode(&golden.bytes, Path::new(&golden.path));
        let segments = manifest.expect("a golden manifest").segments;
        let history = History {
            records: segments.into_iter().map(record).collect(),
            evidence: None,
        };
        history.encode()
    });
    repositories.chain([History::default().encode()]).collect()
}

/// Slots of both generations with all that can be in one, one of a vault, and a whole marker.
pub(super) fn markers() -> Vec<Vec<u8>> {
    let at = LogSequence::new;
    let captured = CapturedFile {
        sequence: at(3),
        length: 470,
        hash: Blake3::of(b"captured"),
    };
    let log = LogEvidence {
        file: Some(captured),
        checkpoint: Some(CheckpointRecord {
            epoch: Epoch::new(9),
            log_sequence: at(2),
            written_at: UnixMillis::new(5),
            transaction: TransactionId::new(12),
        }),
        newest: at(3),
        pending: 1,
        marks: 2,
        is_older: true,
    };
    let slot = |file: &str, end, log, of| {
        let evidence = Evidence {
            nonce: Nonce::new(7 << 100),
            segment: SegmentStamp {
                file: FileName::try_from(file).expect("a name"),
                hash: captured.hash,
            },
            end,
            image: ImageIdentity {
                database_created_at: UnixMillis::new(5),
                iteration: 4,
                checksum: Crc32::new(7),
                written_at: UnixMillis::new(6),
                of,
            },
            older_files: Some(captured.hash),
            tail: None,
            log,
            folder: None,
        };
        let slot = Slot {
            repository: RepositoryId::new(1 << 77),
            counter: 41,
            written_at: UnixMillis::new(8),
            evidence,
        };
        slot.encode().to_vec()
    };
    let in_file = Some(LogPosition::in_file(at(3), 470));
    let of_two = ImageOf::Two {
        database: DatabaseId::new(5 << 90),
        is_encrypted: true,
    };
    let in_vault = "00000000000000000042-1-incr-964adc73964adc73964adc73964adc73";
    let lsn = Some(LogPosition::Lsn(Lsn::new(720)));
    let slots = [
        slot("backup_incr_0012.wal", in_file, Some(log), ImageOf::One),
        slot("backup_full_0000.grafeo", lsn, None, of_two),
        slot(in_vault, None, None, ImageOf::One),
    ];
    let mut whole = slots[0].clone();
    whole.resize(4096, 0);
    whole.extend(&slots[1]);
    slots.into_iter().chain([whole]).collect()
}

fn keeping_all() -> Cursor {
    Cursor::note(
        Epoch::new(4),
        Keep::AllFiles,
        UnixMillis::new(0x1a1_fd00_96a9),
    )
}

/// A record that a segment could have.
fn record(segment: Segment) -> SegmentRecord {
    let database = segment.end_lsn.map(|_| DatabaseId::new(7));
    let in_file = |offset| FilePosition {
        sequence: LogSequence::new(1),
        offset,
    };
    let committed = TimeSpan {
        first: segment.created_at,
        last: segment.created_at,
    };
    let content = match segment.kind {
        SegmentKind::Full => SegmentContent::from(FullContent {
            image: ImageIdentity {
                database_created_at: segment.created_at,
                iteration: 1,
                checksum: Crc32::new(7),
                written_at: segment.created_at,
                of: database.map_or(ImageOf::One, |database| ImageOf::Two {
                    database,
                    is_encrypted: false,
                }),
            },
            base: Point::new(Timeline::FIRST, segment.end_epoch),
            further: Some(0),
            continues: false,
            of: match segment.end_lsn {
                Some(log_start) => FullOf::Two {
                    log_start,
                    is_spanned: false,
                },
                None => FullOf::One {
                    log_start: Some(in_file(0)),
                },
            },
        }),
        SegmentKind::Incremental => SegmentContent::from(IncrementContent {
            of: match segment.end_lsn {
                Some(start) => IncrementOf::Lsns(LsnIncrement {
                    committed: Some(committed),
                    ..(start..start.plus(segment.size_bytes)).into()
                }),
                None => IncrementOf::Files(in_file(0)..in_file(segment.size_bytes)),
            },
            overlap_bytes: 0,
            continues: true,
            repeats: false,
            catches_up: true,
            stretches: vec![TimelineSpan {
                timeline: Timeline::FIRST,
                base: Epoch::new(0),
                opens: false,
                epochs: RangeSet::from(vec![(segment.start_epoch.get(), segment.end_epoch.get())]),
                further: FurtherCommits::NONE,
                transactions: RangeSet::new(),
            }]
            .into(),
            process_ended: false,
            commits: 1,
            records: 2,
            frames: 4,
            captures: Captures::default(),
        }),
    };
    SegmentRecord {
        segment,
        hash: Blake3::of(b"a segment"),
        content,
        is_uncounted: false,
        verified: None,
        damaged: None,
    }
}

fn bytes(golden: Vec<Golden>) -> Vec<Vec<u8>> {
    golden.into_iter().map(|golden| golden.bytes).collect()
}

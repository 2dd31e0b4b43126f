//! GBAK headers.

use apograph_format::{
    Epoch, Generation, SEGMENT_HEADER_BYTES, SegmentFlags, SegmentHeader, SegmentKind,
};
use apograph_testing::fixtures::V2;
use apograph_testing::truth::Truth;

/// Segment, first epoch, last epoch, commit groups.
const GOLDEN: &[(&str, u64, u64, u64)] = &[
    ("02_chain40/backup/backup_incr_0001.wal", 8, 18, 11),
    ("04_rotation/backup/backup_incr_0002.wal", 7, 10, 4),
    ("05_schema/backup/backup_incr_0001.wal", 2, 2, 3),
    ("05_schema/backup/backup_incr_0002.wal", 3, 4, 6),
    ("07_named_graphs/backup/backup_incr_0001.wal", 3, 4, 3),
    ("11_checkpoints_cursor/backup/backup_incr_0001.wal", 2, 5, 4),
    ("12_crash_in_chain/backup/backup_incr_0002.wal", 7, 9, 3),
    ("13_close_in_chain/backup/backup_incr_0002.wal", 5, 6, 2),
    ("14_torn_in_chain/backup/backup_incr_0001.wal", 2, 4, 3),
    (
        "15_concurrent_incr/backup/backup_incr_0003.wal",
        84,
        145,
        62,
    ),
    ("16_direct_api/backup/backup_incr_0002.wal", 6, 6, 2),
    ("17_big_group/backup/backup_incr_0001.wal", 2, 4, 3),
    ("18_sync_markers/backup/backup_incr_0001.wal", 2, 5, 4),
];

#[test]
fn golden_headers_say_what_they_say() {
    for &(path, start, end, count) in GOLDEN {
        let header = SegmentHeader {
            generation: Generation::Two,
            start_epoch: Epoch::new(start),
            end_epoch: Epoch::new(end),
            count,
            flags: SegmentFlags::default(),
        };
        let golden = V2.read(path);
        assert_eq!(SegmentHeader::decode(&golden.bytes), Ok(header), "{path}");
        assert_eq!(header.file_boundaries(), 0, "{path}");
    }
}

#[test]
fn golden_headers_agree_with_the_truth() {
    let mut headers = 0;
    for fixture in V2.names() {
        let truth = Truth::of(V2, &fixture);
        for backup in truth
            .taken()
            .filter(|backup| backup.kind == SegmentKind::Incremental)
        {
            let file = backup.file.as_deref().expect("a backup that was taken");
            let golden = V2.read(&format!("{fixture}/backup/{file}"));
            let header = SegmentHeader::decode(&golden.bytes).expect(&golden.path);
            let found = [header.start_epoch, header.end_epoch].map(|epoch| Some(epoch.get()));
            let expected = [backup.start_epoch, backup.end_epoch];
            assert_eq!(found, expected, "{}", golden.path);
            let size = golden.bytes.len() as u64;
            assert_eq!(backup.size, Some(size), "{}", golden.path);
            headers += 1;
        }
    }
    // The truth leaves out what was taken while sessions committed.
    assert_eq!((headers, V2.segments().len()), (30, 34));
}

#[test]
fn golden_headers_are_written_as_they_were_read() {
    for golden in V2.segments() {
        let header = SegmentHeader::decode(&golden.bytes).expect(&golden.path);
        let written = header.encode();
        assert_eq!(
            written,
            golden.bytes[..SEGMENT_HEADER_BYTES],
            "{}",
            golden.path
        );
        assert_eq!(header.flags, SegmentFlags::default(), "{}", golden.path);
    }
}

#[test]
fn flags_leave_the_count_alone() {
    let header = SegmentHeader {
        generation: Generation::Two,
        start_epoch: Epoch::new(7),
        end_epoch: Epoch::new(9),
        count: (1 << 48) - 1,
        flags: SegmentFlags {
            continues: true,
            ..SegmentFlags::default()
        },
    };
    let bytes = header.encode();
    assert_eq!(bytes[4..8], [2, 0, 0, 0]);
    assert_eq!(bytes[24..], [255, 255, 255, 255, 255, 255, 0, 0x10]);
    assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
}

//! GBAK headers.

use apograph_format::{
    Epoch, FormatError, Generation, SEGMENT_HEADER_BYTES, SegmentFlags, SegmentHeader, SegmentKind,
};
use apograph_testing::damage;
use apograph_testing::fixtures::V1;
use apograph_testing::truth::Truth;

/// Segment, first epoch, last epoch, log files.
const GOLDEN: &[(&str, u64, u64, u64)] = &[
    ("02_chain40/backup/backup_incr_0001.wal", 8, 18, 1),
    ("02_chain40/backup/backup_incr_0002.wal", 19, 29, 1),
    ("02_chain40/backup/backup_incr_0003.wal", 30, 40, 1),
    ("04_rotation/backup/backup_incr_0001.wal", 2, 6, 2),
    ("04_rotation/backup/backup_incr_0002.wal", 7, 10, 2),
    ("05_schema/backup/backup_incr_0002.wal", 3, 4, 1),
    ("12_crash_in_chain/backup/backup_incr_0002.wal", 7, 2, 1),
    ("13_close_in_chain/backup/backup_incr_0001.wal", 4, 4, 1),
    ("14_torn_in_chain/backup/backup_incr_0001.wal", 2, 2, 2),
    ("15_concurrent/backup/backup_incr_0001.wal", 2, 241, 1),
    ("15_concurrent_incr/backup/backup_incr_0002.wal", 5, 16, 1),
    ("16_direct_api/backup/backup_incr_0002.wal", 6, 6, 1),
    ("20_temporal_schema/backup/backup_incr_0001.wal", 2, 2, 1),
];

#[test]
fn golden_headers_say_what_they_say() {
    for &(path, start, end, log_files) in GOLDEN {
        let header = SegmentHeader {
            generation: Generation::One,
            start_epoch: Epoch::new(start),
            end_epoch: Epoch::new(end),
            count: log_files,
            flags: SegmentFlags::default(),
        };
        let golden = V1.read(path);
        assert_eq!(SegmentHeader::decode(&golden.bytes), Ok(header), "{path}");
    }
}

#[test]
fn golden_headers_agree_with_the_truth() {
    for fixture in V1.names() {
        let truth = Truth::of(V1, &fixture);
        for backup in truth
            .taken()
            .filter(|backup| backup.kind == SegmentKind::Incremental)
        {
            let file = backup.file.as_deref().expect("a backup that was taken");
            let golden = V1.read(&format!("{fixture}/backup/{file}"));
            let header = SegmentHeader::decode(&golden.bytes).expect(&golden.path);
            let found = [header.start_epoch, header.end_epoch].map(|epoch| Some(epoch.get()));
            let expected = [backup.start_epoch, backup.end_epoch];
            assert_eq!(found, expected, "{}", golden.path);
        }
    }
}

#[test]
fn golden_headers_are_written_as_they_were_read() {
    for golden in V1.segments() {
        let header = SegmentHeader::decode(&golden.bytes).expect(&golden.path);
        assert_eq!(
            header.encode(),
            golden.bytes[..SEGMENT_HEADER_BYTES],
            "{}",
            golden.path
        );
        assert_eq!(header.flags, SegmentFlags::default(), "{}", golden.path);
        assert!((1..=8).contains(&header.count), "{}", golden.path);
    }
}

#[test]
fn each_flag_has_its_bit() {
    let none = SegmentFlags::default();
    let rows = [
        (none, 0x00),
        (
            SegmentFlags {
                continues: true,
                ..none
            },
            0x10,
        ),
        (
            SegmentFlags {
                reopened: true,
                ..none
            },
            0x20,
        ),
        (
            SegmentFlags {
                catches_up: true,
                ..none
            },
            0x40,
        ),
        (
            SegmentFlags {
                repeats: true,
                ..none
            },
            0x80,
        ),
        (
            SegmentFlags {
                spans: true,
                ..none
            },
            0x08,
        ),
        (
            SegmentFlags {
                repeats: true,
                catches_up: true,
                reopened: true,
                continues: true,
                ..none
            },
            0xf0,
        ),
        (
            SegmentFlags {
                repeats: true,
                catches_up: true,
                reopened: true,
                continues: true,
                spans: true,
            },
            0xf8,
        ),
    ];
    for (flags, top) in rows {
        let header = SegmentHeader {
            generation: Generation::One,
            start_epoch: Epoch::new(7),
            end_epoch: Epoch::new(2),
            count: (1 << 48) - 1,
            flags,
        };
        let bytes = header.encode();
        assert_eq!(
            bytes[24..],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, top],
            "{flags:?}"
        );
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
    }
}

/// Only the engine of generation 1 lays log files side by side, and tells nobody where.
#[test]
fn what_the_engine_captured_has_ends_of_log_files_in_it() {
    let none = SegmentFlags::default();
    let (continues, repeats, catches_up) = (true, true, true);
    let rows = [
        (Generation::One, 1, none, 0),
        (Generation::One, 8, none, 7),
        (Generation::One, 0, none, 0),
        (Generation::One, 8, SegmentFlags { continues, ..none }, 0),
        (Generation::One, 8, SegmentFlags { repeats, ..none }, 0),
        (Generation::One, 8, SegmentFlags { catches_up, ..none }, 0),
        (Generation::Two, 8, none, 0),
    ];
    for (generation, count, flags, expected) in rows {
        let header = SegmentHeader {
            generation,
            start_epoch: Epoch::new(7),
            end_epoch: Epoch::new(9),
            count,
            flags,
        };
        assert_eq!(header.file_boundaries(), expected, "{header:?}");
    }
}

#[test]
fn a_malformed_header_is_named() {
    let good = V1
        .read("13_close_in_chain/backup/backup_incr_0001.wal")
        .bytes;
    let with = |offset: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[offset] = byte;
        bytes
    };
    let rows: [(Vec<u8>, &str, &str); 6] = [
        (
            Vec::new(),
            "too-short",
            "segment header is too short: 0 bytes where 32 are needed",
        ),
        (
            good[..31].to_vec(),
            "too-short",
            "segment header is too short: 31 bytes where 32 are needed",
        ),
        (
            with(0, b'g'),
            "wrong-magic",
            "segment header begins with [67, 42, 41, 4b], which is not its magic number",
        ),
        (
            with(4, 0),
            "unsupported-version",
            "segment header has version 0; the newest version known here is 2",
        ),
        (
            with(4, 3),
            "unsupported-version",
            "segment header has version 3; the newest version known here is 2",
        ),
        (
            with(7, 0x80),
            "unsupported-version",
            "segment header has version 2147483649; the newest version known here is 2",
        ),
    ];
    for (bytes, code, text) in rows {
        let error = SegmentHeader::decode(&bytes).expect_err(text);
        assert_eq!(
            (error.code().as_str(), error.to_string().as_str()),
            (code, text)
        );
    }
}

#[test]
fn no_cut_header_is_read() {
    let good = V1
        .read("13_close_in_chain/backup/backup_incr_0001.wal")
        .bytes;
    damage::every_cut(&good[..SEGMENT_HEADER_BYTES], |bytes| {
        let error = SegmentHeader::decode(bytes).expect_err("a cut header");
        assert!(matches!(error, FormatError::TooShort { .. }), "{error}");
    });
}

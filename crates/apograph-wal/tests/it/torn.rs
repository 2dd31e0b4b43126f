//! Logs that a crash tore, and what the engine makes of them when it opens them again.

use apograph_format::SEGMENT_HEADER_BYTES;
use apograph_testing::damage;
use apograph_testing::fixtures::V1;
use apograph_wal::{LogEndCause, Place};

use crate::log;

const WHOLE: &str = "2@1x5 3@2x5 4@3x5 5@4x5 6@5x5";

#[test]
fn a_torn_tail_ends_after_the_last_whole_group() {
    let torn = |records| LogEndCause::TornTail { records };
    let rows = [
        ("source", WHOLE, 335, LogEndCause::Clean),
        ("source_cut9", "2@1x5 3@2x5 4@3x5 5@4x5 6@-x4", 325, torn(0)),
        ("source_cut23", "2@1x5 3@2x5 4@3x5 5@4x5", 268, torn(2)),
        ("source_garbage", WHOLE, 335, torn(0)),
    ];
    for (source, groups, offset, cause) in rows {
        let files = V1.logs_of(&format!("08_torn_tail/{source}"));
        let (found, end) = log::text(&log::parts(files.iter().map(|file| &file.bytes[..])));
        assert_eq!(found, groups, "{source}");
        assert_eq!((end.place.offset, end.cause), (offset, cause), "{source}");
    }
}

#[test]
fn a_log_cut_anywhere_is_a_prefix_of_itself() {
    let golden = V1.read("08_torn_tail/source/src.grafeo.wal/wal_00000000.log");
    damage::every_cut(&golden.bytes, |bytes| {
        let (groups, end) = log::text(&log::parts([bytes]));
        let whole_groups = bytes.len() / 67;
        let expected: Vec<&str> = WHOLE.split(' ').take(whole_groups).collect();
        let rest = bytes.len() % 67;
        let at_commit = (57..67).contains(&rest);
        if !at_commit {
            assert_eq!(groups, expected.join(" "), "{} bytes", bytes.len());
        }
        let clean = rest == 0 || rest == 57;
        assert_eq!(
            end.cause == LogEndCause::Clean,
            clean,
            "{} bytes",
            bytes.len()
        );
        if !clean {
            assert!(
                matches!(end.cause, LogEndCause::TornTail { .. }),
                "{} bytes: {:?}",
                bytes.len(),
                end.cause
            );
        }
    });
}

#[test]
fn a_log_goes_on_after_the_seal_of_its_torn_tail() {
    let golden = V1.read("14_torn_in_chain/backup/backup_incr_0001.wal");
    let groups = "3@2x4 4@-x3 | 2@1x4 3@2x4";
    let (found, end) = log::text(&log::body(&golden));
    assert_eq!((found.as_str(), end.cause), (groups, LogEndCause::Clean));

    let (old, new) = golden.bytes[SEGMENT_HEADER_BYTES..].split_at(91);
    let (found, end) = log::text(&log::parts([old, new]));
    assert_eq!((found.as_str(), end.cause), (groups, LogEndCause::Clean));
}

#[test]
fn records_before_a_seal_never_happened() {
    let golden = V1.read("14_torn_in_chain/backup/backup_incr_0001.wal");
    let (old, new) = golden.bytes[SEGMENT_HEADER_BYTES..].split_at(91);
    for length in 47..=old.len() {
        let (found, end) = log::text(&log::parts([&old[..length], new]));
        let commit = if length >= 84 { "4@-x3 " } else { "" };
        assert_eq!(
            found,
            format!("3@2x4 {commit}| 2@1x4 3@2x4"),
            "{length} bytes"
        );
        assert_eq!(end.cause, LogEndCause::Clean, "{length} bytes");
    }
}

#[test]
fn a_torn_file_before_one_without_a_seal_is_damaged() {
    let old = V1
        .read("04_rotation/source/src.grafeo.wal/wal_00000001.log")
        .bytes;
    let new = V1
        .read("04_rotation/source/src.grafeo.wal/wal_00000002.log")
        .bytes;
    let (_, end) = log::text(&log::parts([&old[..170], &new]));
    let LogEndCause::Damage { place, .. } = end.cause else {
        panic!("{:?}", end.cause);
    };
    assert_eq!(
        place,
        Place {
            part: 0,
            offset: 164
        }
    );
    let (_, end) = log::text(&log::parts([&old[..170], b"", b""]));
    assert_eq!(end.cause, LogEndCause::TornTail { records: 0 });
}

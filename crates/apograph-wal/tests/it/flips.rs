//! Every changed byte of a log is found, at its frame.

use apograph_format::SEGMENT_HEADER_BYTES;
use apograph_format::v1::{RawFrame, RecordKind};
use apograph_testing::damage;
use apograph_testing::fixtures::V1;
use apograph_wal::LogEndCause;

use crate::log;

/// The frame that has the byte at `offset`: where it begins, and its kind.
fn frame_at(bytes: &[u8], offset: usize) -> (usize, RecordKind) {
    let mut start = 0;
    loop {
        let frame = RawFrame::parse(&bytes[start..]).expect("an intact log");
        let end = start + frame.bytes().len();
        if offset < end {
            return (start, frame.kind());
        }
        start = end;
    }
}

/// The groups that end at or before a frame. Where it is an epoch record, its commit is one of
/// them: the record comes after it.
fn groups_before(log: &[u8], start: usize) -> String {
    log::text(&log::parts([&log[..start]])).0
}

fn check(log: &[u8], offset: usize, changed: &[u8]) {
    let (start, kind) = frame_at(log, offset);
    let (groups, end) = log::text(&log::parts([changed]));
    match end.cause {
        LogEndCause::Damage { place, .. } => {
            assert_eq!(place.offset, start, "byte {offset} of a {kind}");
        }
        cause => panic!("byte {offset} of a {kind} at {start}: {cause:?}"),
    }
    assert_eq!(groups, groups_before(log, start), "byte {offset}");
}

#[test]
fn every_flipped_bit_of_a_segment_is_damage_at_its_frame() {
    for name in ["0001", "0002", "0003"] {
        let golden = V1.read(&format!("02_chain40/backup/backup_incr_{name}.wal"));
        let log = &golden.bytes[SEGMENT_HEADER_BYTES..];
        damage::bits(log, |offset, changed| check(log, offset, changed));
    }
}

#[test]
fn every_other_value_of_a_byte_of_the_newest_log_file_is_damage_at_its_frame() {
    let golden = V1.read("08_torn_tail/source/src.grafeo.wal/wal_00000000.log");
    let log = &golden.bytes[..];
    damage::values(log, |offset, changed| check(log, offset, changed));
}

#[test]
fn every_flipped_bit_of_an_older_log_file_is_damage_at_its_frame() {
    let [old, new] = ["wal_00000001.log", "wal_00000002.log"].map(|name| {
        V1.read(&format!("04_rotation/source/src.grafeo.wal/{name}"))
            .bytes
    });
    damage::bits(&old, |offset, changed| {
        let (start, kind) = frame_at(&old, offset);
        let (groups, end) = log::text(&log::parts([changed, &new]));
        let LogEndCause::Damage { place, .. } = end.cause else {
            panic!("byte {offset} of a {kind} at {start}: {:?}", end.cause);
        };
        assert_eq!((place.part, place.offset), (0, start), "byte {offset}");
        assert_eq!(groups, groups_before(&old, start), "byte {offset}");
    });
}

#[test]
fn a_flip_before_a_seal_is_never_clean_over_the_commits_after_it() {
    let golden = V1.read("14_torn_in_chain/backup/backup_incr_0001.wal");
    let log = &golden.bytes[SEGMENT_HEADER_BYTES..];
    let (whole, _) = log::text(&log::parts([log]));
    let torn_at = 0x74 - SEGMENT_HEADER_BYTES;
    damage::bits(log, |offset, changed| {
        let (groups, end) = log::text(&log::parts([changed]));
        let in_torn_frame = (torn_at..torn_at + 7).contains(&offset);
        if end.cause == LogEndCause::Clean {
            assert!(in_torn_frame, "byte {offset}");
            assert_eq!(groups, whole, "byte {offset}");
        } else {
            assert!(
                matches!(end.cause, LogEndCause::Damage { .. }),
                "byte {offset}"
            );
        }
    });
}

//! Every golden segment and log: how much is in it.

use std::collections::BTreeMap;

use apograph_format::SegmentHeader;
use apograph_format::change::GraphScope;
use apograph_format::v2::Origin;
use apograph_io::IoError;
use apograph_testing::fixtures::V2;
use apograph_wal::{
    GroupHead, GroupReader, GroupSpan, LogEndCause, LogEvent, LoggedRecord, RecordReader,
};

use super::{body, source};
use crate::log;

/// Name, base epoch, groups, data records, frames, markers, epochs.
type Row = (&'static str, u64, u64, u64, u64, u64, &'static str);

const SEGMENTS: &[Row] = &[
    ("02_chain40 0001", 7, 11, 14, 11, 0, "8-18"),
    ("02_chain40 0002", 18, 11, 14, 11, 0, "19-29"),
    ("02_chain40 0003", 29, 11, 14, 11, 0, "30-40"),
    ("03_two_fulls 0001", 3, 3, 3, 3, 0, "4-6"),
    ("03_two_fulls 0002", 6, 3, 3, 3, 0, "7-9"),
    ("03_two_fulls 0004", 11, 4, 4, 4, 0, "12-15"),
    ("04_rotation 0001", 1, 5, 5, 5, 0, "2-6"),
    ("04_rotation 0002", 6, 4, 4, 4, 0, "7-10"),
    ("05_schema 0001", 1, 3, 3, 3, 0, "2"),
    ("05_schema 0002", 2, 6, 8, 6, 0, "3-4"),
    ("05_schema 0003", 4, 4, 5, 4, 0, "5"),
    ("06_transactions 0001", 1, 1, 3, 1, 0, "2"),
    ("06_transactions 0002", 4, 4, 5, 4, 0, "5-7"),
    ("07_named_graphs 0001", 2, 3, 5, 3, 0, "3-4"),
    ("07_named_graphs 0002", 4, 4, 6, 4, 0, "5-6"),
    ("07_named_graphs 0003", 6, 3, 3, 3, 0, "7-8"),
    ("09_values 0001", 1, 5, 5, 5, 0, "2-6"),
    ("09_values 0002", 6, 3, 4, 3, 0, "7-9"),
    ("11_checkpoints_cursor 0001", 1, 4, 4, 4, 0, "2-5"),
    ("12_crash_in_chain 0001", 3, 3, 3, 3, 0, "4-6"),
    ("12_crash_in_chain 0002", 6, 3, 3, 3, 0, "7-9"),
    ("13_close_in_chain 0001", 3, 1, 1, 1, 0, "4"),
    ("13_close_in_chain 0002", 4, 2, 2, 2, 1, "5-6"),
    ("13_close_in_chain 0004", 6, 1, 1, 1, 0, "7"),
    ("14_torn_in_chain 0001", 1, 3, 3, 3, 0, "2-4"),
    ("15_concurrent_incr 0001", 1, 21, 21, 21, 0, "2-22"),
    ("15_concurrent_incr 0002", 22, 64, 64, 64, 0, "23-86"),
    ("15_concurrent_incr 0003", 86, 62, 62, 62, 0, "87-148"),
    ("15_concurrent_incr 0004", 148, 61, 61, 61, 0, "149-209"),
    ("15_concurrent_incr 0005", 209, 32, 32, 32, 0, "210-241"),
    ("16_direct_api 0001", 1, 5, 5, 5, 0, "2-5"),
    ("16_direct_api 0002", 5, 2, 2, 2, 0, "6"),
    ("17_big_group 0001", 1, 3, 49, 5, 0, "2-4"),
    ("18_sync_markers 0001", 1, 4, 4, 4, 4, "2-5"),
];

const SOURCES: &[Row] = &[
    ("04_rotation/source", 0, 10, 10, 10, 0, "1-10"),
    ("05_schema/source", 0, 14, 17, 14, 0, "1-5"),
    ("07_named_graphs/source", 0, 13, 17, 13, 0, "1-8"),
    ("08_torn_tail/source", 0, 5, 5, 5, 0, "1-5"),
    ("10_live/source", 4, 5, 5, 5, 0, "5-8"),
    ("10_live/source_precheckpoint", 0, 4, 4, 4, 0, "1-4"),
    (
        "11_checkpoints_cursor/source_before_incr",
        1,
        3,
        3,
        3,
        0,
        "2-4",
    ),
    ("12_crash_in_chain/source", 0, 9, 9, 9, 0, "1-9"),
];

fn check(parts: &[apograph_wal::LogPart<'_>], row: &Row) {
    let &(name, base, groups, records, frames, markers, epochs) = row;
    let (found, state, end) = log::summary(parts, base);
    assert_eq!(end.cause, LogEndCause::Clean, "{name}");
    let counts = (found.groups, found.records, found.frames, found.markers);
    assert_eq!(counts, (groups, records, frames, markers), "{name}");
    assert_eq!(found.epochs, [epochs], "{name}");
    assert_eq!(state.timeline.get(), 1, "{name}");
}

#[test]
fn golden_segments_hold_what_was_committed() {
    let mut rows = SEGMENTS.iter();
    for golden in V2.segments() {
        let row = rows.next().expect(&golden.path);
        let (fixture, number) = row.0.split_once(' ').expect("two words");
        let path = format!("{fixture}/backup/backup_incr_{number}.wal");
        assert_eq!(golden.path, path);
        check(&body(&golden), row);
        let header = SegmentHeader::decode(&golden.bytes).expect(&golden.path);
        assert_eq!(header.count, row.2, "{}", golden.path);
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn golden_logs_hold_what_was_committed() {
    for row in SOURCES {
        check(&source(&V2.logs_of(row.0)), row);
    }
}

#[test]
fn a_log_is_read_the_same_whether_captured_or_not() {
    for (fixture, lsn) in [
        ("04_rotation", 74),
        ("05_schema", 97),
        ("12_crash_in_chain", 222),
    ] {
        let segments = V2.segments();
        let of_it: Vec<_> = segments
            .iter()
            .filter(|it| it.fixture() == fixture)
            .collect();
        let captured: Vec<_> = of_it.iter().flat_map(|segment| body(segment)).collect();
        let files = V2.logs_of(&format!("{fixture}/source"));
        let mut live = source(&files);
        live.retain(|part| part.start() >= apograph_format::Lsn::new(lsn).into());
        assert_eq!(log::text(&captured).0, log::text(&live).0, "{fixture}");
    }
}

#[test]
fn sync_markers_are_seen_and_are_no_groups() {
    let golden = V2.read("18_sync_markers/backup/backup_incr_0001.wal");
    let (text, end) = log::text(&body(&golden));
    assert_eq!(text, "3@2x1 ~ 4@3x1 ~ 5@4x1 ~ 6@5x1 ~");
    assert_eq!((end.cause, end.place.offset), (LogEndCause::Clean, 428));
}

#[test]
fn a_big_group_has_several_frames() {
    let golden = V2.read("17_big_group/backup/backup_incr_0001.wal");
    let parts = body(&golden);
    let groups = GroupReader::new(&parts).filter_map(|event| match event.expect(log::IN_MEMORY) {
        LogEvent::Group(group) => Some((
            group.head.epoch().expect("an epoch").get(),
            group.frames,
            group.records,
            group.end.offset - group.start.offset,
        )),
        _ => None,
    });
    let found: Vec<_> = groups.collect();
    let expected = [(2, 2, 24, 72_891), (3, 2, 1, 70_111), (4, 1, 24, 242)];
    assert_eq!(found, expected);
}

#[test]
fn groups_know_their_generation_and_their_time() {
    let golden = V2.read("05_schema/backup/backup_incr_0002.wal");
    let parts = body(&golden);
    let mut before = None;
    for group in log::groups(&parts) {
        let GroupHead::Plain(begin) = group.head else {
            panic!("{:?}", group.head);
        };
        assert!(Some(begin.committed_at) >= before);
        let mut records = Vec::new();
        let each = |record: LoggedRecord<'_>| {
            let change = record.change.expect("a golden record");
            assert_eq!(
                record.kind == "put_catalog",
                change.scope == GraphScope::Database
            );
            records.push(change.operation.node());
            Ok::<_, IoError>(())
        };
        let mut reader = RecordReader::new(&parts);
        reader
            .for_each(GroupSpan::of(&group), each)
            .expect(log::IN_MEMORY);
        assert_eq!(records.len() as u64, group.records);
        before = Some(begin.committed_at);
    }
    let expected = [("create_node".to_owned(), 2), ("put_catalog".to_owned(), 6)];
    assert_eq!(log::kinds(&parts), BTreeMap::from(expected));
    assert_eq!(Origin::Schema as u8, 3);
}

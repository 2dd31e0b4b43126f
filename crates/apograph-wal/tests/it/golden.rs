//! Every golden segment and log: how much is in it.

use std::collections::BTreeMap;

use apograph_format::change::GraphOperation;
use apograph_format::v1::SchemaChange;
use apograph_io::IoError;
use apograph_testing::fixtures::V1;
use apograph_wal::{GroupSpan, LogEndCause, LoggedRecord, RecordReader};

use crate::log;

/// Name, base epoch, groups, data records, frames, epochs of each timeline.
type Row = (&'static str, u64, u64, u64, u64, &'static [&'static str]);

const SEGMENTS: &[Row] = &[
    ("02_chain40 0001", 7, 11, 26, 48, &["8-18"]),
    ("02_chain40 0002", 18, 11, 26, 48, &["19-29"]),
    ("02_chain40 0003", 29, 11, 22, 44, &["30-40"]),
    ("03_two_fulls 0001", 3, 3, 6, 12, &["4-6"]),
    ("03_two_fulls 0002", 6, 3, 6, 12, &["7-9"]),
    ("03_two_fulls 0004", 11, 4, 8, 16, &["12-15"]),
    ("04_rotation 0001", 1, 5, 15, 25, &["2-6"]),
    ("04_rotation 0002", 6, 4, 12, 20, &["7-10"]),
    ("05_schema 0001", 1, 3, 4, 8, &["2"]),
    ("05_schema 0002", 2, 7, 10, 19, &["3-4"]),
    ("05_schema 0003", 4, 5, 7, 13, &["5"]),
    ("06_transactions 0001", 1, 3, 5, 11, &["2-4"]),
    ("06_transactions 0002", 4, 5, 8, 17, &["5-8"]),
    ("07_named_graphs 0001", 2, 3, 11, 16, &["3-4"]),
    ("07_named_graphs 0002", 4, 4, 14, 20, &["5-6"]),
    ("07_named_graphs 0003", 6, 3, 7, 12, &["7-8"]),
    ("09_values 0001", 1, 5, 28, 38, &["2-6"]),
    ("09_values 0002", 6, 3, 7, 13, &["7-9"]),
    ("11_checkpoints_cursor 0001", 1, 4, 8, 16, &["2-5"]),
    ("12_crash_in_chain 0001", 3, 3, 6, 12, &["4-6"]),
    ("12_crash_in_chain 0002", 6, 3, 6, 12, &["7", "1-2"]),
    ("13_close_in_chain 0001", 3, 1, 2, 4, &["4"]),
    ("13_close_in_chain 0003", 1, 1, 2, 4, &["2"]),
    ("14_torn_in_chain 0001", 1, 4, 8, 15, &["2-3", "1-2"]),
    ("15_concurrent 0001", 1, 240, 720, 1200, &["2-241"]),
    ("15_concurrent_incr 0001", 1, 4, 12, 20, &["2-5"]),
    ("15_concurrent_incr 0002", 4, 13, 39, 65, &["6-18"]),
    ("15_concurrent_incr 0003", 16, 12, 36, 60, &["19-30"]),
    ("15_concurrent_incr 0004", 30, 12, 36, 60, &["31-42"]),
    ("15_concurrent_incr 0005", 42, 15, 45, 75, &["43-57"]),
    ("15_concurrent_incr 0006", 57, 14, 42, 70, &["58-71"]),
    ("15_concurrent_incr 0007", 70, 170, 510, 850, &["72-241"]),
    ("16_direct_api 0001", 1, 4, 4, 12, &["2-5"]),
    ("16_direct_api 0002", 5, 2, 2, 5, &["6"]),
    ("19_mixed_lives 0001", 3, 1, 1, 3, &["4"]),
    ("19_mixed_lives 0003", 1, 1, 3, 5, &["2"]),
    ("20_temporal_schema 0001", 1, 3, 4, 8, &["2"]),
    ("20_temporal_schema 0002", 2, 7, 10, 19, &["3-4"]),
    ("20_temporal_schema 0003", 4, 5, 7, 13, &["5"]),
];

const SOURCES: &[Row] = &[
    ("04_rotation/source", 1, 9, 27, 45, &["2-10"]),
    ("04_rotation/source_midgroup", 1, 9, 27, 45, &["2-10"]),
    ("05_schema/source", 1, 15, 21, 40, &["2-5"]),
    ("07_named_graphs/source", 2, 10, 32, 48, &["3-8"]),
    ("08_torn_tail/source", 0, 5, 15, 25, &["1-5"]),
    ("10_live/source", 4, 5, 9, 18, &["5-8"]),
    ("10_live/source_precheckpoint", 0, 4, 8, 16, &["1-4"]),
    (
        "11_checkpoints_cursor/source_before_incr",
        1,
        3,
        6,
        12,
        &["2-4"],
    ),
    ("12_crash_in_chain/source", 3, 6, 12, 24, &["4-7", "1-2"]),
    ("20_temporal_schema/source", 1, 15, 21, 40, &["2-5"]),
];

#[test]
fn golden_segments_hold_what_was_committed() {
    let mut rows = SEGMENTS.iter();
    for golden in V1.segments() {
        let &(name, base, groups, records, frames, epochs) = rows.next().expect(&golden.path);
        let (fixture, number) = name.split_once(' ').expect("two words");
        let path = format!("{fixture}/backup/backup_incr_{number}.wal");
        assert_eq!(golden.path, path);

        let (found, _, end) = log::summary(&log::body(&golden), base);
        assert_eq!(end.cause, LogEndCause::Clean, "{name}");
        let counts = (found.groups, found.records, found.frames);
        assert_eq!(counts, (groups, records, frames), "{name}");
        assert_eq!(found.epochs, epochs, "{name}");
        assert_eq!(
            found.seals,
            u64::from(fixture == "14_torn_in_chain"),
            "{name}"
        );
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn golden_logs_hold_what_was_committed() {
    for &(source, base, groups, records, frames, epochs) in SOURCES {
        let files = V1.logs_of(source);
        let parts = log::parts(files.iter().map(|file| &file.bytes[..]));
        let (found, _, end) = log::summary(&parts, base);
        assert_eq!(end.cause, LogEndCause::Clean, "{source}");
        let counts = (found.groups, found.records, found.frames);
        assert_eq!(counts, (groups, records, frames), "{source}");
        assert_eq!(found.epochs, epochs, "{source}");
    }
}

#[test]
fn concurrent_commits_are_all_there() {
    for (fixture, last) in [("15_concurrent", 241), ("15_concurrent_incr", 241)] {
        let segments = V1.segments().into_iter();
        let of_it: Vec<_> = segments.filter(|it| it.fixture() == fixture).collect();
        let bodies = of_it
            .iter()
            .map(|segment| log::slice(&log::body(segment)[0]));
        let (found, state, end) = log::summary(&log::parts(bodies), 1);
        assert_eq!(end.cause, LogEndCause::Clean);
        assert_eq!(found.epochs, [format!("2-{last}")], "{fixture}");
        assert_eq!(state.point().to_string(), format!("1:{last}"));
    }
}

#[test]
fn groups_know_what_is_in_them() {
    let golden = V1.read("05_schema/backup/backup_incr_0002.wal");
    let parts = log::body(&golden);
    let expected = BTreeMap::from(
        [
            ("alter_node_type", 1),
            ("create_constraint", 1),
            ("create_graph_type", 1),
            ("create_index", 1),
            ("create_node", 2),
            ("create_node_type", 1),
            ("set_node_property", 3),
        ]
        .map(|(kind, count)| (kind.to_owned(), count)),
    );
    assert_eq!(log::kinds(&parts), expected);
    let mut indexes = Vec::new();
    for group in log::groups(&parts) {
        let each = |record: LoggedRecord<'_>| {
            if let GraphOperation::Schema(change) =
                record.change.expect("a golden record").operation
                && let SchemaChange::CreateIndex { name, label, .. } = *change
            {
                indexes.push((record.kind.into_owned(), name.to_owned(), label.to_owned()));
            }
            Ok::<_, IoError>(())
        };
        let mut reader = RecordReader::new(&parts);
        reader
            .for_each(GroupSpan::of(&group), each)
            .expect(log::IN_MEMORY);
    }
    let expected = ["create_index", "idx_name", "Person"].map(str::to_owned);
    assert_eq!(indexes, [expected.into()]);
}

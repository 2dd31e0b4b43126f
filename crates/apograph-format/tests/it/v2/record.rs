//! Log records.

use std::collections::BTreeSet;

use apograph_format::change::{GraphChange, GraphOperation, GraphScope, PropertyValue};
use apograph_format::v2::{
    DataType, GroupBegin, Origin, PROLOGUE_BYTES, RawFrame, RawRecord, RecordDefect, RecordKind,
    Records, decode_change,
};
use apograph_format::{Epoch, FormatError, SegmentHeader, UnixMillis};
use apograph_testing::damage;
use apograph_testing::fixtures::V2;
use apograph_testing::truth::Truth;

use super::{log_file, walk};

/// The records of a frame.
fn records<'a>(frame: &RawFrame<'a>) -> Records<'a> {
    let prologue = if frame.flags().is_first() {
        PROLOGUE_BYTES
    } else {
        0
    };
    Records::new(&frame.payload()[prologue..])
}

/// The beginnings of the groups in a log file.
fn begins(file: &[u8]) -> Vec<GroupBegin> {
    let (frames, _) = walk(file);
    let firsts = frames.iter().filter(|frame| frame.flags().is_first());
    let begins = firsts.filter_map(|frame| {
        let record = records(frame).next()?.expect("a record");
        assert_eq!(record.known_kind(), Some(RecordKind::GroupBegin));
        Some(GroupBegin::decode(record.payload).expect("a beginning"))
    });
    begins.collect()
}

#[test]
fn numbers_and_kinds_are_the_same() {
    let mut names = BTreeSet::new();
    for &kind in RecordKind::ALL {
        assert_eq!(RecordKind::from_number(kind.number()), Some(kind));
        assert!(names.insert(kind.to_string()), "{kind}");
    }
    assert_eq!(RecordKind::ALL.len(), 23);
    let known = (0..=u8::MAX).filter(|&number| RecordKind::from_number(number).is_some());
    let known: Vec<u8> = known.collect();
    let listed: Vec<u8> = [1]
        .into_iter()
        .chain(16..=25)
        .chain([32, 33, 40, 41])
        .chain(64..=71)
        .collect();
    assert_eq!(known, listed);
}

#[test]
fn golden_groups_begin_with_their_epoch() {
    /// Fixture, epoch and origin of each group in its increments.
    type Row = (&'static str, &'static [(u64, Origin)]);
    use Origin::{Direct, Schema, Transaction};
    let rows: [Row; 5] = [
        (
            "05_schema",
            &[
                (1, Schema),
                (2, Transaction),
                (2, Schema),
                (3, Transaction),
                (3, Schema),
                (3, Schema),
                (4, Transaction),
                (4, Schema),
                (4, Schema),
                (4, Schema),
                (5, Transaction),
                (5, Schema),
                (5, Schema),
            ],
        ),
        (
            "12_crash_in_chain",
            &[
                (4, Transaction),
                (5, Transaction),
                (6, Transaction),
                (7, Transaction),
                (8, Transaction),
                (9, Transaction),
            ],
        ),
        (
            "14_torn_in_chain",
            &[(2, Transaction), (3, Transaction), (4, Transaction)],
        ),
        (
            "16_direct_api",
            &[
                (2, Direct),
                (3, Direct),
                (4, Direct),
                (5, Direct),
                (5, Schema),
                (6, Direct),
                (6, Schema),
            ],
        ),
        (
            "18_sync_markers",
            &[
                (2, Transaction),
                (3, Transaction),
                (4, Transaction),
                (5, Transaction),
            ],
        ),
    ];
    let files = V2.wal_segments();
    for (fixture, expected) in rows {
        let of_it = |path: &str| path.starts_with(fixture) && path.contains("/backup/");
        let pieces = files.iter().filter(|golden| of_it(&golden.path));
        let found: Vec<_> = pieces
            .flat_map(|golden| begins(&golden.bytes))
            .map(|begin| (begin.epoch.get(), begin.origin))
            .collect();
        assert_eq!(found, expected, "{fixture}");
    }
}

#[test]
fn golden_groups_agree_with_the_truth() {
    let files = V2.wal_segments();
    let mut groups = 0;
    for segment in V2.segments() {
        let header = SegmentHeader::decode(&segment.bytes).expect(&segment.path);
        let pieces = files.iter().filter(|golden| golden.path == segment.path);
        let begins: Vec<GroupBegin> = pieces.flat_map(|it| begins(&it.bytes)).collect();
        assert_eq!(begins.len() as u64, header.count, "{}", segment.path);
        assert!(begins.is_sorted_by_key(|it| it.epoch), "{}", segment.path);
        let times = begins.iter().map(|it| it.committed_at);
        assert!(times.is_sorted(), "{}", segment.path);
        let last = begins.last().map_or(0, |begin| begin.epoch.get());
        let end = header.end_epoch.get();
        match segment.path.as_str() {
            // Transactions that change nothing take an epoch, and no place in the log.
            "06_transactions/backup/backup_incr_0001.wal" => assert_eq!((last, end), (2, 4)),
            // The engine looks at its epoch before it goes on to the next log file.
            path if path.starts_with("15_concurrent_incr/") => assert!(last >= end, "{path}"),
            path => assert_eq!(last, end, "{path}"),
        }

        // Every epoch that a group has was the current one of the live database after some step.
        let truth = Truth::of(V2, segment.fixture());
        let seen: BTreeSet<u64> = truth.states.iter().map(|state| state.epoch).collect();
        let is_seen = |begin: &GroupBegin| seen.contains(&begin.epoch.get());
        let is_concurrent = segment.fixture() == "15_concurrent_incr";
        assert!(
            is_concurrent || begins.iter().all(is_seen),
            "{}",
            segment.path
        );
        groups += begins.len();
    }
    assert_eq!(groups, 359);
}

#[test]
fn the_example_in_the_format_document_is_read() {
    let file = log_file();
    let (frames, _) = walk(&file);
    let read = records(&frames[0]).collect::<Result<Vec<_>, _>>();
    let [begin, node] = read.expect("records")[..] else {
        panic!("two records");
    };
    let begin = GroupBegin::decode(begin.payload).expect("a beginning");
    assert_eq!(begin.epoch, Epoch::new(3));
    assert_eq!(begin.committed_at, UnixMillis::new(0x1a1_fd00_9782));
    assert_eq!(begin.origin, Origin::Transaction);
    assert_eq!(node.known_kind(), Some(RecordKind::CreateNode));
    assert_eq!(node.payload.len(), 18);
}

#[test]
fn records_are_read_or_refused() {
    type Row = (&'static [u8], Result<&'static [u8], RecordDefect>);
    let truncated = |need, have| Err(RecordDefect::Truncated { need, have });
    let rows: [Row; 16] = [
        (b"", Ok(&[])),
        (b"\x10\x01\x02\0\0\0ab", Ok(&[16])),
        (b"\x10\x00\0\0\0\0", Ok(&[16])),
        (b"\x10\x01\0\0\0\0\x11\x01\0\0\0\0", Ok(&[16, 17])),
        // Bits 4 to 7 are ignored, and so is an unknown kind that is not required.
        (b"\x10\xf1\0\0\0\0", Ok(&[16])),
        (b"\x02\x00\x03\0\0\0abc\x10\x01\0\0\0\0", Ok(&[2, 16])),
        (b"\xff\xf0\0\0\0\0", Ok(&[255])),
        (b"\x00\x01\0\0\0\0", Err(RecordDefect::KindZero)),
        (b"\x00\x00\0\0\0\0", Err(RecordDefect::KindZero)),
        (
            b"\x02\x01\0\0\0\0",
            Err(RecordDefect::UnknownRequired { kind: 2 }),
        ),
        (
            b"\xff\xf1\0\0\0\0",
            Err(RecordDefect::UnknownRequired { kind: 255 }),
        ),
        (
            b"\x10\x03\0\0\0\0",
            Err(RecordDefect::UnknownFlags { flags: 3 }),
        ),
        (
            b"\x10\x08\0\0\0\0",
            Err(RecordDefect::UnknownFlags { flags: 8 }),
        ),
        (b"\x10\x01\0\0\0", truncated(6, 5)),
        (b"\x10\x01\x03\0\0\0ab", truncated(9, 8)),
        (b"\x10\x01\xff\xff\xff\xff", truncated(4_294_967_301, 6)),
    ];
    for (payload, expected) in rows {
        let kinds: Result<Vec<u8>, _> = Records::new(payload)
            .map(|record| record.map(|record| record.kind))
            .collect();
        let expected = expected.map(<[u8]>::to_vec);
        assert_eq!(kinds, expected, "{payload:02x?}");
    }
}

#[test]
fn nothing_follows_a_refused_record() {
    let mut records = Records::new(b"\x10\x01\0\0\0\0\0\0\0\0\0\0\x10\x01\0\0\0\0");
    assert!(matches!(records.next(), Some(Ok(_))));
    assert_eq!(records.next(), Some(Err(RecordDefect::KindZero)));
    assert_eq!(records.next(), None);
}

#[test]
fn a_newer_version_may_explain_some_defects() {
    let rows = [
        (RecordDefect::KindZero, false),
        (RecordDefect::Truncated { need: 6, have: 5 }, false),
        (RecordDefect::NoGroupBegin, false),
        (RecordDefect::SecondGroupBegin, false),
        (RecordDefect::UnknownRequired { kind: 2 }, true),
        (RecordDefect::UnknownFlags { flags: 2 }, true),
    ];
    for (defect, expected) in rows {
        assert_eq!(defect.is_unsupported(), expected, "{defect}");
    }
}

#[test]
fn a_group_begin_is_three_numbers_and_no_more() {
    /// Payload; epoch, time and origin where it is a beginning.
    type Row = (&'static [u8], Option<(u64, u64, Origin)>);
    let begin = b"\x03\xfd\x82\x97\0\xfd\xa1\x01\0\0\0";
    assert!(GroupBegin::decode(begin).is_ok());
    damage::every_cut(begin, |bytes| {
        let error = GroupBegin::decode(bytes).expect_err("a cut beginning");
        assert_eq!(error.code(), "malformed");
    });
    let rows: [Row; 9] = [
        (b"\0\0\0", Some((0, 0, Origin::Transaction))),
        (b"\x01\x02\x01", Some((1, 2, Origin::Statement))),
        (b"\x01\x02\x02", Some((1, 2, Origin::Direct))),
        (b"\x01\x02\x03", Some((1, 2, Origin::Schema))),
        (b"\xfb\x2c\x01\x02\x04", Some((300, 2, Origin::Bulk))),
        (b"\x01\x02\x05", None),
        (b"\x01\x02\x03\0", None),
        (b"\xff\x02\x03", None),
        (b"\xfe\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x03", None),
    ];
    for (payload, expected) in rows {
        let found = GroupBegin::decode(payload).ok();
        let found = found.map(|it| (it.epoch.get(), it.committed_at.get(), it.origin));
        assert_eq!(found, expected, "{payload:02x?}");
    }
}

fn decoded(kind: RecordKind, payload: &[u8]) -> Result<GraphChange<'_>, FormatError> {
    let kind = kind.number();
    decode_change(&RawRecord { kind, payload })
}

/// Sets property `k` of node 7 in the default graph to a value of these bytes.
fn with_value(value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("a short value");
    [&[0, 7, 1, b'k', length], value].concat()
}

#[test]
fn values_are_what_their_bytes_say() {
    type Value = PropertyValue<'static>;
    let rows: [(&[u8], Value); 9] = [
        (&[0], Value::Null),
        (&[1, 1], Value::Bool(true)),
        (
            &[2, 0xfe, 255, 255, 255, 255, 255, 255, 255],
            Value::Int64(-2),
        ),
        (&[3, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f], Value::Float64(1.5)),
        (&[4, 1, 0, 0, 0, b'x'], Value::String("x".into())),
        (&[6, 255, 255, 255, 255], Value::Date(-1)),
        (
            &[12, 1, 0, 0, 0, 1, 0, 0, 0, b'a', 0],
            Value::Map(vec![("a".into(), Value::Null)]),
        ),
        // Tag 19 is not known, alone and in a list.
        (&[19, 1, 2], Value::Undecoded((&[19, 1, 2][..]).into())),
        (
            &[11, 1, 0, 0, 0, 19],
            Value::Undecoded((&[11, 1, 0, 0, 0, 19][..]).into()),
        ),
    ];
    for (bytes, expected) in rows {
        let payload = with_value(bytes);
        let change = decoded(RecordKind::SetNodeProperty, &payload).expect("a record");
        let found = change.operation.properties().next();
        assert_eq!(found, Some(("k", &expected)), "{bytes:?}");
    }
}

#[test]
fn a_value_is_one_and_whole() {
    let rows: [&[u8]; 9] = [
        &[],
        &[0, 0],
        &[1, 2],
        &[4, 255, 255, 255, 255],
        &[11, 255, 255, 255, 255],
        &[13, 255, 255, 255, 255],
        // A time of a whole day, and one without an offset that has one.
        &[7, 0, 0, 0x4f, 0x91, 0x94, 0x4e, 0, 0, 0, 0, 0, 0, 0],
        &[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        // Names that do not grow.
        &[12, 2, 0, 0, 0, 1, 0, 0, 0, b'b', 0, 1, 0, 0, 0, b'a', 0],
    ];
    for bytes in rows {
        let payload = with_value(bytes);
        let change = decoded(RecordKind::SetNodeProperty, &payload);
        assert!(change.is_err(), "{bytes:?}: {change:?}");
    }
}

#[test]
fn a_record_names_its_graph_and_no_more() {
    let scope = |payload| decoded(RecordKind::DeleteNode, payload).map(|change| change.scope);
    assert_eq!(scope(&[0, 7]), Ok(GraphScope::Default));
    assert_eq!(scope(&[1, 1, b'g', 7]), Ok(GraphScope::Named("g")));
    for refused in [&[][..], &[0], &[2, 7], &[0, 7, 0], &[1, 9, b'g', 7]] {
        assert!(scope(refused).is_err(), "{refused:?}");
    }
    let reserved = RawRecord {
        kind: 34,
        payload: b"abc",
    };
    let unknown = decode_change(&reserved).expect("a record that may be passed over");
    let expected = GraphOperation::Unknown {
        kind: 34,
        payload: b"abc",
    };
    assert_eq!(
        (unknown.scope, unknown.operation),
        (GraphScope::Database, expected)
    );
}

#[test]
fn data_types_have_names() {
    let name = |list_levels, code| DataType { list_levels, code }.to_string();
    assert_eq!(name(0, 1), "INT64");
    assert_eq!(name(2, 0), "LIST<LIST<STRING>>");
    assert_eq!(name(0, 0x0001_0a02), "TYPE_68098");
    assert_eq!(name(0, 0x0100_0a02), "DECIMAL(10, 2)");
    assert_eq!(name(0, 17), "TYPE_17");
}

//! Log records by their tags.

use std::collections::BTreeSet;

use apograph_format::change::{GraphChange, GraphOperation, GraphScope, PropertyValue};
use apograph_format::v1::{FrameDefect, RawFrame, Record, RecordKind, SchemaChange, decode_change};
use apograph_format::{Epoch, NodeId, TransactionId};
use apograph_testing::damage;
use apograph_testing::encoding::v1::frame;
use apograph_testing::fixtures::V1;

fn record(payload: &[u8]) -> Result<Record, FrameDefect> {
    Record::of(&RawFrame::parse(&frame(payload)).expect("a frame"))
}

#[test]
fn tags_and_kinds_are_the_same() {
    let mut names = BTreeSet::new();
    for (tag, &kind) in (0_u8..).zip(RecordKind::ALL) {
        assert_eq!(kind as u8, tag);
        assert_eq!(RecordKind::from_tag(tag), Some(kind));
        assert!(names.insert(kind.to_string()), "{kind}");
        assert_eq!(kind.is_control(), (35..=38).contains(&tag), "{kind}");
    }
    assert_eq!(RecordKind::ALL.len(), 40);
    assert!((40..=255).all(|tag| RecordKind::from_tag(tag).is_none()));
}

#[test]
fn control_records_are_read() {
    let rows: [(&[u8], Record); 7] = [
        (b"\x23\x03", Record::Commit(TransactionId::new(3))),
        (b"\x23\xfa", Record::Commit(TransactionId::new(250))),
        (b"\x23\xfb\xfb\0", Record::Commit(TransactionId::new(251))),
        (
            b"\x24\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
            Record::Abort(TransactionId::INVALID),
        ),
        (b"\x25\x01", Record::Checkpoint(TransactionId::SYSTEM)),
        (b"\x26\x02", Record::EpochAdvance(Epoch::new(2))),
        (
            b"\x26\xfc\0\0\x01\0",
            Record::EpochAdvance(Epoch::new(65536)),
        ),
    ];
    for (payload, expected) in rows {
        assert_eq!(record(payload), Ok(expected), "{payload:02x?}");
    }
}

#[test]
fn a_control_record_is_one_number_and_no_more() {
    let rows: [&[u8]; 6] = [
        b"\x23",
        b"\x23\x03\0",
        b"\x23\xff",
        b"\x26\xfb\x01",
        b"\x26\xfe\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x24\xfd\xff\xff\xff\xff\xff\xff\xff",
    ];
    for payload in rows {
        let kind = RecordKind::from_tag(payload[0]).expect("a kind");
        assert_eq!(
            record(payload),
            Err(FrameDefect::MalformedRecord { kind }),
            "{payload:02x?}"
        );
    }
}

#[test]
fn the_grammar_of_a_log_decodes_no_data_record() {
    assert_eq!(
        record(b"\x04\xff\xff"),
        Ok(Record::Data(RecordKind::SetNodeProperty))
    );
}

fn schema(payload: &[u8]) -> SchemaChange<'_> {
    match decode_change(payload) {
        Ok(Some(GraphChange {
            scope: GraphScope::Database,
            operation: GraphOperation::Schema(change),
            extra_bytes: 0,
        })) => *change,
        other => panic!("{other:?} in {payload:02x?}"),
    }
}

#[test]
fn index_records_of_golden_logs_are_read() {
    let create = SchemaChange::CreateIndex {
        name: "idx_name",
        label: "Person",
        property: "name",
        index_type: "property",
    };
    let rows = [
        ("05_schema", vec![create.clone()]),
        ("20_temporal_schema", vec![create]),
        ("16_direct_api", vec![]),
        ("09_values", vec![]),
    ];
    for (fixture, expected) in rows {
        let mut found = Vec::new();
        let segments = V1.segments();
        let segments = segments.iter().filter(|golden| golden.fixture() == fixture);
        for golden in segments {
            let mut rest = &golden.bytes[32..];
            while let Ok(frame) = RawFrame::parse(rest) {
                rest = &rest[frame.bytes().len()..];
                if matches!(
                    frame.kind(),
                    RecordKind::CreateIndex | RecordKind::DropIndex
                ) {
                    found.push(schema(frame.payload()));
                }
            }
        }
        assert_eq!(found, expected, "{fixture}");
    }
}

#[test]
fn index_records_are_whole() {
    let create = b"\x0e\x01n\x01L\x01p\x05btree";
    assert!(matches!(schema(create), SchemaChange::CreateIndex { .. }));
    damage::every_cut(create, |payload| match decode_change(payload) {
        Ok(record) => panic!("{record:?} in {payload:02x?}"),
        Err(error) => assert_eq!(error.code().as_str(), "malformed"),
    });
    assert_eq!(schema(b"\x0f\x01n"), SchemaChange::DropIndex { name: "n" });
}

#[test]
fn a_text_is_not_longer_than_its_record() {
    for payload in [
        &b"\x0f\xfd\xff\xff\xff\xff\xff\xff\xff\x7fn"[..],
        b"\x0f\xfc\xff\xff\xff\x7fn",
        b"\x0f\x02\xff\xfe",
        // Lists and vectors, too.
        b"\x00\x01\xfd\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x04\x01\x01k\x0b\xfc\xff\xff\xff\x7f",
        b"\x04\x01\x01k\x0d\xfd\xff\xff\xff\xff\xff\xff\xff\x7f",
    ] {
        assert!(decode_change(payload).is_err(), "{payload:02x?}");
    }
}

#[test]
fn what_is_not_known_is_shown_as_it_is() {
    let unknown = |payload| GraphChange {
        scope: GraphScope::Database,
        operation: GraphOperation::Unknown { kind: 40, payload },
        extra_bytes: 0,
    };
    assert_eq!(decode_change(b"\x28abc"), Ok(Some(unknown(b"abc"))));
    for control in 35..=38 {
        assert_eq!(decode_change(&[control, 1]), Ok(None));
    }
    // A value with tag 19, alone and in a list.
    for value in [&b"\x13abc"[..], b"\x0b\x02\x00\x13ab"] {
        let payload = [b"\x04\x07\x01k", value].concat();
        let expected = GraphChange {
            scope: GraphScope::Switched,
            operation: GraphOperation::SetNodeProperty {
                id: NodeId::new(7),
                key: "k",
                value: PropertyValue::Undecoded(value.into()),
            },
            extra_bytes: 0,
        };
        assert_eq!(decode_change(&payload), Ok(Some(expected)));
    }
    // The engine passes over what stands after the fields.
    let longer = GraphChange {
        scope: GraphScope::Switched,
        operation: GraphOperation::DeleteNode { id: NodeId::new(9) },
        extra_bytes: 2,
    };
    assert_eq!(decode_change(b"\x01\x09\x00\x00"), Ok(Some(longer)));
}

#[test]
fn lists_lie_in_each_other_so_deep_and_no_deeper() {
    for (levels, is_known) in [(1, true), (130, true), (131, false), (100_000, false)] {
        let lists = b"\x0b\x01".repeat(levels);
        let payload = [&b"\x04\x07\x01k"[..], &lists, &[0]].concat();
        let Ok(Some(change)) = decode_change(&payload) else {
            panic!("{levels} levels");
        };
        let (_, value) = change.operation.properties().next().expect("a property");
        let found = matches!(value, PropertyValue::List(_));
        assert_eq!(found, is_known, "{levels} levels");
    }
}

#[test]
fn a_record_of_generation_2_is_one_in_generation_1_too() {
    let inner = b"\x11\x01\x02\0\0\0\x00\x07";
    let payload = [&[39, 8][..], inner].concat();
    let expected = GraphChange {
        scope: GraphScope::Default,
        operation: GraphOperation::DeleteNode { id: NodeId::new(7) },
        extra_bytes: 0,
    };
    assert_eq!(decode_change(&payload), Ok(Some(expected)));
    let twice = [&[39, 16][..], inner, inner].concat();
    for refused in [&payload[..9], &twice, b"\x27\x00"] {
        assert!(decode_change(refused).is_err(), "{refused:02x?}");
    }
}

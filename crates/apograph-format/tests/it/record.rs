//! Log records by their tags.

use std::collections::BTreeSet;

use apograph_format::v1::{FrameDefect, IndexRecord, RawFrame, Record, RecordKind};
use apograph_format::{Epoch, TransactionId};
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
fn data_records_are_not_decoded() {
    assert_eq!(
        record(b"\x04\xff\xff"),
        Ok(Record::Data(RecordKind::SetNodeProperty))
    );
}

#[test]
fn index_records_of_golden_logs_are_read() {
    let create = |name: &str, label: &str, property: &str| IndexRecord::Create {
        name: name.to_owned(),
        label: label.to_owned(),
        property: property.to_owned(),
        index_type: "property".to_owned(),
    };
    let rows = [
        ("05_schema", vec![create("idx_name", "Person", "name")]),
        (
            "20_temporal_schema",
            vec![create("idx_name", "Person", "name")],
        ),
        ("16_direct_api", vec![]),
        ("09_values", vec![]),
    ];
    for (fixture, expected) in rows {
        let mut found = Vec::new();
        let segments = V1.segments().into_iter();
        for golden in segments.filter(|golden| golden.fixture() == fixture) {
            let mut rest = &golden.bytes[32..];
            while let Ok(frame) = RawFrame::parse(rest) {
                rest = &rest[frame.bytes().len()..];
                found.extend(IndexRecord::decode(frame.payload()).expect(fixture));
            }
        }
        assert_eq!(found, expected, "{fixture}");
    }
}

#[test]
fn index_records_are_whole() {
    let create = b"\x0e\x01n\x01L\x01p\x05btree";
    assert!(matches!(
        IndexRecord::decode(create),
        Ok(Some(IndexRecord::Create { .. }))
    ));
    damage::every_cut(create, |payload| match IndexRecord::decode(payload) {
        Ok(None) => assert!(payload.is_empty()),
        Ok(Some(record)) => panic!("{record:?} in {payload:02x?}"),
        Err(error) => assert_eq!((error.code().as_str(), error.offset()), ("malformed", 1)),
    });
    let dropped = IndexRecord::Drop { name: "n".into() };
    assert_eq!(IndexRecord::decode(b"\x0f\x01n"), Ok(Some(dropped)));
    assert_eq!(IndexRecord::decode(b"\x00\x01\0"), Ok(None));
}

#[test]
fn a_text_is_not_longer_than_its_record() {
    for payload in [
        &b"\x0f\xfd\xff\xff\xff\xff\xff\xff\xff\x7fn"[..],
        b"\x0f\xfc\xff\xff\xff\x7fn",
        b"\x0f\x02\xff\xfe",
    ] {
        assert!(IndexRecord::decode(payload).is_err(), "{payload:02x?}");
    }
}

//! Records of generation 2: they say what the engine's own types say.

mod catalog;
mod changes;
mod values;

use std::collections::BTreeSet;

use apograph_format::change::{GraphOperation, PropertyValue};
use apograph_format::v2::{
    self, CatalogKey, CatalogRecord, PROLOGUE_BYTES, RawFrame, RawRecord, RecordKind, Records,
    WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader,
};
use apograph_testing::encoding;
use apograph_testing::fixtures::V2;
use apograph_testing::strategies::{cases, record_parts};
use grafeo_common::storage::log_record::{LogRecord, read_log_records};
use proptest::prelude::*;

use changes::expected;
use values::vectors;

/// How many records the goldens have beside the beginnings of groups.
const RECORDS: usize = 933;

fn by_the_engine(kind: u8, payload: &[u8]) -> Option<LogRecord> {
    let framed = encoding::v2::record(kind, encoding::v2::REQUIRED, payload);
    let mut found = None;
    let read = read_log_records(&framed, &mut |record| {
        found = Some(record);
        Ok(())
    });
    read.ok().and(found)
}

fn compare(raw: &RawRecord<'_>) {
    let by_the_engine = by_the_engine(raw.kind, raw.payload).expect("a record of the engine");
    let ours = v2::decode_change(raw).expect("a record of the engine");
    let vectors = vectors(&by_the_engine);
    if vectors.is_empty() {
        assert_eq!(Some(ours), expected(&by_the_engine), "{by_the_engine:?}");
        return;
    }
    let found = ours
        .operation
        .properties()
        .filter_map(|(_, value)| match value {
            PropertyValue::Vector(vector) => Some(vector.components().collect::<Vec<_>>()),
            _ => None,
        });
    assert_eq!(found.collect::<Vec<_>>(), vectors, "{by_the_engine:?}");
}

#[test]
fn records_of_goldens_are_what_the_engine_reads() {
    let (mut records, mut kinds) = (0, BTreeSet::new());
    let mut see = |header: &WalSegmentHeader, mut rest: &[u8]| {
        let mut lsn = header.first_lsn;
        while let Ok(frame) = RawFrame::parse(rest, lsn) {
            (lsn, rest) = (frame.end(), &rest[frame.bytes().len()..]);
            if frame.check().is_err() {
                break;
            }
            let front = if frame.flags().is_first() {
                PROLOGUE_BYTES
            } else {
                0
            };
            for record in Records::new(&frame.payload()[front..]) {
                let record = record.expect("a record");
                if record.known_kind() == Some(RecordKind::GroupBegin) {
                    continue;
                }
                compare(&record);
                records += 1;
                kinds.insert(record.known_kind().expect("a known kind").to_string());
            }
        }
    };
    for file in V2.wal_segments() {
        let header = WalSegmentHeader::decode(&file.bytes).expect("a log file");
        see(&header, &file.bytes[WAL_SEGMENT_HEADER_BYTES..]);
    }
    for segment in V2.segments() {
        let body = &segment.bytes[apograph_format::SEGMENT_HEADER_BYTES..];
        for piece in v2::Pieces::new(body) {
            let piece = piece.expect("a piece");
            see(&piece.header, piece.frames);
        }
    }
    println!("{records} records of {} kinds: {kinds:?}", kinds.len());
    assert_eq!(records, RECORDS);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn generated_records_are_what_the_engine_reads(parts in record_parts()) {
        for change in parts.changes_v2() {
            let (kind, payload) = encoding::v2::change(&change);
            match by_the_engine(kind, &payload) {
                Some(_) => compare(&RawRecord { kind, payload: &payload }),
                // It refuses what is not known, and data types that there are none of.
                None => prop_assert!(match &change.operation {
                    GraphOperation::Unknown { .. }
                    | GraphOperation::DropCatalog(CatalogKey::Unknown { .. }) => true,
                    GraphOperation::PutCatalog(record) => matches!(
                        &**record,
                        CatalogRecord::NodeType { .. } | CatalogRecord::EdgeType { .. }
                    ),
                    _ => false,
                }, "{change:?}"),
            }
        }
    }
}

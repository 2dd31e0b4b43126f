//! Records of logs.

use apograph_format::change::GraphChange;
use apograph_format::v1::RecordKind;
use apograph_format::v2::RawRecord;
use apograph_format::{v1, v2};

use crate::encoding;

/// A record of generation 1: what is read of it is read again where it is written.
///
/// # Panics
///
/// Where that is not so.
pub fn records(data: &[u8]) {
    let Ok(Some(change)) = v1::decode_change(data) else {
        return;
    };
    assert_eq!(v1::element_of(data), change.operation.element());
    // It holds one of generation 2.
    if data.first().copied() == Some(RecordKind::Standalone as u8) {
        return;
    }
    let written = encoding::v1::record(&change);
    let extra_bytes = usize::try_from(change.extra_bytes).expect("bytes that are there");
    assert!(extra_bytes < data.len());
    let again = v1::decode_change(&written).expect("what was written");
    let again = again.expect("no control record");
    check_same(
        change.extra_bytes,
        &again,
        encoding::v1::record(&again) == written,
    );
}

fn check_same(extra_bytes: u64, again: &GraphChange<'_>, is_same: bool) {
    assert!(is_same, "{again:?} after {extra_bytes} bytes");
    assert_eq!(again.extra_bytes, 0);
}

/// A record of generation 2, its kind first: what is read of it is read again where it is written.
///
/// # Panics
///
/// Where that is not so.
pub fn records_v2(data: &[u8]) {
    let Some((&kind, payload)) = data.split_first() else {
        return;
    };
    let record = RawRecord { kind, payload };
    let Ok(change) = v2::decode_change(&record) else {
        return;
    };
    assert_eq!(v2::element_of(&record), change.operation.element());
    let (written_kind, written) = encoding::v2::change(&change);
    assert_eq!(written_kind, kind);
    let again = RawRecord {
        kind,
        payload: &written,
    };
    let again = v2::decode_change(&again).expect("what was written");
    check_same(0, &again, encoding::v2::change(&again).1 == written);
}

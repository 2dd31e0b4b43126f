//! What a manifest says of one segment.

use apograph_format::{Crc32, Epoch, Lsn, SegmentKind, UnixMillis};
use apograph_manifest::{FileName, Manifest, Segment, Unknown};
use apograph_testing::fixtures::V2;
use serde_json::{Map, Value};

/// A segment of a golden repository.
fn segment() -> Segment {
    let golden = V2.read("02_chain40/backup/backup_manifest.json");
    let manifest = Manifest::decode(&golden.bytes, golden.path.as_ref()).expect(&golden.path);
    let mut segments = manifest.segments.into_iter();
    segments.next().expect("a segment")
}

fn unknown() -> Unknown {
    let note = ("note".to_owned(), Value::from(5));
    Unknown::from(Map::from_iter([note]))
}

#[test]
fn segments_are_the_same_where_all_that_is_known_of_them_is() {
    type Change = fn(&mut Segment);
    let changes: [(&str, Change); 8] = [
        ("kind", |it| it.kind = SegmentKind::Incremental),
        ("file", |it| {
            it.file = FileName::try_from("another".to_owned()).expect("a name");
        }),
        ("start epoch", |it| it.start_epoch = Epoch::new(99)),
        ("end epoch", |it| it.end_epoch = Epoch::new(99)),
        ("checksum", |it| it.checksum = Crc32::new(99)),
        ("size", |it| it.size_bytes = 99),
        ("time", |it| it.created_at = UnixMillis::new(99)),
        ("end LSN", |it| it.end_lsn = Some(Lsn::new(99))),
    ];
    for (what, change) in changes {
        let mut other = segment();
        change(&mut other);
        assert!(!segment().is_same(&other), "{what}");
        assert!(!other.is_same(&segment()), "{what}");
    }
    let mut other = segment();
    other.unknown = unknown();
    assert!(segment().is_same(&other));
}

#[test]
fn unknown_fields_are_counted_until_they_are_forgotten() {
    let mut unknown = unknown();
    assert_eq!((unknown.len(), unknown.is_empty()), (1, false));
    unknown.clear();
    assert_eq!((unknown.len(), unknown.is_empty()), (0, true));
    assert_eq!(unknown, Unknown::new());
    assert_eq!(unknown, Unknown::from(Map::new()));
}

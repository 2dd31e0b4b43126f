//! JSON cursors.

use std::path::Path;

use apograph_format::{Epoch, LogSequence, Lsn, UnixMillis};
use apograph_manifest::{Cursor, Keep, ManifestError, Unknown};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::{damage, fuzz};

fn decode(bytes: &[u8]) -> Result<Cursor, ManifestError> {
    Cursor::decode(bytes, Path::new("cursor"))
}

fn from_lsn(lsn: u64) -> Keep {
    Keep::FromLsn(Some(Lsn::new(lsn)))
}

#[test]
fn golden_cursors_say_what_they_say() {
    // Source, backed up epoch, the LSN from which on the log is needed.
    let rows = [
        ("04_rotation/source", 10, 1046),
        ("05_schema/source", 5, 1188),
        ("07_named_graphs/source", 8, 1019),
        ("11_checkpoints_cursor/source_before_incr", 1, 74),
        ("12_crash_in_chain/source", 9, 666),
    ];
    assert_eq!(V2.cursors().len(), rows.len());
    for (source, epoch, lsn) in rows {
        let golden = V2.read(&format!("{source}/src.grafeo.wal/backup_cursor.meta"));
        let cursor = decode(&golden.bytes).expect(source);
        assert_eq!(cursor.backed_up_epoch, Epoch::new(epoch), "{source}");
        assert_eq!(cursor.keep, from_lsn(lsn), "{source}");
        assert!(cursor.written_at > UnixMillis::new(1_700_000_000_000));
        assert!(cursor.unknown.is_empty() && !cursor.is_wide, "{source}");
        assert_eq!(cursor.encode(), golden.bytes, "{source}");
    }
}

#[test]
fn a_cursor_of_ours_is_written_as_the_engine_does() {
    let golden =
        V2.read("11_checkpoints_cursor/source_before_incr/src.grafeo.wal/backup_cursor.meta");
    let now = UnixMillis::new(1_795_246_036_865);
    let cursor = Cursor::from_lsn(Epoch::new(1), Lsn::new(74), now, &Unknown::new());
    assert_eq!(cursor.encode(), golden.bytes);
    assert_eq!(decode(&golden.bytes).expect("a cursor"), cursor);
}

#[test]
fn cursors_are_read_or_refused() {
    let numbers = r#""backed_up_epoch":1,"log_sequence":0,"timestamp_ms":7"#;
    let rows = [
        (format!("{{{numbers},\"wal_lsn\":74}}"), Some(from_lsn(74))),
        (format!("{{{numbers},\"wal_lsn\":0}}"), Some(from_lsn(0))),
        (
            format!("{{{numbers},\"wal_lsn\":18446744073709551615}}"),
            Some(from_lsn(u64::MAX)),
        ),
        // Generation 1 left it after, or 0.6.0 wrote it.
        (format!("{{{numbers}}}"), Some(Keep::FromLsn(None))),
        (
            format!("{{{numbers},\"wal_lsn\":null}}"),
            Some(Keep::FromLsn(None)),
        ),
        (
            format!("{{ {numbers}\n, \"more\": [5] }}\n"),
            Some(Keep::FromLsn(None)),
        ),
        (format!("{{{numbers},\"wal_lsn\":-1}}"), None),
        (format!("{{{numbers},\"wal_lsn\":\"74\"}}"), None),
        (format!("{{{numbers},\"wal_lsn\":7.5}}"), None),
        (format!("{{{numbers},{numbers}}}"), None),
        (format!("{{{numbers}}}}}"), None),
        (format!("{{{numbers}"), None),
        (format!("[{{{numbers}}}]"), None),
        (r#"{"backed_up_epoch":1,"log_sequence":0}"#.to_owned(), None),
        (r#"{"log_sequence":0,"timestamp_ms":7}"#.to_owned(), None),
        (r#"{"backed_up_epoch":1,"timestamp_ms":7}"#.to_owned(), None),
        ("{}".to_owned(), None),
        ("null".to_owned(), None),
    ];
    for (text, expected) in rows {
        let found = decode(text.as_bytes());
        match (&found, expected) {
            (Ok(cursor), Some(keep)) => assert_eq!(cursor.keep, keep, "{text}"),
            (Err(error), None) => assert_eq!(error.code(), "corrupt-cursor", "{text}"),
            _ => panic!("{text}: {found:?}"),
        }
    }
}

#[test]
fn unknown_fields_are_kept() {
    let text = r#"{
  "backed_up_epoch": 1,
  "log_sequence": 0,
  "wal_lsn": 74,
  "timestamp_ms": 7,
  "holder": "someone",
  "load": 1.5444444444444443,
  "slots": [
    1,
    {
      "x": null
    }
  ]
}"#;
    let cursor = decode(text.as_bytes()).expect("a cursor");
    assert_eq!(cursor.unknown.len(), 3);
    assert_eq!(String::from_utf8(cursor.encode()).expect("text"), text);

    let (epoch, lsn) = (Epoch::new(3), Lsn::new(222));
    let ours = Cursor::from_lsn(epoch, lsn, UnixMillis::new(9), &cursor.unknown);
    assert_eq!(ours.unknown, cursor.unknown);
    assert_eq!(decode(&ours.encode()).expect("a cursor"), ours);
    let bare = Cursor::from_lsn(epoch, lsn, UnixMillis::new(9), &Unknown::new());
    assert!(ours != bare && bare.unknown.is_empty());
}

#[test]
fn only_a_whole_cursor_is_read() {
    for golden in V2.cursors() {
        damage::every_cut(&golden.bytes, |bytes| match decode(bytes) {
            Err(error) => assert_eq!(error.code(), "corrupt-cursor", "{}", golden.path),
            // A brace, a line break and a space are three numbers to generation 1.
            Ok(cursor) => {
                assert_eq!(bytes, b"{\n ");
                assert_eq!(cursor.keep, Keep::FilesAfter(LogSequence::new(10)));
            }
        });
    }
}

#[test]
fn a_changed_cursor_is_refused_or_says_what_it_says() {
    for golden in V2.cursors() {
        let whole = decode(&golden.bytes).expect(&golden.path);
        damage::every_value(&golden.bytes, |offset, bytes| {
            fuzz::cursor(bytes);
            // One kind of white space is as good as another, and the number of a log file is not
            // looked at where there are LSNs.
            let is_space = golden.bytes[offset].is_ascii_whitespace();
            let is_sequence = golden.bytes[..offset].ends_with(b"\"log_sequence\": ");
            let unchanged = decode(bytes).is_ok_and(|cursor| cursor == whole);
            assert!(
                !unchanged || is_space || is_sequence,
                "{}, byte {offset}",
                golden.path
            );
        });
    }
}

/// The number 123 is a brace: a cursor of generation 1 is not taken for JSON.
#[test]
fn a_cursor_of_generation_1_may_begin_with_a_brace() {
    let cursor = Cursor {
        backed_up_epoch: Epoch::new(123),
        keep: Keep::FilesAfter(LogSequence::new(34)),
        written_at: UnixMillis::new(125),
        is_wide: false,
        unknown: Unknown::new(),
    };
    assert_eq!(cursor.encode(), b"{\"}");
    assert_eq!(decode(b"{\"}").expect("a cursor"), cursor);
    for golden in V1.cursors() {
        let keep = decode(&golden.bytes).expect(&golden.path).keep;
        assert!(matches!(keep, Keep::FilesAfter(_)), "{}", golden.path);
    }
}

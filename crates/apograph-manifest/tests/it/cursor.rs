//! Cursors.

use std::path::Path;

use apograph_format::{Epoch, LogSequence, UnixMillis};
use apograph_manifest::{Cursor, Keep, ManifestError};
use apograph_testing::errors::told;
use apograph_testing::fixtures::V1;
use apograph_testing::{damage, fuzz};

fn decode(bytes: &[u8]) -> Result<Cursor, ManifestError> {
    Cursor::decode(bytes, Path::new("cursor"))
}

#[test]
fn golden_cursors_say_what_they_say() {
    // Source, backed up epoch, the last log file that is not needed.
    let rows = [
        ("04_rotation/source", 10, 5),
        ("05_schema/source", 5, 3),
        ("07_named_graphs/source", 8, 3),
        ("11_checkpoints_cursor/source_before_incr", 1, 0),
        ("12_crash_in_chain/source", 2, 2),
        ("20_temporal_schema/source", 5, 3),
    ];
    assert_eq!(V1.cursors().len(), rows.len());
    for (source, epoch, sequence) in rows {
        let golden = V1.read(&format!("{source}/src.grafeo.wal/backup_cursor.meta"));
        let cursor = decode(&golden.bytes).expect(source);
        assert_eq!(cursor.backed_up_epoch, Epoch::new(epoch), "{source}");
        assert_eq!(
            cursor.keep,
            Keep::FilesAfter(LogSequence::new(sequence)),
            "{source}"
        );
        assert!(cursor.written_at > UnixMillis::new(1_700_000_000_000));
        assert_eq!(cursor.encode(), golden.bytes, "{source}");
    }
}

#[test]
fn a_cursor_of_ours_has_27_bytes() {
    let now = UnixMillis::new(0x1a1_fd00_968d);
    let bytes = b"\xfd\x01\0\0\0\0\0\0\0\xfd\x2c\x01\0\0\0\0\0\0\xfd\x8d\x96\0\xfd\xa1\x01\0\0";
    let ours = Cursor::note(Epoch::new(1), Keep::FilesAfter(LogSequence::new(300)), now);
    assert_eq!(ours.encode(), bytes);
    assert_eq!(decode(bytes).expect("a cursor"), ours);
    damage::every_cut(bytes, |bytes| assert!(decode(bytes).is_err()));
}

#[test]
fn keeping_all_files_is_a_byte_that_begins_no_number() {
    let now = UnixMillis::new(0x1a1_fd00_968d);
    let ours = Cursor::note(Epoch::new(1), Keep::AllFiles, now);
    let bytes = b"\xff\x01\0\0\0\0\0\0\0\xfd\0\0\0\0\0\0\0\0\xfd\x8d\x96\0\xfd\xa1\x01\0\0";
    assert_eq!(ours.encode(), bytes);
    assert_eq!(decode(bytes).expect("a cursor"), ours);
    damage::every_cut(bytes, |bytes| assert!(decode(bytes).is_err()));
}

#[test]
fn only_a_whole_cursor_is_read() {
    for golden in V1.cursors() {
        damage::every_cut(&golden.bytes, |bytes| {
            let error = decode(bytes).expect_err("a cut cursor");
            assert_eq!(error.code(), "corrupt-cursor", "{}", golden.path);
        });
        for byte in [0, 5, 255] {
            let mut longer = golden.bytes.clone();
            longer.push(byte);
            let error = told(&decode(&longer).expect_err("a long cursor"));
            assert_eq!(error, "cursor is damaged: 1 bytes after its end");
        }
    }
}

#[test]
fn a_changed_cursor_is_refused_or_says_what_it_says() {
    for golden in V1.cursors() {
        let whole = decode(&golden.bytes).expect(&golden.path);
        damage::every_value(&golden.bytes, |offset, bytes| {
            fuzz::cursor(bytes);
            assert!(decode(bytes).ok().as_ref() != Some(&whole), "byte {offset}");
        });
    }
}

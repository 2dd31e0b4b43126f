//! Files as slices.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use apograph_io::{Folder, Mapped};
use tempfile::NamedTempFile;

/// What a snapshot reads at a time.
const PIECE_BYTES: usize = 256 << 10;

#[test]
fn a_snapshot_is_the_whole_file_and_stays_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    for length in [
        0,
        1,
        PIECE_BYTES - 1,
        PIECE_BYTES,
        PIECE_BYTES + 1,
        3 * PIECE_BYTES + 17,
    ] {
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        fs::write(&path, &bytes).expect("a file");
        let options = File::options().read(true).write(true).open(&path);
        let mut file = options.expect("a file");
        file.seek(SeekFrom::End(0)).expect("the end");
        let snapshot = Mapped::snapshot(&file, &path).expect("a snapshot");
        let mapped = Mapped::of(&file, &path).expect("a file");
        assert!(*mapped == bytes, "{length}");
        drop(mapped);
        file.write_all_at(b"another", 0).expect("a write");
        file.set_len(3).expect("a length");
        assert!(*snapshot == bytes, "{length}");
    }
}

fn copied(bytes: &[u8], unread: Range<u64>) -> Vec<u8> {
    let file = NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), bytes).expect("a write");
    let copy = Mapped::snapshot_without(file.as_file(), Path::new("it"), unread);
    let copy = copy.expect("a copy");
    // What happens to the file does not matter any more.
    fs::write(file.path(), "other").expect("a write");
    copy.to_vec()
}

#[test]
fn a_snapshot_has_all_bytes_but_those_that_are_not_read() {
    let whole: Vec<u8> = (1..=200).cycle().take(700 << 10).collect();
    for length in [0, 1, 128, 200, 256 << 10, (256 << 10) + 1, whole.len()] {
        let bytes = &whole[..length];
        assert_eq!(copied(bytes, 0..0), bytes);
        for unread in [
            0..1,
            128..128,
            128..200,
            0..1 << 18,
            128..600 << 10,
            300 << 10..1 << 40,
        ] {
            let mut expected = bytes.to_vec();
            let (start, end) = (
                unread.start.min(length as u64),
                unread.end.min(length as u64),
            );
            let place =
                usize::try_from(start).expect("a length")..usize::try_from(end).expect("a length");
            expected[place].fill(0);
            assert_eq!(
                copied(bytes, unread.clone()),
                expected,
                "{length} {unread:?}"
            );
        }
    }
}

#[test]
fn what_is_almost_all_a_hole_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(folder.path()).expect("a folder");
    for (length, expected) in [(0, false), (1, false), (1 << 30, true)] {
        let file = File::create(folder.at("file").path()).expect("a file");
        file.set_len(length).expect("a length");
        let mapped = folder.at("file").map().expect("a file");
        assert_eq!(mapped.len() as u64, length);
        assert_eq!(mapped.is_hollow(), expected, "{length}");
    }
}

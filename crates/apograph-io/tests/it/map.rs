//! Files as slices.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use apograph_io::{Folder, Mapped};

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

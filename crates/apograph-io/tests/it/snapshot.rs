//! Copies of files that may change.

use std::fs;
use std::ops::Range;
use std::path::Path;

use apograph_io::Mapped;
use tempfile::NamedTempFile;

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
fn a_copy_has_all_bytes_but_those_that_are_not_read() {
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

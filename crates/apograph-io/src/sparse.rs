//! Holes: parts of a file that were never written.
//!
//! A file of a terabyte that holds a few bytes is made in no time, and takes minutes to read. What
//! a copy makes of zeros is a hole too, so some holes are normal.

use std::fs::File;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// A file under this many bytes is read in no time, whatever it is.
const LARGE_BYTES: u64 = 32 << 20;
/// A large file that stores less than one byte of so many is not a segment.
const SHARE: u64 = 16;
/// More stored parts than this are not counted: so many make a file of some size.
const STRETCHES_MAX: usize = 1 << 12;

/// Whether a file of that length is large, and almost all of it a hole.
///
/// Where the file system does not tell, it is not. The file's offset changes.
pub(crate) fn is_sparse(file: &File, length: u64) -> bool {
    if length < LARGE_BYTES {
        return false;
    }
    let (mut stored, mut offset) = (0_u64, 0);
    for _ in 0..STRETCHES_MAX {
        let data = match seek(file, SeekFrom::Data(offset)) {
            Ok(data) => data,
            Err(error) => return error == Errno::NXIO,
        };
        let Ok(hole) = seek(file, SeekFrom::Hole(data)) else {
            return false;
        };
        stored = stored.saturating_add(hole.saturating_sub(data));
        if stored >= length / SHARE {
            return false;
        }
        offset = hole;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    /// A file that stores so many bytes at its end, after a hole.
    fn sparse(length: u64, stored: u64) -> File {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(length).expect("a length");
        let bytes = vec![1; usize::try_from(stored).expect("a size")];
        let start = length - stored;
        file.write_all_at(&bytes, start).expect("a write");
        file
    }

    #[test]
    fn a_large_file_that_is_almost_all_hole() {
        let share = LARGE_BYTES / SHARE;
        let rows = [
            (LARGE_BYTES - 1, 1, false),
            (LARGE_BYTES, 0, true),
            (LARGE_BYTES, 1, true),
            (LARGE_BYTES, share / 2, true),
            (LARGE_BYTES, share, false),
            (LARGE_BYTES, LARGE_BYTES, false),
            (1 << 40, LARGE_BYTES, true),
        ];
        for (length, stored, expected) in rows {
            let file = sparse(length, stored);
            assert_eq!(is_sparse(&file, length), expected, "{stored} of {length}");
        }
    }

    #[test]
    fn many_small_stretches_count_together() {
        let (stretches, step) = (64, 1 << 20);
        let file = sparse(stretches * step, 0);
        let bytes = vec![1; 1 << 16];
        for index in 0..stretches {
            file.write_all_at(&bytes, index * step).expect("a write");
        }
        assert!(!is_sparse(&file, stretches * step));
    }
}

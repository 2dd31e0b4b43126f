//! Holes: stretches of a file that were never written.
//!
//! A file of a terabyte that holds a few bytes is made in no time, and takes minutes to read. What
//! a copy makes of zeros is a hole too, so some holes are normal.

use std::fs::File;

use rustix::fs::{SeekFrom, seek};

/// A file under this many bytes is read in no time, whatever it is.
const LARGE_BYTES: u64 = 32 << 20;
/// A large file that stores less than one byte of so many is not a segment.
const SHARE: u64 = 16;
/// More stored stretches than this are not counted: so many make a file of some size.
const STRETCHES_MAX: usize = 1 << 12;

/// Whether a file of that length is large, and almost all of it a hole.
///
/// Where the file system does not tell, it is not. The file's offset changes.
pub(crate) fn is_hollow(file: &File, length: u64) -> bool {
    if length < LARGE_BYTES {
        return false;
    }
    let (mut stored, mut offset) = (0_u64, 0);
    for _ in 0..STRETCHES_MAX {
        let data = match seek(file, SeekFrom::Data(offset)) {
            Ok(data) => data,
            Err(error) => return error == rustix::io::Errno::NXIO && stored < length / SHARE,
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

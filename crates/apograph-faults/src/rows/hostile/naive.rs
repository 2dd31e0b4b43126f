//! The control of the hostile repositories: a file read as most programs read one.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Result, ensure};
use apograph::format::{SEGMENT_HEADER_BYTES, v1};

/// Nobody has to run out of memory to see that the reader would.
const ENOUGH_BYTES: u64 = 64 << 20;
/// The test does not wait for a pipe.
const NONBLOCK: i32 = 0o4000;

/// Takes the whole file, and then as much memory as it declares.
pub(super) fn read(path: &Path) -> Result<()> {
    let mut options = File::options();
    let file = options.read(true).custom_flags(NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.take(ENOUGH_BYTES + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= ENOUGH_BYTES,
        "it is larger than {ENOUGH_BYTES} bytes"
    );
    let body = bytes.get(SEGMENT_HEADER_BYTES..).unwrap_or_default();
    let length = body
        .first_chunk()
        .map_or(0, |length| u32::from_le_bytes(*length));
    let declared = u64::from(length) + v1::FRAME_OVERHEAD_BYTES as u64;
    ensure!(declared <= ENOUGH_BYTES, "it declares {declared} bytes");
    Ok(())
}

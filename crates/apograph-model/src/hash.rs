//! The hash of a restored database.

use std::fs;
use std::path::Path;

use apograph_format::Blake3;
use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};

/// The hash of a restored database: of the names and bytes of all its files.
pub(crate) fn hash_of(folder: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    take_files(folder, &mut bytes)?;
    Ok(Blake3::of(&bytes).to_string())
}

/// The names and bytes of all files in a folder, in the order of the names.
fn take_files(folder: &Path, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            take_files(&path, bytes)?;
        } else {
            bytes.extend(path.file_name().unwrap_or_default().as_encoded_bytes());
            let file = fs::read(&path)?;
            // The header of a log file of generation 2 says when it was made.
            let is_log = WalSegmentHeader::decode(&file).is_ok();
            let header_bytes = if is_log { WAL_SEGMENT_HEADER_BYTES } else { 0 };
            bytes.extend(&file[header_bytes..]);
        }
    }
    Ok(())
}

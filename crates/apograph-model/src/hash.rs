//! The hash of a restored database.

use std::fs;
use std::path::Path;

use apograph_format::Blake3;
use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_repository::wal::{GroupReader, LogEvent, LogPart};

/// The hash of a restored database: of the names and bytes of all its files.
pub(crate) fn hash_of(folder: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    take_files(folder, &mut bytes)?;
    Ok(Blake3::of(&bytes).to_string())
}

/// The frames of a log file of generation 2 up to its last commit. Its header says when it was made,
/// and sync markers after that commit are there where all of the segment was needed that they are in.
fn commits<'a>(header: &WalSegmentHeader, frames: &'a [u8]) -> &'a [u8] {
    let parts = [LogPart::of_piece(header, 0, frames)];
    let ends = GroupReader::new(&parts).filter_map(|event| match event {
        Ok(LogEvent::Group(group)) => Some(group.end.offset),
        _ => None,
    });
    &frames[..ends.last().unwrap_or_default()]
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
            match WalSegmentHeader::decode(&file) {
                Ok(header) => bytes.extend(commits(&header, &file[WAL_SEGMENT_HEADER_BYTES..])),
                Err(_) => bytes.extend(&file),
            }
        }
    }
    Ok(())
}

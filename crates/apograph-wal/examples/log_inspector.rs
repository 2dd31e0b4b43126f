//! Prints the commit groups of a log folder or of one log file, and why the log ends.
//!
//! `cargo run --example log_inspector [FOLDER|FILE]`; without either, a log of its own. Needs
//! no backup code: the scanner is enough.

use std::error::Error;
use std::path::{Path, PathBuf};

use apograph_format::LogSequence;
use apograph_wal::{Group, GroupReader, LogEvent, LogFolder, LogPart};

/// INSERT (:T {i:1}), then INSERT (:T {i:2}) of which the last 3 bytes were not written.
const EXAMPLE: &[u8] = b"\x05\0\0\0\0\x01\x01\x01T\xe3\x5e\x41\x0a\x06\0\0\0\x04\x01\x01i\x02\x04\
    \x54\xfb\xd2\xdd\x02\0\0\0\x23\x03\x24\x34\x79\x66\x02\0\0\0\x26\x02\xf7\xf0\x09\x6c\
    \x05\0\0\0\0\x02\x01\x01T\x0d\xf1\xf4\x18\x06\0\0\0\x04\x02\x01i\x02\x06\xa8";

fn main() -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let path = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => example(own.path())?,
    };
    if path.is_dir() {
        let Some(folder) = LogFolder::open(&path)? else {
            return Err(format!("{} is gone", path.display()).into());
        };
        let Some(first) = folder.files().first() else {
            return Err(format!("{} has no log files", path.display()).into());
        };
        print(&folder.from(first.sequence, 0)?.parts);
    } else {
        let bytes = std::fs::read(&path)?;
        print(&[LogPart {
            sequence: LogSequence::default(),
            file_offset: 0,
            bytes: &bytes,
            joints: 0,
        }]);
    }
    Ok(())
}

fn print(parts: &[LogPart<'_>]) {
    let mut groups = GroupReader::new(parts);
    for event in groups.by_ref() {
        match event {
            LogEvent::Group(group) => print_group(parts, &group),
            LogEvent::Seal { .. } => println!("--- a crash; another process goes on ---"),
            LogEvent::LeadingEpoch { epoch, .. } => println!("epoch {epoch} of the group before"),
        }
    }
    if let Some(end) = groups.end() {
        println!("end: {:?}", end.cause);
    }
}

fn print_group(parts: &[LogPart<'_>], group: &Group<'_>) {
    let place = group.start.position(parts);
    let place = place.map_or_else(String::new, |place| place.to_string());
    let epoch = group.epoch.map_or_else(|| "-".into(), |it| it.to_string());
    println!(
        "{place:>8}  epoch {epoch}, transaction {}",
        group.transaction
    );
    for frame in group.frames() {
        println!("          {} ({} bytes)", frame.kind(), frame.bytes().len());
    }
}

/// A log folder with one log file.
fn example(folder: &Path) -> std::io::Result<PathBuf> {
    std::fs::write(folder.join("wal_00000000.log"), EXAMPLE)?;
    Ok(folder.to_owned())
}

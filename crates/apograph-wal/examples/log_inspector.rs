//! Prints the commit groups of a log folder or of one log file, and why the log ends.
//!
//! `cargo run --example log_inspector [FOLDER|FILE]`; without either, a log of its own. Needs
//! no backup code: the scanner is enough.

use std::error::Error;
use std::path::{Path, PathBuf};

use apograph_wal::format::v2::{WAL_SEGMENT_HEADER_BYTES, WAL_SEGMENT_MAGIC, WalSegmentHeader};
use apograph_wal::format::{Generation, LogFolderEntry, LogSequence};
use apograph_wal::io::{Bytes, Source, open_named};
use apograph_wal::{Group, GroupHead, GroupReader, LogEvent, LogFolder, LogPart};

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
        let Some(folder) = LogFolder::open(&path, generation_of(&path)?)? else {
            return Err(format!("{} is gone", path.display()).into());
        };
        let Some(first) = folder.files().first() else {
            return Err(format!("{} has no log files", path.display()).into());
        };
        print(&folder.from(first.start())?.parts)?;
    } else {
        let source = Source::of(open_named(&path)?, &path)?;
        print(&[part_of(source.bytes())?])?;
    }
    Ok(())
}

/// The generation whose names the log files in a folder have.
fn generation_of(folder: &Path) -> std::io::Result<Generation> {
    for entry in folder.read_dir()? {
        let entry = LogFolderEntry::of(&entry?.file_name(), Generation::Two);
        if matches!(entry, LogFolderEntry::Log(_)) {
            return Ok(Generation::Two);
        }
    }
    Ok(Generation::One)
}

/// A log file: one of generation 2 begins with a header, one of generation 1 with a frame.
fn part_of(file: Bytes<'_>) -> Result<LogPart<'_>, Box<dyn Error>> {
    let front = file.slice(0..WAL_SEGMENT_HEADER_BYTES).read()?;
    if front.starts_with(&WAL_SEGMENT_MAGIC) {
        let header = WalSegmentHeader::decode(&front)?;
        let frames = file.skip(WAL_SEGMENT_HEADER_BYTES);
        return Ok(LogPart::of_segment(&header, frames));
    }
    Ok(LogPart::of_file(LogSequence::default(), 0, file))
}

fn print(parts: &[LogPart<'_>]) -> Result<(), Box<dyn Error>> {
    let mut groups = GroupReader::new(parts);
    for event in groups.by_ref() {
        match event? {
            LogEvent::Group(group) => print_group(parts, &group)?,
            LogEvent::Seal { .. } => println!("--- a crash; another process goes on ---"),
            LogEvent::LeadingEpoch { epoch, .. } => println!("epoch {epoch} of the group before"),
            LogEvent::SyncMarker { .. } => println!("--- durable up to here ---"),
        }
    }
    if let Some(end) = groups.end() {
        println!("end: {:?}", end.cause);
    }
    Ok(())
}

fn print_group(parts: &[LogPart<'_>], group: &Group<'_>) -> Result<(), Box<dyn Error>> {
    let place = group.start.position(parts);
    let place = place.map_or_else(String::new, |place| place.to_string());
    let epoch = group.head.epoch();
    let epoch = epoch.map_or_else(|| "-".into(), |it| it.to_string());
    println!(
        "{place:>8}  epoch {epoch}, transaction {}",
        group.transaction
    );
    if let Some(time) = group.head.committed_at() {
        println!("          at {time} ms");
    }
    if group.head == GroupHead::Encrypted {
        println!("          {} encrypted frames", group.frames);
    }
    for (kind, count) in group.kinds()? {
        println!("          {count} {kind}");
    }
    Ok(())
}

/// A log folder with one log file.
fn example(folder: &Path) -> std::io::Result<PathBuf> {
    std::fs::write(folder.join("wal_00000000.log"), EXAMPLE)?;
    Ok(folder.to_owned())
}

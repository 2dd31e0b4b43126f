//! Lists the segments of a backup repository, oldest first, without opening one.
//!
//! `cargo run --example list_repository [FOLDER]`; without a folder, one of its own.

use std::error::Error;
use std::path::{Path, PathBuf};

use apograph_manifest::format::{Crc32, Epoch, SegmentKind, UnixMillis};
use apograph_manifest::io::{Folder, Mode, RealDisk};
use apograph_manifest::{FileName, Manifest, Segment, Unknown, read_manifest, write_manifest};

fn main() -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let repository = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => example(own.path())?,
    };
    let Some(manifest) = read_manifest(&Folder::open(&repository)?)? else {
        println!("{} has no manifest", repository.display());
        return Ok(());
    };
    for segment in &manifest.segments {
        println!(
            "{:<24} {:<11} epochs {} to {}, {} bytes, CRC-32 {}",
            segment.file.as_str(),
            segment.kind.to_string(),
            segment.start_epoch,
            segment.end_epoch,
            segment.size_bytes,
            segment.checksum,
        );
    }
    Ok(())
}

/// A repository with a manifest of two segments.
fn example(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let full = Segment {
        kind: SegmentKind::Full,
        file: FileName::try_from("backup_full_0000.grafeo".to_owned())?,
        start_epoch: Epoch::new(0),
        end_epoch: Epoch::new(3),
        checksum: Crc32::new(0x9860_937f),
        size_bytes: 24_576,
        created_at: UnixMillis::new(1_795_246_036_648),
        end_lsn: None,
        unknown: Unknown::new(),
    };
    let increment = Segment {
        kind: SegmentKind::Incremental,
        file: FileName::try_from("backup_incr_0001.wal".to_owned())?,
        start_epoch: Epoch::new(4),
        end_epoch: Epoch::new(4),
        checksum: Crc32::new(0x5dc6_58df),
        size_bytes: 79,
        created_at: UnixMillis::new(1_795_246_036_649),
        end_lsn: None,
        unknown: Unknown::new(),
    };
    let manifest = Manifest {
        segments: vec![full, increment],
        ..Manifest::default()
    };
    write_manifest(&RealDisk, &Folder::open(folder)?, Mode::PRIVATE, &manifest)?;
    Ok(folder.to_owned())
}

//! Tells what a repository can restore.
//!
//! `cargo run --example contents [REPO]`; without one, of a repository of its own: a full backup,
//! two increments, and a crash of the engine in the second.

use std::error::Error;
use std::path::{Path, PathBuf};

use apograph_repository::{Context, Repository};

const EXAMPLE: [(&str, &[u8]); 4] = [
    (
        "backup_manifest.json",
        include_bytes!("data/backup_manifest.json"),
    ),
    (
        "backup_full_0000.grafeo",
        include_bytes!("data/backup_full_0000.grafeo"),
    ),
    (
        "backup_incr_0001.wal",
        include_bytes!("data/backup_incr_0001.wal"),
    ),
    (
        "backup_incr_0002.wal",
        include_bytes!("data/backup_incr_0002.wal"),
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => example(own.path())?,
    };
    let repository = Repository::open(&folder, Context::default())?;
    let chain = repository.chain();
    println!("segments");
    for entry in chain.entries() {
        let segment = &entry.segment;
        let usable = if entry.unusable.is_none() {
            ""
        } else {
            ", unusable"
        };
        println!("  {}, {} bytes{usable}", segment.file, segment.size_bytes);
    }
    println!("restorable");
    for range in chain.restorable() {
        println!(
            "  timeline {}, epochs {} to {}",
            range.timeline, range.from, range.to
        );
    }
    println!("holes");
    let gaps = chain.gaps().collect::<Vec<_>>();
    for gap in &gaps {
        println!("  {}", gap.cause);
    }
    if gaps.is_empty() {
        println!("  none");
    }
    Ok(())
}

fn example(folder: &Path) -> std::io::Result<PathBuf> {
    for (name, bytes) in EXAMPLE {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(folder.to_owned())
}

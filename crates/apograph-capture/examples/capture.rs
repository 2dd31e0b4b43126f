//! Takes a backup, and shows what a capture says while it works.
//!
//! `cargo run --example capture [DB REPO]`; without them, two backups of a database of its own,
//! with two commits in between.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use apograph_capture::{Captured, Context, Monitor, Options, Threads, capture};

/// A database as the engine has it open, and its log of four commits.
const DATABASE: &[u8] = include_bytes!("data/live.grafeo");
const LOG: &[u8] = include_bytes!("data/wal_00000000.log");
const COMMIT_BYTES: usize = LOG.len() / 4;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match words.as_slice() {
        [database, repository] => back_up(database, repository),
        [] => example(),
        _ => Err("the words are DB REPO".into()),
    }
}

fn back_up(database: &Path, repository: &Path) -> Result<(), Box<dyn Error>> {
    println!("{}", database.display());
    let threads = Threads::default();
    let context = Context {
        threads: &threads,
        ..Context::heard_by(&Phases)
    };
    match capture(database, repository, &Options::default(), context)? {
        Captured::UpToDate { end_epoch } => println!("nothing new since epoch {end_epoch}"),
        Captured::Added { segments, why } => {
            for record in segments {
                let segment = record.segment;
                println!(
                    "{}, {} bytes, to epoch {}",
                    segment.file, segment.size_bytes, segment.end_epoch
                );
            }
            if let Some(why) = why {
                println!("full because: {why}");
            }
        }
    }
    Ok(())
}

/// Prints each phase as it begins.
struct Phases;

impl Monitor for Phases {
    fn phase(&self, name: &'static str, total_bytes: u64) {
        println!("  {name}: {total_bytes} bytes");
    }
}

fn example() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("live.grafeo");
    let repository = folder.path().join("backups");
    fs::write(&database, DATABASE)?;
    fs::create_dir(folder.path().join("live.grafeo.wal"))?;
    let mut log = fs::File::create(folder.path().join("live.grafeo.wal/wal_00000000.log"))?;
    for commits in LOG.chunks(2 * COMMIT_BYTES) {
        log.write_all(commits)?;
        back_up(&database, &repository)?;
    }
    back_up(&database, &repository)
}

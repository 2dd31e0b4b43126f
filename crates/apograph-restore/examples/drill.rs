//! Checks that a repository is sound and that its latest state can be restored. Writes nothing.
//!
//! `cargo run --example drill [REPO]`; without one, of a repository of its own. Fails where a
//! restore would, and where anything in the repository is damaged or missing.

use std::error::Error;
use std::path::PathBuf;

use apograph_restore::{Context, Options, Target, Threads, VerifyOptions, restore, verify};

const EXAMPLE: [(&str, &[u8]); 5] = [
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
    (
        "backup_incr_0003.wal",
        include_bytes!("data/backup_incr_0003.wal"),
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let repository = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => example(own.path().join("repository"))?,
    };

    let threads = Threads::default();
    let context = Context {
        threads: &threads,
        ..Context::default()
    };
    let mut options = Options::to(Target::Latest);
    options.dry_run = true;
    let output = own.path().join("restored.grafeo");
    let restored = restore(&repository, &output, &options, context)?;
    match restored.point {
        Some(point) => println!("latest point  {point}"),
        None => println!("latest point  unknown: the commits are encrypted"),
    }
    println!(
        "made from     {} and {} increments",
        restored.full.file,
        restored.increments.len()
    );
    println!(
        "would write   {} bytes, {} commits in the log",
        restored.bytes_written, restored.commits
    );
    for statement in &restored.statements_to_run {
        println!("to run        {statement}");
    }

    let verified = verify(&repository, &VerifyOptions::default(), context)?;
    println!(
        "verified      {} files, {} frames, {} commits",
        verified.files, verified.frames, verified.commits
    );
    for problem in &verified.problems {
        println!("{}  {}", problem.code, problem.detail);
    }
    if verified.problems.is_empty() {
        return Ok(());
    }
    Err("the repository has problems".into())
}

fn example(folder: PathBuf) -> std::io::Result<PathBuf> {
    std::fs::create_dir(&folder)?;
    for (name, bytes) in EXAMPLE {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(folder)
}

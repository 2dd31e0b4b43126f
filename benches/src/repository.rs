//! Repositories that the library captures from a database.

use std::fs;
use std::path::Path;

use apograph_capture::{Captured, Kind, Options, capture};
use apograph_format::{Generation, log_folder};
use apograph_io::{Context, Threads};

use crate::{Frames, LogWriter, Result, database, log, v1};

/// The database in a folder.
pub(crate) const DATABASE: &str = "live.grafeo";
/// The repository in a folder.
pub(crate) const REPOSITORY: &str = "backups";
/// The file with the epoch in the middle of the last increment.
pub(crate) const TARGET: &str = "target";

/// A chain of increments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Increments {
    pub(crate) count: u64,
    pub(crate) commits: u64,
}

/// Makes an empty database with a log after it that no backup has yet, and a full backup.
pub(crate) fn make_uncaptured(
    folder: &Path,
    generation: Generation,
    frames: Frames,
    commits: u64,
) -> Result<()> {
    let none = Increments {
        count: 0,
        commits: 0,
    };
    make_chain(folder, generation, frames, none, commits)
}

/// Makes an empty database with a log after it, and no backup.
pub(crate) fn make_logged(
    folder: &Path,
    generation: Generation,
    frames: Frames,
    commits: u64,
) -> Result<()> {
    let database = folder.join(DATABASE);
    database::create_empty(&database, generation)?;
    log::open(&log_folder(&database), generation, frames)?.write(commits)
}

/// Makes a full backup of an empty database, increments after it, and so many commits after
/// those that no backup has yet.
pub(crate) fn make_chain(
    folder: &Path,
    generation: Generation,
    frames: Frames,
    increments: Increments,
    uncaptured: u64,
) -> Result<()> {
    let database = folder.join(DATABASE);
    database::create_empty(&database, generation)?;
    let mut log = log::open(&log_folder(&database), generation, frames)?;
    add_chain(folder, log.as_mut(), increments)?;
    log.write(uncaptured)
}

/// Makes a chain on a database of generation 1 that has content, in the process that has it open.
/// The database is not left there: without the process it has no log.
pub(crate) fn make_chain_of_filled(
    folder: &Path,
    bytes: u64,
    frames: Frames,
    increments: Increments,
) -> Result<()> {
    let database = folder.join(DATABASE);
    let engine = database::create_filled(&database, bytes)?;
    let log = engine.wal().ok_or("the database has no log")?;
    let epoch = engine.current_epoch().as_u64();
    let mut log = v1::Writer::behind(log.clone(), epoch, frames);
    add_chain(folder, &mut log, increments)?;
    engine.close()?;
    Ok(fs::remove_file(database)?)
}

fn add_chain(folder: &Path, log: &mut dyn LogWriter, increments: Increments) -> Result<()> {
    let (database, repository) = (folder.join(DATABASE), folder.join(REPOSITORY));
    add(&database, &repository, Kind::Full)?;
    let mut target = log.epoch();
    for _ in 0..increments.count {
        let before = log.epoch();
        log.write(increments.commits)?;
        target = u64::midpoint(before, log.epoch());
        add(&database, &repository, Kind::Incremental)?;
    }
    Ok(fs::write(folder.join(TARGET), target.to_string())?)
}

fn add(database: &Path, repository: &Path, kind: Kind) -> Result<()> {
    let options = Options {
        kind,
        ..Options::default()
    };
    match capture(
        database,
        repository,
        &options,
        Context {
            threads: &Threads::default(),
            ..Context::default()
        },
    )? {
        Captured::Added { .. } => Ok(()),
        Captured::UpToDate { .. } => Err("there was nothing to capture".into()),
    }
}

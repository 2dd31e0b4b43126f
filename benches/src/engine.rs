//! What the engine does itself, and how long it takes for that alone.

use std::path::Path;
use std::time::{Duration, Instant};

use grafeo_common::types::EpochId;
use grafeo_engine::GrafeoDB;
use grafeo_engine::database::backup::BackupManifest;

use crate::repository::{DATABASE, Increments, REPOSITORY, TARGET};
use crate::{Frames, LogWriter, Result, v1};

/// A full backup of a copy of a database, made in an empty folder.
///
/// # Errors
///
/// What the engine or the operating system says.
pub fn backup_full(database: &Path, folder: &Path) -> Result<Duration> {
    let copy = folder.join(DATABASE);
    std::fs::copy(database, &copy)?;
    let engine = GrafeoDB::open(&copy)?;
    let begun = Instant::now();
    engine.backup_full(&folder.join(REPOSITORY))?;
    Ok(begun.elapsed())
}

/// An increment of so many bytes of a log of large frames, after an empty database that is made
/// in an empty folder. The log is written past the engine's memory, so that what its process takes
/// is what the backup takes.
///
/// # Errors
///
/// What the engine or the operating system says.
pub fn backup_incremental(folder: &Path, bytes: u64) -> Result<Duration> {
    let mut source = EngineSource::create(folder)?;
    source.write(bytes)?;
    let begun = Instant::now();
    source.backup_incremental()?;
    Ok(begun.elapsed())
}

/// A database that the engine has open, and of which it has a full backup.
pub struct EngineSource {
    engine: GrafeoDB,
    repository: std::path::PathBuf,
    log: v1::Writer,
}

impl EngineSource {
    /// Makes one in an empty folder.
    ///
    /// # Errors
    ///
    /// What the engine or the operating system says.
    pub fn create(folder: &Path) -> Result<Self> {
        let database = folder.join(DATABASE);
        let repository = folder.join(REPOSITORY);
        let engine = GrafeoDB::open(&database)?;
        engine.backup_full(&repository)?;
        let log = engine.wal().ok_or("the database has no log")?;
        let epoch = engine.current_epoch().as_u64();
        let log = v1::Writer::behind(log.clone(), epoch, Frames::Large);

        Ok(Self {
            engine,
            repository,
            log,
        })
    }

    /// Writes about so many bytes into the log.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub fn write(&mut self, bytes: u64) -> Result<()> {
        self.log.write(bytes / Frames::Large.commit_bytes())
    }

    /// The epoch of the last commit.
    pub fn epoch(&self) -> u64 {
        self.log.epoch()
    }

    /// Lets the engine capture what was written.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub fn backup_incremental(&self) -> Result<()> {
        self.engine.backup_incremental(&self.repository)?;
        Ok(())
    }
}

/// Lets the engine make a full backup of an empty database of generation 1, and increments of large
/// frames after it. The database is not left there.
pub(crate) fn make_chain_by_engine(folder: &Path, increments: Increments) -> Result<()> {
    let mut source = EngineSource::create(folder)?;
    let mut target = source.epoch();
    for _ in 0..increments.count {
        let before = source.epoch();
        source.write(increments.commits * Frames::Large.commit_bytes())?;
        target = u64::midpoint(before, source.epoch());
        source.backup_incremental()?;
    }
    drop(source);
    std::fs::write(folder.join(TARGET), target.to_string())?;
    Ok(std::fs::remove_file(folder.join(DATABASE))?)
}

/// A restore to an epoch.
///
/// # Errors
///
/// What the engine says.
pub fn restore(repository: &Path, epoch: u64, output: &Path) -> Result<Duration> {
    let begun = Instant::now();
    GrafeoDB::restore_to_epoch(repository, EpochId::new(epoch), output)?;
    Ok(begun.elapsed())
}

/// The manifest, which is all that the engine has to list.
///
/// # Errors
///
/// What the engine says.
pub fn list(repository: &Path) -> Result<Duration> {
    let begun = Instant::now();
    manifest(repository)?;
    Ok(begun.elapsed())
}

/// The manifest, as the engine reads it.
///
/// # Errors
///
/// What the engine says.
pub fn manifest(repository: &Path) -> Result<BackupManifest> {
    let manifest = GrafeoDB::read_backup_manifest(repository)?;
    Ok(manifest.ok_or("there is no manifest")?)
}

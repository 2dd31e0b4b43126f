//! A chain that apograph captured and that the engine can restore too.

use std::path::{Path, PathBuf};

use apograph_capture::{Captured, Kind, Options, capture};
use apograph_io::{RealDisk, Silent};
use grafeo_engine::GrafeoDB;
use tempfile::TempDir;

use crate::Result;
use crate::log::{Frames, Writer};

const INCREMENTS: u64 = 8;

/// A full backup of an empty database, and increments of a log of large frames.
#[derive(Debug)]
pub struct Chain {
    repository: PathBuf,
    /// The epoch in the middle of the last increment.
    pub target: u64,
    _folder: TempDir,
}

impl Chain {
    /// Captures a chain of the size of [`Frames::Large`].
    ///
    /// # Errors
    ///
    /// What the engine or the capture says.
    pub fn capture() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("live.grafeo");
        let repository = folder.path().join("backups");
        create_database(&database)?;

        let mut writer = Writer::open(&folder.path().join("live.grafeo.wal"), Frames::Large)?;
        add(&database, &repository, Kind::Full)?;
        let mut target = 0;
        for _ in 0..INCREMENTS {
            let before = writer.epoch;
            writer.write(Frames::Large.log_bytes() / INCREMENTS)?;
            target = u64::midpoint(before, writer.epoch);
            add(&database, &repository, Kind::Incremental)?;
        }
        Ok(Self {
            repository,
            target,
            _folder: folder,
        })
    }

    /// The repository.
    pub fn repository(&self) -> &Path {
        &self.repository
    }
}

/// Makes a database file as it is while the engine has it open, before its first checkpoint.
fn create_database(path: &Path) -> Result<()> {
    let model = path.with_file_name("model.grafeo");
    let engine = GrafeoDB::open(&model)?;
    std::fs::copy(&model, path)?;
    engine.close()?;
    Ok(())
}

fn add(database: &Path, repository: &Path, kind: Kind) -> Result<()> {
    let options = Options {
        kind,
        ..Options::default()
    };
    match capture(&RealDisk, database, repository, &options, &Silent)? {
        Captured::Added { .. } => Ok(()),
        Captured::UpToDate { .. } => Err("there was nothing to capture".into()),
    }
}

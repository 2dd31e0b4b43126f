//! Vaults of a database's backups, in the states that faults begin from.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use apograph::io::{Context, Disk, RealDisk};
use apograph::repository::{Pack, Repository, compact, copy, init_vault};
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use tempfile::TempDir;

use crate::scratch::scratch;
use crate::stage::{FaultStage, copy as copy_files};

/// So much later every window of time is over in which increments are merged.
const LATER: Duration = Duration::from_hours(100 * 365 * 24);
/// What a killed writer has left.
const LEFTOVER: &str = "00000000000000000001-0-incr-00000000000000000000000000000001.zst";

/// A database with repositories in folders and in vaults.
pub(crate) struct VaultStage {
    pub(crate) stage: FaultStage,
    vaults: TempDir,
}

impl VaultStage {
    /// The repositories of a [`FaultStage`], and beside them vaults:
    ///
    /// - `older-vault` is a copy of `older`, and `newer-vault` one of `newer`;
    /// - `merged-vault` is `newer-vault` some days after its increments were merged, with what a
    ///   killed writer left in it.
    pub(crate) fn new(generation: u8) -> Result<Self> {
        let stage = FaultStage::new(generation)?;
        let vaults = scratch()?;
        for name in ["older", "newer"] {
            let vault = vaults.path().join(format!("{name}-vault"));
            init_vault(&vault, every_core())?;
            copied(&RealDisk, &stage.path(name), &vault)?;
        }
        let merged = vaults.path().join("merged-vault");
        copy_files(&vaults.path().join("newer-vault"), &merged)?;
        compact(&merged, days_later(&clock()))?;
        fs::write(merged.join("segments").join(LEFTOVER), b"left")?;
        Ok(Self { stage, vaults })
    }

    /// One of its repositories.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if name.ends_with("vault") && name != "vault" {
            self.vaults.path().join(name)
        } else {
            self.stage.path(name)
        }
    }
}

/// Copies a repository into another one.
pub(crate) fn copied(disk: &dyn Disk, from: &Path, to: &Path) -> Result<()> {
    let from = Repository::open(from, every_core())?;
    let context = Context {
        disk,
        ..every_core()
    };
    copy(&from, to, Pack::Best, context)?;
    Ok(())
}

/// The clock of those who come once all that is there can be merged.
pub(crate) fn clock() -> ManualClock {
    let clock = ManualClock::default();
    clock.pass(LATER);
    clock
}

/// What such a command works with.
pub(crate) fn days_later(clock: &ManualClock) -> Context<'_> {
    Context {
        clock,
        ..every_core()
    }
}

/// Makes everything in a folder two days older.
pub(crate) fn age(folder: &Path) -> Result<()> {
    let then = SystemTime::now() - Duration::from_hours(48);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            age(&path)?;
        } else {
            File::options()
                .write(true)
                .open(&path)?
                .set_modified(then)?;
        }
    }
    Ok(())
}

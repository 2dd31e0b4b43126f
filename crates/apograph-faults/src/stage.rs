//! A database and its backups, in the states that faults begin from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use apograph::capture::{Kind, Options, capture};
use apograph::format::FOLDER_LOG_NAME;
use apograph::repository::init_vault;
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::truth::Truth;
use tempfile::TempDir;

use crate::database_state::{DatabaseState, states};
use crate::scratch::scratch;

/// A golden database with everything in its log.
const FIXTURE: &str = "08_torn_tail";
/// The epoch up to which the first backups capture it.
pub const FIRST_EPOCH: u64 = 3;
/// Its last epoch.
pub const LAST_EPOCH: u64 = 5;

/// Folders to copy a run's files from.
pub struct FaultStage {
    folder: TempDir,
    fixtures: Fixtures,
    truth: BTreeMap<u64, DatabaseState>,
    /// That of the folder database.
    folder_truth: BTreeMap<u64, DatabaseState>,
}

impl FaultStage {
    /// A database with five commits, `live`, and repositories:
    ///
    /// - `older` has the first three of them, in a full backup and an increment;
    /// - `newer` has all, in one more increment and a second full backup;
    /// - `vault` is one, and has what `older` has, and `vault-newer` has what `newer` has;
    /// - `interrupted` is `newer` with the manifest of `older`: a backup was killed before its own.
    ///
    /// In generation 1 there is a folder database with the same log beside it, and `folder-older`
    /// and `folder-newer`, which have of it what `older` has, and all.
    ///
    /// # Errors
    ///
    /// Where the files cannot be copied, or a backup fails.
    pub fn new(generation: u8) -> Result<Self> {
        let fixtures = if generation == 1 { V1 } else { V2 };
        let mut stage = Self {
            folder: scratch()?,
            fixtures,
            truth: BTreeMap::new(),
            folder_truth: BTreeMap::new(),
        };
        copy(&stage.golden("source"), &stage.path("live"))?;
        let log = stage.log()?;
        let whole = fs::read(&log)?;
        let cut = usize::try_from(stage.log_bytes(FIRST_EPOCH)?)?;
        fs::write(&log, &whole[..cut])?;
        stage.backup("older", Kind::Auto)?;
        init_vault(stage.path("vault"), every_core())?;
        stage.backup("vault", Kind::Auto)?;
        copy(&stage.path("live"), &stage.path("before"))?;
        fs::write(&log, &whole)?;
        for (older, newer) in [("older", "newer"), ("vault", "vault-newer")] {
            copy(&stage.path(older), &stage.path(newer))?;
            stage.backup(newer, Kind::Full)?;
        }
        copy(&stage.path("newer"), &stage.path("interrupted"))?;
        for small in SMALL_FILES {
            let older = fs::read(stage.path("older").join(small))?;
            fs::write(stage.path("interrupted").join(small), older)?;
        }
        // The cursor that the backup to `older` left.
        fs::remove_dir_all(stage.path("live"))?;
        fs::rename(stage.path("before"), stage.path("live"))?;
        fs::write(&log, &whole)?;
        stage.truth = states(&stage.path("newer"))?;
        let known: Vec<u64> = stage.truth.keys().copied().collect();
        ensure!(known.last() == Some(&LAST_EPOCH), "the stage has {known:?}");
        if generation == 1 {
            stage.add_folder(&whole, cut)?;
        }
        Ok(stage)
    }

    /// Adds the folder database with this log, of which so much was captured first.
    fn add_folder(&mut self, whole: &[u8], cut: usize) -> Result<()> {
        let database = self.path("live/db");
        let log = database.join(FOLDER_LOG_NAME);
        fs::create_dir_all(&log)?;
        let log = log.join("wal_00000000.log");
        fs::write(&log, &whole[..cut])?;
        let backup = |repository: &str| {
            let options = Options::default();
            capture(&database, self.path(repository), &options, every_core())
        };
        backup("folder-older")?;
        copy(&database, &self.path("before"))?;
        copy(&self.path("folder-older"), &self.path("folder-newer"))?;
        fs::write(&log, whole)?;
        backup("folder-newer")?;
        // With the marker of `folder-older`.
        fs::remove_dir_all(&database)?;
        fs::rename(self.path("before"), &database)?;
        fs::write(&log, whole)?;
        self.folder_truth = states(&self.path("folder-newer"))?;
        Ok(())
    }

    /// The generation of the database.
    pub fn generation(&self) -> u8 {
        self.fixtures.generation().number()
    }

    /// One of its folders.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The state at each epoch that can be restored.
    pub const fn truth(&self) -> &BTreeMap<u64, DatabaseState> {
        &self.truth
    }

    /// The same of the folder database.
    pub(crate) const fn folder_truth(&self) -> &BTreeMap<u64, DatabaseState> {
        &self.folder_truth
    }

    fn golden(&self, name: &str) -> PathBuf {
        self.fixtures.root().join(FIXTURE).join(name)
    }

    fn backup(&self, repository: &str, kind: Kind) -> Result<()> {
        let options = Options {
            kind,
            ..Options::default()
        };
        let (database, repository) = (self.path("live/src.grafeo"), self.path(repository));
        capture(&database, &repository, &options, every_core())?;
        Ok(())
    }

    fn log(&self) -> Result<PathBuf> {
        let folder = self.path("live/src.grafeo.wal");
        let mut logs = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                logs.push(path);
            }
        }
        ensure!(logs.len() == 1, "{} has one log file", folder.display());
        logs.pop().context("a log file")
    }

    /// How long the log was when the database was at an epoch.
    fn log_bytes(&self, epoch: u64) -> Result<u64> {
        let truth = Truth::of(self.fixtures, FIXTURE);
        let state = truth.states.iter().find(|state| state.epoch == epoch);
        let sizes = state.and_then(|state| state.wal.values().next().copied());
        sizes.with_context(|| format!("{FIXTURE} has no state at epoch {epoch}"))
    }
}

/// The files of a repository that are not segments.
pub const SMALL_FILES: [&str; 2] = ["backup_manifest.json", "apograph.json"];

/// Copies a folder, with the permissions of what is in it, as far as the file system keeps them.
///
/// # Errors
///
/// Where that fails.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)?;
            let _ = fs::set_permissions(&target, entry.metadata()?.permissions());
        }
    }
    Ok(())
}

/// What is in a folder: paths below it and bytes.
///
/// # Errors
///
/// Where it cannot be read.
pub fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    if folder.exists() {
        read_into(folder, Path::new(""), &mut found)?;
    }
    Ok(found)
}

fn read_into(folder: &Path, below: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), below.join(entry.file_name()));
        if path.is_dir() {
            read_into(&path, &name, found)?;
            found.insert(name, Vec::new());
        } else {
            found.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

//! A database and its backups, in the states that faults begin from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::faults::command::{object, words};
use crate::run::root;

/// A golden database with everything in its log; an epoch adds a node.
const FIXTURE: &str = "08_torn_tail";
/// The epoch up to which the first backups capture it.
const FIRST_EPOCH: u64 = 3;
/// Its last epoch.
pub(super) const LAST_EPOCH: u64 = 5;

/// Folders to copy a run's files from.
pub(super) struct Stage {
    folder: TempDir,
    pub(super) generation: u32,
}

impl Stage {
    /// A database with five commits; a repository `older` that has three of them, and one,
    /// `newer`, that has all.
    pub(super) fn new(generation: u32) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let stage = Self { folder, generation };
        let fixture = root().join(format!("testdata/v{generation}")).join(FIXTURE);
        copy(&fixture.join("source"), &stage.path("live"))?;
        let log = stage.log()?;
        let whole = fs::read(&log)?;
        let cut = usize::try_from(log_size(&fixture, FIRST_EPOCH)?)?;
        fs::write(
            &log,
            whole
                .get(..cut)
                .context("a log as long as the truth says")?,
        )?;
        stage.backup("older", &[])?;
        fs::write(&log, &whole)?;
        copy(&stage.path("older"), &stage.path("newer"))?;
        copy(&stage.path("live"), &stage.path("ahead"))?;
        let database = text(&stage.path("ahead/src.grafeo"));
        let repository = text(&stage.path("newer"));
        object(&words([
            "backup",
            &database,
            "--repo",
            &repository,
            "--full",
        ]))?;
        Ok(stage)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backup(&self, repository: &str, more: &[&str]) -> Result<Value> {
        let database = text(&self.path("live/src.grafeo"));
        let repository = text(&self.path(repository));
        let backup = ["backup", &database, "--repo", &repository];
        object(&words(backup.into_iter().chain(more.iter().copied())))
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
}

/// How long the log was when the database was at an epoch.
fn log_size(fixture: &Path, epoch: u64) -> Result<u64> {
    let truth: Value = serde_json::from_slice(&fs::read(fixture.join("truth.json"))?)?;
    let mut states = truth["states"].as_array().into_iter().flatten();
    let state = states.find(|state| state["epoch"] == epoch);
    let sizes = state.and_then(|state| state["wal"].as_object());
    let size = sizes.and_then(|sizes| sizes.values().next()?.as_u64());
    size.with_context(|| format!("{} has no state at epoch {epoch}", fixture.display()))
}

/// Copies a folder.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// What is in a folder: names and bytes.
pub(super) fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    if !folder.exists() {
        return Ok(contents);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            contents.insert(path.clone(), Vec::new());
            contents.extend(self::contents(&path)?);
        } else {
            contents.insert(path.clone(), fs::read(&path)?);
        }
    }
    Ok(contents)
}

pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

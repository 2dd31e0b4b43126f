//! What a whole run found: a file in `benches/results`, named after its time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::machine::Machine;
use super::state::list;
use crate::run::root;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) date: String,
    /// The commit, with a `+` where the files were not as in it.
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) figures: Vec<Figure>,
}

impl Record {
    /// A record of this commit, on this machine.
    pub(crate) fn now(figures: Vec<Figure>, workloads: &Path) -> Result<Self> {
        let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
        let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
        let mark = if changed.is_empty() { "" } else { "+" };
        Ok(Self {
            date: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            commit: format!("{commit}{mark}"),
            machine: Machine::this(workloads)?,
            figures,
        })
    }

    /// Writes it beside the others.
    pub(crate) fn write(&self) -> Result<PathBuf> {
        let folder = results();
        fs::create_dir_all(&folder)?;
        let name = self.date.replace(':', "");
        let path = folder.join(name).with_extension("json");
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&path, text + "\n")?;
        Ok(path)
    }

    /// All that were written, the oldest first.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let folder = results();
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut paths = list(&folder)?;
        paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
        let records = paths.iter().map(|path| {
            let text = fs::read(path)?;
            serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))
        });
        records.collect()
    }
}

/// The folder of the records.
pub(crate) fn results() -> PathBuf {
    root().join("benches/results")
}

fn git(words: &[&str]) -> Result<String> {
    let mut git = std::process::Command::new("git");
    let output = git.args(words).current_dir(root()).output();
    let output = output.context("cannot start git")?;
    ensure!(output.status.success(), "git {} failed", words.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

//! What the live database answered, step by step, while a fixture was made: `truth.json`.
//!
//! Only what can be compared without an engine: epochs, and how long each log file was.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::fixtures::Fixtures;

/// The truth about a fixture.
#[derive(Debug, Clone, Deserialize)]
pub struct Truth {
    /// The backups, in the order they were tried.
    pub backups: Vec<TruthBackup>,
    /// The states, in the order they were seen.
    pub states: Vec<TruthState>,
}

/// A backup that was tried.
#[derive(Debug, Clone, Deserialize)]
pub struct TruthBackup {
    /// `full` or `incremental`.
    pub kind: String,
    /// The state it was taken after.
    pub after_seq: u64,
    /// Its file in the repository; none where it failed.
    #[serde(default)]
    pub file: Option<String>,
    /// The first epoch, by the backup itself.
    #[serde(default)]
    pub start_epoch: u64,
    /// The last epoch, by the backup itself.
    #[serde(default)]
    pub end_epoch: u64,
    /// The size of the file in bytes.
    #[serde(default)]
    pub size: u64,
    /// The size of each log file right after it.
    #[serde(default)]
    pub wal: BTreeMap<String, u64>,
}

/// The live database after a step.
#[derive(Debug, Clone, Deserialize)]
pub struct TruthState {
    /// Its place among the states.
    pub seq: u64,
    /// The process that the database was open in, counted from 0.
    pub life: u64,
    /// The current epoch.
    pub epoch: u64,
    /// The size of each log file: together, a place where the log may be cut.
    pub wal: BTreeMap<String, u64>,
}

impl Truth {
    /// Reads the truth about a fixture.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    pub fn of(fixtures: Fixtures, fixture: &str) -> Self {
        let file = fixtures.read(&format!("{fixture}/truth.json"));
        serde_json::from_slice(&file.bytes)
            .unwrap_or_else(|error| panic!("{} is no truth: {error}", file.path))
    }

    /// The backups that did not fail.
    pub fn taken(&self) -> impl Iterator<Item = &TruthBackup> {
        self.backups.iter().filter(|backup| backup.file.is_some())
    }
}

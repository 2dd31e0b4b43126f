//! The scenarios after the golden fixtures, and how to live through them again.
//!
//! A [`Scenario`] is data: an ordered list of [`Step`]s. [`run`] executes it on a real engine
//! and writes down the truth, in the layout of the fixtures:
//!
//! | in the folder | what |
//! |---|---|
//! | `truth.json` | the live database after every step |
//! | `source*/` | the database on disk, where the scenario says so |
//! | `backup/` | what [`EngineBackups`] wrote |
//!
//! Who takes the backups is up to the caller, see [`Backups`]. A regeneration gives the same
//! scenarios, not the same bytes.

mod backups;
mod catalogue;
mod run;

pub use backups::{Backups, EngineBackups};
pub use catalogue::scenarios;
pub use run::{ScenarioError, run};

use std::ops::RangeInclusive;

use crate::generation::EngineGeneration;
use crate::protocol::{Call, Durability, Load, OpenOptions};

/// A scenario to live through.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The fixture's name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// What else there is to know.
    pub notes: &'static [&'static str],
    /// The one generation that it can be lived through in, if not in both.
    pub only_in: Option<EngineGeneration>,
    /// The file or folder name of the database.
    pub database: &'static str,
    /// How it is opened.
    pub options: OpenOptions,
    /// Every epoch adds exactly one node.
    pub nodes_equal_epoch: bool,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// A scenario that opens a new database, whose log does not depend on the clock.
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            notes: &[],
            only_in: None,
            database: "src.grafeo",
            options: OpenOptions {
                durability: Some(Durability::BatchByCount),
                ..OpenOptions::default()
            },
            nodes_equal_epoch: false,
            steps: vec![Step::Open, Step::Record("open (empty database)")],
        }
    }

    /// The same in one generation alone.
    #[must_use]
    pub fn only_in(self, generation: EngineGeneration) -> Self {
        Self {
            only_in: Some(generation),
            ..self
        }
    }

    /// And then this happens.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// And then these statements are run.
    #[must_use]
    pub fn run(self, op: impl Into<String>) -> Self {
        self.then(Step::Run(op.into()))
    }

    /// And then one node with this label and property `i` is inserted per number.
    #[must_use]
    pub fn inserts(self, label: &str, numbers: RangeInclusive<u64>) -> Self {
        numbers.fold(self, |scenario, i| {
            scenario.run(format!("INSERT (:{label} {{i:{i}}})"))
        })
    }

    /// And then a full backup is taken.
    #[must_use]
    pub fn full(self) -> Self {
        self.then(Step::BackupFull)
    }

    /// And then an incremental backup is taken.
    #[must_use]
    pub fn incremental(self) -> Self {
        self.then(Step::BackupIncremental)
    }

    /// And then the database is closed in order and opened again.
    #[must_use]
    pub fn reopen(self) -> Self {
        self.then(Step::Close)
            .then(Step::Open)
            .then(Step::Record("close() and reopen"))
    }

    /// And then it is opened again after a crash.
    #[must_use]
    pub fn recover(self) -> Self {
        self.then(Step::Open)
            .then(Step::Record("reopen after a crash"))
    }
}

/// One thing that happens. Those that change the database are followed by a recorded state.
#[derive(Debug, Clone)]
pub enum Step {
    /// Open the database, in a new engine process if the last one was killed.
    Open,
    /// Record the state, and say what happened.
    Record(&'static str),
    /// Run GQL statements.
    Run(String),
    /// Run GQL statements that are too long to be written down.
    RunAs {
        /// The statements.
        op: String,
        /// What is written down.
        told: &'static str,
    },
    /// Call the database handle.
    Call(Call),
    /// Write a checkpoint.
    Checkpoint,
    /// Start a new log file.
    Rotate,
    /// Take a full backup.
    BackupFull,
    /// Take an incremental backup.
    BackupIncremental,
    /// Let sessions commit at the same time.
    Concurrent {
        /// What they do.
        load: Load,
        /// Take that many incremental backups meanwhile.
        backups_meanwhile: u64,
    },
    /// Close the database in order.
    Close,
    /// Kill the engine.
    Kill,
    /// Cut bytes off the end of the newest log file.
    TearTail {
        /// How many.
        bytes: u64,
    },
    /// Append bytes that are no record to the newest log file.
    AppendGarbage {
        /// How many.
        bytes: usize,
    },
    /// Copy the database as it lies on disk.
    Snapshot(&'static str),
    /// Copy it with a log rewritten into so small files that groups span them.
    SnapshotInSmallFiles(&'static str),
}

//! Databases that live in a folder, with the repositories of their backups.

#![expect(
    clippy::missing_panics_doc,
    reason = "every method panics where the engine or the file system does not do what the scenario says"
)]

mod backups;
mod commands;
mod database;
mod databases;
mod files;
mod repository;
mod sleeper;
mod vaults;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use self::database::Database;
pub use self::files::Snapshot;
use self::repository::Repository;
use self::sleeper::Sleeper;
use super::history::History;
use super::report::{Finding, FindingKind, Report};
use crate::command::Apograph;
use crate::disk;
use crate::driver::{Dump, Engine, EngineError};
use crate::generation::EngineGeneration;
use crate::protocol::OpenOptions;
use crate::surroundings::{FakeClock, ProcessSurroundings};

/// The programs that a life needs.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The command.
    pub command: Apograph,
    /// The driver of the engine.
    pub driver: PathBuf,
    /// Which one that is.
    pub generation: EngineGeneration,
    /// Whether all repositories are vaults.
    pub in_vaults: bool,
    /// Whether all databases are folders, which those of generation 1 can be.
    pub in_folders: bool,
}

/// Databases, each with an engine of its own, and repositories, all of them by name.
///
/// What the engine answers after each change is written down, and each backup is judged at once:
/// [`back_up`](Self::back_up).
#[derive(Debug)]
pub struct World {
    tools: Tools,
    folder: TempDir,
    judge: Engine,
    /// How it opens databases.
    judged: OpenOptions,
    databases: BTreeMap<String, Database>,
    repositories: BTreeMap<String, Repository>,
    /// What the databases were before they were opened anew.
    past: Vec<History>,
    report: Report,
    copies: usize,
    /// How often a vault could have been made smaller.
    compactions: u32,
    sleeper: Option<Sleeper>,
    surroundings: ProcessSurroundings,
}

impl World {
    /// An empty folder.
    pub fn new(tools: &Tools) -> Self {
        let folder = scratch();
        Self {
            judge: Engine::start(&tools.driver),
            judged: OpenOptions::default(),
            tools: tools.clone(),
            folder,
            databases: BTreeMap::new(),
            repositories: BTreeMap::new(),
            past: Vec::new(),
            report: Report::default(),
            copies: 0,
            compactions: 0,
            sleeper: None,
            surroundings: ProcessSurroundings::default(),
        }
    }

    /// Gives the engines and the command a clock that can be set, where the machine has one.
    pub fn take_clock(&mut self) -> Option<FakeClock> {
        let clock = FakeClock::at(&self.path("clock"))?;
        self.surroundings.clock = Some(clock.clone());
        self.tools.command = self.tools.command.within(&self.surroundings);
        Some(clock)
    }

    /// From now on the engines run as another user, who owns the databases. `false` where this
    /// process may not do that.
    pub fn take_user(&mut self, user: u32) -> bool {
        let folder = self.folder.path();
        if std::os::unix::fs::chown(folder, Some(user), Some(user)).is_err() {
            return false;
        }
        self.surroundings.user = Some(user);
        true
    }

    /// Lets that user take the backups, or the one of this process.
    pub fn back_up_as_user(&mut self, is_so: bool) {
        let surroundings = ProcessSurroundings {
            user: self.surroundings.user.filter(|_| is_so),
            ..self.surroundings.clone()
        };
        self.tools.command = self.tools.command.within(&surroundings);
    }

    /// The generation of the engine.
    pub fn generation(&self) -> EngineGeneration {
        self.tools.generation
    }

    /// The command that takes the backups.
    pub fn command(&self) -> &Apograph {
        &self.tools.command
    }

    /// What was found so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a database lies: in a folder of its name.
    pub fn database(&mut self, name: &str) -> PathBuf {
        self.known(name).path.clone()
    }

    /// The log folder of a database.
    pub fn log_folder(&mut self, name: &str) -> PathBuf {
        disk::log_folder(&self.database(name))
    }

    /// The log files of a database, the oldest first.
    pub fn log_files(&mut self, name: &str) -> Vec<PathBuf> {
        let database = self.database(name);
        let folder = disk::log_folder(&database);
        let sizes = disk::log_sizes(&database).expect("the log folder can be listed");
        sizes.keys().map(|name| folder.join(name)).collect()
    }

    /// Where a repository lies.
    pub fn repository(&self, name: &str) -> PathBuf {
        self.path(&format!("repository-{name}"))
    }

    /// Notes something that is wrong.
    pub fn find(&mut self, kind: FindingKind, detail: String) {
        self.report.findings.push(Finding { kind, detail });
    }

    /// What this process wrote into a folder is that user's.
    fn hand_over(&self, folder: &Path) {
        if let Some(user) = self.surroundings.user {
            let mut command = Command::new("chown");
            command.args(["-R", &format!("{user}:{user}")]).arg(folder);
            assert!(command.status().is_ok_and(|it| it.success()), "chown");
        }
    }

    /// Makes a repository a vault, where they are.
    fn ready(&self, place: &Path) {
        if self.tools.in_vaults && !place.exists() {
            let words = ["init".as_ref(), place.as_os_str(), "--vault".as_ref()];
            let made = self.tools.command.run(words);
            assert_eq!(made.exit, 0, "{}", made.json);
        }
    }

    /// Whether all repositories are vaults.
    pub(crate) const fn is_in_vaults(&self) -> bool {
        self.tools.in_vaults
    }

    /// What the engine makes of files that nobody needs any more.
    fn dump(&mut self, path: &Path) -> Result<Dump, EngineError> {
        self.judge.dump_with(path, self.judged)
    }

    /// Whether all databases are folders.
    pub(crate) const fn has_folders(&self) -> bool {
        self.tools.in_folders
    }

    fn next_copy(&mut self, what: &str) -> PathBuf {
        self.copies += 1;
        self.path(&format!("{what}-{}", self.copies))
    }

    fn known(&mut self, name: &str) -> &mut Database {
        let file = if self.tools.in_folders {
            "db"
        } else {
            "db.grafeo"
        };
        let path = self.folder.path().join(name).join(file);
        let new = || Database {
            path,
            ..Database::default()
        };
        self.databases.entry(name.to_owned()).or_insert_with(new)
    }

    fn stored(&mut self, repository: &str) -> &mut Repository {
        self.repositories.entry(repository.to_owned()).or_default()
    }
}

/// A temporary folder, in memory where the machine has a place for that: it syncs at once.
fn scratch() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    let folder = if in_memory.is_dir() {
        tempfile::tempdir_in(in_memory)
    } else {
        tempfile::tempdir()
    };
    folder.expect("a temporary folder")
}

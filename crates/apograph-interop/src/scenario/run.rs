//! Living through a scenario.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use apograph_format::SegmentKind;
use apograph_testing::truth::{Truth, TruthBackup, TruthError, TruthState};

use super::backups::Backups;
use super::{Scenario, Step};
use crate::disk;
use crate::driver::{Engine, EngineError, Taken};
use crate::protocol::{Load, OpenOptions};

const LIVE_FOLDER: &str = "live";
const OP_CHARS: usize = 300;

/// Why a scenario could not be lived through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The engine did not do what belongs to the scenario.
    #[error("{step}")]
    Engine {
        /// The step.
        step: String,
        /// What the engine said.
        source: EngineError,
    },
    /// The file system did not.
    #[error("{step}")]
    Io {
        /// The step.
        step: String,
        /// What it said.
        source: io::Error,
    },
    /// The truth could not be written.
    #[error(transparent)]
    Truth(#[from] TruthError),
}

/// Lives through a scenario in an empty or missing folder and writes its `truth.json` there.
///
/// A statement, call or backup that fails is part of the truth. The live database is gone
/// afterwards; snapshots and backups stay.
///
/// # Errors
///
/// See [`ScenarioError`]: anything else that fails.
pub fn run(
    scenario: &Scenario,
    driver: &Path,
    dir: &Path,
    backups: &mut dyn Backups,
) -> Result<Truth, ScenarioError> {
    let mut stage = ScenarioRun::new(scenario, driver, dir, backups)?;
    for step in &scenario.steps {
        stage.play(step).map_err(|trouble| trouble.in_step(step))?;
    }
    let ScenarioRun {
        truth,
        engine,
        live,
        ..
    } = stage;
    drop(engine);
    let step = || "removing the live database".to_owned();
    fs::remove_dir_all(live).map_err(|source| ScenarioError::Io {
        step: step(),
        source,
    })?;
    truth.write(&dir.join("truth.json"))?;
    Ok(truth)
}

struct ScenarioRun<'a> {
    driver: &'a Path,
    dir: &'a Path,
    live: PathBuf,
    database: PathBuf,
    options: OpenOptions,
    backups: &'a mut dyn Backups,
    engine: Option<Engine>,
    lives: u64,
    truth: Truth,
}

enum Trouble {
    Engine(EngineError),
    Io(io::Error),
}

impl<'a> ScenarioRun<'a> {
    fn new(
        scenario: &Scenario,
        driver: &'a Path,
        dir: &'a Path,
        backups: &'a mut dyn Backups,
    ) -> Result<Self, ScenarioError> {
        let live = dir.join(LIVE_FOLDER);
        let mut engine = Engine::start(driver);
        let version = engine.version().map_err(|source| ScenarioError::Engine {
            step: "starting the engine".into(),
            source,
        })?;
        let truth = Truth {
            fixture: scenario.name.into(),
            generation: version.generation.into(),
            engine: version.engine,
            about: scenario.about.into(),
            notes: scenario.notes.iter().map(|&note| note.into()).collect(),
            nodes_equal_epoch: scenario.nodes_equal_epoch,
            backups: Vec::new(),
            states: Vec::new(),
        };
        let database = live.join(scenario.database);
        Ok(Self {
            driver,
            dir,
            live,
            database,
            options: scenario.options,
            backups,
            engine: Some(engine),
            lives: 0,
            truth,
        })
    }

    fn play(&mut self, step: &Step) -> Result<(), Trouble> {
        match step {
            Step::Open => {
                fs::create_dir_all(&self.live)?;
                let engine = self
                    .engine
                    .get_or_insert_with(|| Engine::start(self.driver));
                engine.open_with(&self.database, self.options)?;
                self.lives += 1;
            }
            Step::Record(op) => self.record(op, None)?,
            Step::Run(op) => {
                let error = refusal(self.engine().run(op).map(drop))?;
                self.record(op, error)?;
            }
            Step::RunAs { op, told } => {
                let error = refusal(self.engine().run(op).map(drop))?;
                self.record(told, error)?;
            }
            Step::Call(call) => {
                let error = refusal(self.engine().call(call.clone()).map(drop))?;
                self.record(&call.to_string(), error)?;
            }
            Step::Checkpoint => {
                self.engine().checkpoint()?;
                self.record("wal_checkpoint()", None)?;
            }
            Step::Rotate => self.engine().rotate()?,
            Step::BackupFull => self.back_up(SegmentKind::Full)?,
            Step::BackupIncremental => self.back_up(SegmentKind::Incremental)?,
            Step::Concurrent {
                load,
                backups_meanwhile,
            } => {
                self.concurrent(load, *backups_meanwhile)?;
            }
            Step::Close => self.engine().close()?,
            Step::Kill => self.engine = None,
            Step::TearTail { bytes } => disk::tear_tail(&self.database, *bytes)?,
            Step::AppendGarbage { bytes } => disk::append_garbage(&self.database, *bytes)?,
            Step::Snapshot(name) => disk::copy_database(&self.database, &self.dir.join(name))?,
            Step::SnapshotInSmallFiles(name) => self.snapshot_in_small_files(name)?,
        }
        Ok(())
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine
            .as_mut()
            .expect("the scenario opens the database first")
    }

    fn life(&self) -> u64 {
        self.lives.saturating_sub(1)
    }

    fn record(&mut self, op: &str, error: Option<String>) -> Result<(), Trouble> {
        let state = TruthState {
            seq: self.truth.states.len() as u64,
            life: self.life(),
            op: op.chars().take(OP_CHARS).collect(),
            error,
            epoch: self.engine().epoch()?,
            wal: disk::log_sizes(&self.database)?,
            content: self.engine().content()?,
        };
        self.backups.observe(&self.database, &state);
        self.truth.states.push(state);
        Ok(())
    }

    fn back_up(&mut self, kind: SegmentKind) -> Result<(), Trouble> {
        let engine = self
            .engine
            .as_mut()
            .expect("the scenario opens the database first");
        let taken = match kind {
            SegmentKind::Full => self.backups.full(&self.database, engine),
            SegmentKind::Incremental => self.backups.incremental(&self.database, engine),
        };
        let wal = match &taken {
            Ok(_) => Some(disk::log_sizes(&self.database)?),
            Err(_) => None,
        };
        let (taken, error) = match taken {
            Ok(taken) => (taken, None),
            Err(error) => (Taken::default(), Some(error)),
        };
        self.truth.backups.push(TruthBackup {
            kind,
            after_seq: self.truth.states.len().saturating_sub(1) as u64,
            life: self.life(),
            file: taken.file,
            start_epoch: taken.start_epoch,
            end_epoch: taken.end_epoch,
            size: taken.size,
            wal,
            error,
        });
        Ok(())
    }

    fn concurrent(&mut self, load: &Load, backups_meanwhile: u64) -> Result<(), Trouble> {
        let each = load
            .commits_per_session
            .expect("the load of a scenario has an end");
        let commits = load.sessions * each;
        self.engine().concurrent_start(load)?;
        for backup in 1..=backups_meanwhile {
            let due = commits * backup / (backups_meanwhile + 1);
            while self.engine().concurrent_counts()?.iter().sum::<u64>() < due {
                thread::yield_now();
            }
            self.back_up(SegmentKind::Incremental)?;
        }
        self.engine().concurrent_finish()?;
        self.record(
            &format!("{} x {each} concurrent INSERTs", load.sessions),
            None,
        )
    }

    fn snapshot_in_small_files(&mut self, name: &str) -> Result<(), Trouble> {
        let to = self.dir.join(name);
        fs::create_dir_all(&to)?;
        let copy = to.join(self.database.file_name().unwrap_or_default());
        fs::copy(&self.database, &copy)?;
        let log = disk::log_folder(&self.database);
        let small = disk::log_folder(&copy);
        Ok(self.engine().rewrite_in_small_files(&log, &small)?)
    }
}

impl Trouble {
    fn in_step(self, step: &Step) -> ScenarioError {
        let step = format!("{step:?}");
        match self {
            Self::Engine(source) => ScenarioError::Engine { step, source },
            Self::Io(source) => ScenarioError::Io { step, source },
        }
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn refusal(outcome: Result<(), EngineError>) -> Result<Option<String>, EngineError> {
    match outcome {
        Ok(()) => Ok(None),
        Err(EngineError::Refused { message }) => Ok(Some(message)),
        Err(error) => Err(error),
    }
}

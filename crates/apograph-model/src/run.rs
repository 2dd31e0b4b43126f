//! Lets a scenario happen to the real library, and compares.

mod elsewhere;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use apograph_capture::{CaptureError, Captured, Options, capture};
use apograph_format::{Epoch, Point, WithCauses};
use apograph_io::{Context, Folder};
use apograph_manifest::Target;
use apograph_repository::{Repository, RepositoryError, Writer};
use apograph_restore::{Options as RestoreOptions, RestoreError, restore};
use apograph_testing::scratch::scratch;

use crate::corruption::{self, Done};
use crate::derived::{check_copied, check_derived};
use crate::engine::{Engine, Keep};
use crate::live::Live;
use crate::names::{Names, Timelines};
use crate::op::{BackupMode, Op, RandomScenario};
use crate::read::state_of;
use crate::truth::ModelState;

/// One repository in so many is copied into a vault.
const COPIED_EACH: usize = 4;

/// The library that is tested. Tests put a faulty one in the place of the real one.
pub trait Library {
    /// Takes a backup.
    ///
    /// # Errors
    ///
    /// Those of [`capture`].
    fn capture(
        &self,
        database: &Path,
        repository: &Path,
        options: &Options,
    ) -> Result<Captured, CaptureError> {
        capture(database, repository, options, Context::default())
    }

    /// Restores a database.
    ///
    /// # Errors
    ///
    /// Those of [`restore`].
    fn restore(
        &self,
        repository: &Path,
        output: &Path,
        options: &RestoreOptions,
    ) -> Result<(), RestoreError> {
        restore(repository, output, options, Context::default()).map(drop)
    }

    /// Looks at a repository that is whole, once all has happened. `read` tells the state of a database
    /// that was restored from it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn finish(&self, _repository: &Path, _read: &ReadState<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// Tells the state of a database, by its path.
pub type ReadState<'a> = dyn Fn(&Path) -> Result<ModelState, String> + 'a;

/// The library as it is.
#[derive(Debug, Clone, Copy)]
pub struct Real;

impl Library for Real {}

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// At most so many points of a repository are restored at a time, spread over all of them.
    pub points: usize,
    /// Whether the repository is made anew from its segments in the end, and compared again.
    pub rebuilds: bool,
}

impl Effort {
    /// Every point, and again after a rebuild.
    pub const ALL: Self = Self {
        points: 64,
        rebuilds: true,
    };
    /// What a fuzz target has the time for.
    pub const SOME: Self = Self {
        points: 8,
        rebuilds: false,
    };
}

/// Where the library and the model disagree.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The last thing that happened: a number in the scenario, or one past it.
    pub op: usize,
    /// What is wrong, and what the model knows.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.op, self.detail)
    }
}

/// Lets a scenario happen.
///
/// # Panics
///
/// Where the library and the model disagree.
pub fn run(scenario: &RandomScenario, effort: Effort) {
    if let Err(failure) = check(scenario, &Real, effort) {
        panic!("{failure}\n\n{scenario}");
    }
}

/// Lets a scenario happen.
///
/// # Errors
///
/// Where the library and the model disagree.
///
/// # Panics
///
/// Where there is no room for the files.
pub fn check(
    scenario: &RandomScenario,
    library: &dyn Library,
    effort: Effort,
) -> Result<(), Failure> {
    let folder = scratch().expect("a temporary folder");
    let database = folder.path().join("db.grafeo");
    let mut stage = ModelRun {
        library,
        effort,
        root: folder.path().to_owned(),
        repository: folder.path().join("repository"),
        elsewhere: folder.path().join("elsewhere"),
        live: Live::at(database, scenario.generation),
        engine: Engine::new(scenario.generation),
        scenario,
        done: Done::default(),
        older: BTreeMap::new(),
        restored: 0,
        has_backup: false,
        names: Names::default(),
        names_elsewhere: Names::default(),
    };
    let play = |stage: &mut ModelRun<'_>, index: usize| match scenario.ops.get(index) {
        Some(op) => stage.play(*op),
        None => stage.finish(),
    };
    for index in 0..=scenario.ops.len() {
        play(&mut stage, index).map_err(|wrong| {
            let detail = match wrong {
                Wrong::Library(detail) => {
                    format!("{detail}\n{}", stage.engine.truth.describe())
                }
                Wrong::Io(error) => format!("the stage itself fails: {error}"),
            };
            Failure { op: index, detail }
        })?;
    }
    Ok(())
}

enum Wrong {
    Library(String),
    Io(io::Error),
}

impl From<String> for Wrong {
    fn from(detail: String) -> Self {
        Self::Library(detail)
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct ModelRun<'a> {
    library: &'a dyn Library,
    effort: Effort,
    root: PathBuf,
    repository: PathBuf,
    /// Another repository of the same database, which nobody damages.
    elsewhere: PathBuf,
    live: Live,
    engine: Engine,
    scenario: &'a RandomScenario,
    done: Done,
    older: BTreeMap<&'static str, Vec<u8>>,
    restored: usize,
    has_backup: bool,
    names: Names,
    names_elsewhere: Names,
}

impl ModelRun<'_> {
    fn play(&mut self, op: Op) -> Result<(), Wrong> {
        match op {
            Op::Commit(shape) => self.engine.commit(shape),
            Op::Change(shape) => self.engine.change(shape),
            Op::OutOfOrder(shape) => self.engine.out_of_order(shape),
            Op::Begin(shape) => self.engine.begin(shape),
            Op::Mark => self.engine.mark(),
            Op::Checkpoint => {
                let keep = self.keep();
                self.engine.checkpoint(keep);
            }
            Op::Rotate => self.engine.rotate(),
            Op::Close => {
                let keep = self.keep();
                self.engine.close(keep);
            }
            Op::Open => {
                self.engine.open();
            }
            Op::Crash { lost_bytes } => self.engine.crash(lost_bytes),
            Op::CrashInCheckpoint => self.engine.crash_in_checkpoint(),
            Op::Backup(kind) => self.back_up(kind)?,
            Op::BackupElsewhere => self.back_up_elsewhere()?,
            Op::LoseCursor => {
                self.live.remove_cursor();
                self.engine.is_without_cursor = true;
            }
            Op::LoseMarkers => {
                self.live.remove_markers();
                self.engine.goes_on = false;
            }
            Op::Damage(damage) if self.has_backup => {
                corruption::damage(&self.repository, damage, &self.older, &mut self.done)?;
                self.engine.goes_on = false;
                self.compare()?;
            }
            Op::Damage(_) => {}
            Op::Rebuild { is_lost } => self.rebuild(is_lost)?,
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Wrong> {
        self.compare()?;
        self.compare_elsewhere()?;
        if self.has_backup && !self.done.any {
            let (generation, truth) = (self.scenario.generation, &self.engine.truth);
            let read = |database: &Path| state_of(database, generation, truth);
            self.library.finish(&self.repository, &read)?;
        }
        if self.effort.rebuilds && self.has_backup && !self.done.any {
            let (repository, states) = (self.repository.clone(), self.effort.points.min(12));
            check_derived(&repository, states)?;
            // It takes as long as all the rest.
            if self.scenario.ops.len().is_multiple_of(COPIED_EACH) {
                check_copied(&repository, states, &mut |part| self.compare_part(part))?;
            }
        }
        if self.effort.rebuilds && !self.done.any {
            self.rebuild(true)?;
            self.compare()?;
        }
        Ok(())
    }

    fn keep(&self) -> Keep {
        self.live.keep(self.engine.folder_life())
    }

    fn back_up(&mut self, backup: BackupMode) -> Result<(), Wrong> {
        if !self.scenario.is_slow {
            self.engine.settle();
        }
        if backup == BackupMode::Full || !self.engine.goes_on {
            self.engine.log_pending();
        }
        self.live.write(self.engine.files())?;
        let older = corruption::small_files(&self.repository);
        let options = Options {
            kind: backup.into(),
            ..Options::default()
        };
        let taken = self
            .library
            .capture(self.live.path(), &self.repository, &options);
        let is_increment = match &taken {
            Err(error) => return Ok(self.judge_refusal(backup, error)?),
            Ok(Captured::Added { why: Some(why), .. }) => {
                if self.engine.goes_on && backup != BackupMode::Full {
                    return Err(format!("a needless full backup: {why}").into());
                }
                false
            }
            Ok(_) => true,
        };
        self.older = older;
        self.has_backup = true;
        if !matches!(taken, Ok(Captured::UpToDate { .. })) || self.engine.goes_on {
            self.engine.is_without_cursor = !self.live.has_cursor();
            self.engine.captured(is_increment);
            self.engine.goes_on &= !self.done.any;
        }
        self.compare_latest()?;
        self.note_names()
    }

    /// An increment may be refused where the log does not go on, and everything after damage.
    fn judge_refusal(&self, backup: BackupMode, error: &CaptureError) -> Result<(), String> {
        let may_break = backup == BackupMode::Incremental && !self.engine.goes_on;
        let is_broken = matches!(
            error,
            CaptureError::ChainBroken(_) | CaptureError::NoFullBackup
        );
        if self.done.any || may_break && is_broken {
            return Ok(());
        }
        Err(format!("the backup fails: {}", WithCauses(error)))
    }

    fn rebuild(&mut self, is_lost: bool) -> Result<(), Wrong> {
        if !self.has_backup {
            return Ok(());
        }
        if is_lost {
            for name in corruption::SMALL_FILES {
                corruption::remove(&self.repository.join(name));
            }
        }
        self.done.to_manifest = true;
        self.engine.goes_on = false;
        self.names.forget();
        let folder = Folder::open(&self.repository).map_err(RepositoryError::from);
        let rebuilt = folder.and_then(|folder| {
            Writer::lock(&folder, Context::default()).and_then(|writer| writer.rebuild())
        });
        match rebuilt {
            Err(error) if !self.done.any => {
                Err(format!("the rebuild fails: {}", WithCauses(&error)).into())
            }
            _ => Ok(()),
        }
    }

    /// Restores; `None` where that is refused, which only damage explains.
    fn restored(&mut self, target: Target) -> Result<Option<ModelState>, String> {
        let repository = self.repository.clone();
        match self.state_in(&repository, target) {
            // Damage that no checksum can tell is not the library's.
            Ok(Err(_)) if !self.done.can_be_told() => Ok(None),
            Ok(state) => state.map(Some),
            Err(_) if self.done.any => Ok(None),
            Err(error) => {
                let error = WithCauses(&error);
                Err(format!("{target} cannot be restored: {error}"))
            }
        }
    }

    /// What a restore gives, as it is read.
    fn state_in(
        &mut self,
        repository: &Path,
        target: Target,
    ) -> Result<Result<ModelState, String>, RestoreError> {
        self.restored += 1;
        let output = self.root.join(format!("out-{}.grafeo", self.restored));
        let options = RestoreOptions::to(target);
        self.library.restore(repository, &output, &options)?;
        let truth = &self.engine.truth;
        Ok(state_of(&output, self.scenario.generation, truth))
    }

    /// The last point that a part of a copy offers is the same state as in the repository, or was: a
    /// later segment can add to the last point of the one before.
    fn compare_part(&mut self, part: &Path) -> Result<(), String> {
        let opened = Repository::open(part, Context::default());
        // There may be nothing in it yet.
        let Ok(Some(last)) = opened.map(|it| it.chain().restorable().last().copied()) else {
            return Ok(());
        };
        let target = || Target::Point(Point::new(last.timeline, last.to).into());
        let repository = self.repository.clone();
        let [whole, found] = [repository.as_path(), part].map(|place| {
            let state = self.state_in(place, target());
            state.map_err(|error| WithCauses(&error).to_string())?
        });
        let (whole, found) = (whole?, found?);
        if whole.starts_with(&found) {
            return Ok(());
        }
        let target = target();
        Err(format!(
            "{target} of a part of a copy is {found:?}, and not {whole:?}"
        ))
    }

    /// After a backup the latest state is the live one.
    fn compare_latest(&mut self) -> Result<(), Wrong> {
        let live = self.engine.truth.live().clone();
        match self.restored(Target::Latest)? {
            Some(state) if state != live && self.done.can_be_told() => {
                Err(format!("the latest state is {state:?}, and not {live:?}").into())
            }
            _ => Ok(()),
        }
    }

    /// Restores what the repository offers by names that it did not offer before, and notes it.
    fn note_names(&mut self) -> Result<(), Wrong> {
        let Ok(repository) = Repository::open(&self.repository, Context::default()) else {
            return Ok(());
        };
        let mut points = self.points(&repository);
        points.retain(|(point, _)| !self.names.knows(*point));
        let new = points.len().saturating_sub(self.effort.points);
        for (point, is_last) in points.into_iter().skip(new) {
            if let Some(state) = self.restored(Target::Point(point.into()))? {
                self.names.note(point, is_last, &state);
            }
        }
        Ok(())
    }

    /// Restores what the repository offers, and compares.
    fn compare(&mut self) -> Result<(), Wrong> {
        if !self.has_backup {
            return Ok(());
        }
        let points = match Repository::open(&self.repository, Context::default()) {
            Ok(repository) => self.points(&repository),
            Err(_) if self.done.any => return Ok(()),
            Err(error) => {
                let error = WithCauses(&error);
                return Err(format!("the repository cannot be opened: {error}").into());
            }
        };
        let count = points.len();
        let step = count.div_ceil(self.effort.points).max(1);
        let mut timelines: Timelines = BTreeMap::new();
        for (index, (point, is_last)) in points.into_iter().enumerate() {
            if index % step != 0 && !is_last {
                continue;
            }
            let Some(state) = self.restored(Target::Point(point.into()))? else {
                continue;
            };
            let timeline = timelines.entry(point.timeline.get()).or_default();
            timeline.push((point.epoch.get(), state));
        }
        if self.done.can_be_told() {
            self.judge(&timelines)?;
            if !self.done.any && step == 1 {
                self.judge_required(&timelines)?;
            }
            let (truth, is_damaged) = (&self.engine.truth, self.done.any);
            self.names.judge(&timelines, truth, is_damaged)?;
        }
        match self.restored(Target::Latest)? {
            Some(state) if self.done.can_be_told() && !self.engine.truth.was_ever(&state) => {
                Err(format!("the latest state is {state:?}, which never was").into())
            }
            _ => Ok(()),
        }
    }

    /// The points that can be restored, and whether each is the last of its timeline.
    fn points(&self, repository: &Repository) -> Vec<(Point, bool)> {
        let ranges = repository.chain().restorable();
        let most = self.effort.points as u64;
        let points = ranges.iter().enumerate().flat_map(|(index, range)| {
            let goes_on = ranges
                .get(index + 1)
                .is_some_and(|next| next.timeline == range.timeline);
            let (from, to) = (range.from.get(), range.to.get());
            // A range of a damaged repository may claim any number.
            let front = from..=to.min(from.saturating_add(most));
            let back = to.max(from.saturating_add(most).saturating_add(1))..=to;
            front.chain(back).map(move |epoch| {
                let point = Point::new(range.timeline, Epoch::new(epoch));
                (point, epoch == to && !goes_on)
            })
        });
        points.collect()
    }

    /// Each timeline is what one history was.
    fn judge(&self, timelines: &Timelines) -> Result<(), String> {
        let truth = &self.engine.truth;
        let agrees = |states: &[(u64, ModelState)]| truth.agrees(states, self.done.any);
        match timelines.iter().find(|(_, states)| !agrees(states)) {
            None => Ok(()),
            Some((timeline, states)) => Err(format!(
                "timeline {timeline} is {states:?}, which no history was"
            )),
        }
    }

    /// Whatever was captured is there.
    fn judge_required(&self, timelines: &Timelines) -> Result<(), String> {
        let truth = &self.engine.truth;
        let states = || timelines.values().flatten();
        let is_lacking = |moment: &crate::truth::Moment| {
            !states().any(|(_, state)| truth.is_state_of(*moment, state))
        };
        match truth.required().into_iter().find(is_lacking) {
            None => Ok(()),
            Some(lacking) => Err(format!(
                "epoch {} of history {} was captured and is not offered; offered are {timelines:?}",
                lacking.epoch, lacking.history
            )),
        }
    }
}

//! Databases that live in a folder, with the repositories of their backups.

#![expect(
    clippy::missing_panics_doc,
    reason = "every method panics where the engine or the file system does not do what the story says"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::history::History;
use super::report::{Finding, FindingKind, Report};
use crate::command::{Apograph, Outcome};
use crate::disk;
use crate::driver::{Engine, EngineError};
use crate::generation::Generation;
use crate::protocol::OpenOptions;
use crate::surroundings::{Clock, Surroundings};

/// So many points of a repository are restored at most, spread over all of them.
const MOST_POINTS: usize = 40;

/// The programs that a life needs.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The command.
    pub command: Apograph,
    /// The driver of the engine.
    pub driver: PathBuf,
    /// Which one that is.
    pub generation: Generation,
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
    databases: BTreeMap<String, Database>,
    repositories: BTreeMap<String, Repository>,
    /// What the databases were before they were opened anew.
    past: Vec<History>,
    report: Report,
    copies: usize,
    surroundings: Surroundings,
}

#[derive(Debug, Default)]
struct Database {
    path: PathBuf,
    engine: Option<Engine>,
    is_open: bool,
    options: OpenOptions,
    history: History,
    /// Its files were mixed with those of another moment: what lies in its log never was.
    is_mixed: bool,
    /// It was compacted since it was opened: in generation 1 its image then lacks what sessions did
    /// to nodes that were there before.
    is_compacted: bool,
}

#[derive(Debug, Default)]
struct Repository {
    points: BTreeSet<(u64, u64)>,
    /// Timelines that were captured from mixed files.
    mixed: BTreeSet<u64>,
    /// Derived files or segments were changed by somebody.
    is_changed: bool,
}

/// A copy of a database with all that is known of it.
#[derive(Debug)]
pub struct Snapshot {
    folder: PathBuf,
    history: History,
}

impl World {
    /// An empty folder.
    pub fn new(tools: &Tools) -> Self {
        let folder = scratch();
        Self {
            judge: Engine::start(&tools.driver),
            tools: tools.clone(),
            folder,
            databases: BTreeMap::new(),
            repositories: BTreeMap::new(),
            past: Vec::new(),
            report: Report::default(),
            copies: 0,
            surroundings: Surroundings::default(),
        }
    }

    /// Gives the engines and the command a clock that can be set, where the machine has one.
    pub fn take_clock(&mut self) -> Option<Clock> {
        let clock = Clock::at(&self.path("clock"))?;
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
        let surroundings = Surroundings {
            user: self.surroundings.user.filter(|_| is_so),
            ..self.surroundings.clone()
        };
        self.tools.command = self.tools.command.within(&surroundings);
    }

    /// What this process wrote into a folder is that user's.
    fn hand_over(&self, folder: &Path) {
        if let Some(user) = self.surroundings.user {
            let mut command = std::process::Command::new("chown");
            command.args(["-R", &format!("{user}:{user}")]).arg(folder);
            assert!(command.status().is_ok_and(|it| it.success()), "chown");
        }
    }

    /// The generation of the engine.
    pub fn generation(&self) -> Generation {
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

    /// How a database is opened from now on.
    pub fn set_options(&mut self, name: &str, options: OpenOptions) {
        self.known(name).options = options;
    }

    /// Whether an engine has the database open.
    pub fn is_open(&mut self, name: &str) -> bool {
        self.known(name).is_open
    }

    /// Opens a database.
    pub fn open(&mut self, name: &str) {
        self.try_open(name)
            .unwrap_or_else(|error| panic!("{name} cannot be opened: {error}"));
    }

    /// Opens a database, where the engine does not refuse it.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub fn try_open(&mut self, name: &str) -> Result<(), EngineError> {
        if self.is_open(name) {
            return Ok(());
        }
        let (driver, surroundings) = (self.tools.driver.clone(), self.surroundings.clone());
        let generation = self.generation();
        let database = self.known(name);
        let folder = database.path.parent().expect("it lies in a folder");
        let folder = folder.to_owned();
        if !folder.is_dir() {
            fs::create_dir_all(&folder).expect("a folder can be created");
            self.hand_over(&folder);
        }
        let database = self.known(name);
        let options = database.options;
        let path = database.path.clone();
        let engine = database
            .engine
            .get_or_insert_with(|| Engine::start_within(&driver, &surroundings));
        engine.open_with(&path, options)?;
        database.is_open = true;
        database.is_compacted = false;
        let (epoch, content) = (engine.epoch()?, engine.content()?);
        let before = database.history.clone();
        database.history.reopen(generation, epoch, content);
        self.past.push(before);
        Ok(())
    }

    /// The engine that has the database open.
    pub fn engine(&mut self, name: &str) -> &mut Engine {
        let database = self.known(name);
        assert!(database.is_open, "{name} is not open");
        database.engine.as_mut().expect("an open database has one")
    }

    /// Writes down how the database is now.
    pub fn observe(&mut self, name: &str) {
        let engine = self.engine(name);
        let epoch = engine.epoch().expect("an epoch");
        let content = engine.content().expect("a content");
        self.known(name).history.note(epoch, content);
    }

    /// Runs statements; one that fails is a part of the life, too.
    pub fn run(&mut self, name: &str, op: &str) {
        match self.engine(name).run(op) {
            Ok(_) | Err(EngineError::Refused { .. }) => self.observe(name),
            Err(error) => panic!("{op}: {error}"),
        }
    }

    /// Inserts nodes, each in a transaction of its own.
    pub fn insert(&mut self, name: &str, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.run(name, &format!("INSERT (:R {{i:{number}}})"));
        }
    }

    /// Writes a checkpoint.
    pub fn checkpoint(&mut self, name: &str) {
        self.engine(name).checkpoint().expect("a checkpoint");
    }

    /// Brings the database into its compact form, where the engine does not refuse.
    pub fn compact(&mut self, name: &str) {
        if self.engine(name).compact().is_ok() {
            let database = self.known(name);
            database.is_mixed = true;
            database.is_compacted = true;
        }
        self.observe(name);
    }

    /// Closes the database in order.
    pub fn close(&mut self, name: &str) {
        if self.is_open(name) {
            let generation = self.generation();
            self.engine(name).close().expect("a close");
            let database = self.known(name);
            database.is_open = false;
            // All that lies there now was written by this process; generation 2 may keep its log.
            database.is_mixed &= generation == Generation::Two || database.is_compacted;
        }
    }

    /// Kills the engine.
    pub fn kill(&mut self, name: &str) {
        let database = self.known(name);
        database.engine = None;
        database.is_open = false;
    }

    /// Kills the engine, if it is not dead, and opens the database again.
    pub fn crash(&mut self, name: &str) {
        self.kill(name);
        self.open(name);
    }

    /// Kills the engine, and cuts bytes off the newest log file.
    pub fn tear(&mut self, name: &str, bytes: u64) {
        self.kill(name);
        let database = self.database(name);
        disk::tear_tail(&database, bytes).expect("a log file can be cut");
    }

    /// Copies a database as it lies there.
    pub fn snapshot(&mut self, name: &str) -> Snapshot {
        let folder = self.next_copy("snapshot");
        let database = self.database(name);
        disk::copy_database(&database, &folder).expect("a copy");
        Snapshot {
            folder,
            history: self.known(name).history.clone(),
        }
    }

    /// Puts a copy in the place of a database, whose engine is killed.
    pub fn roll_back(&mut self, name: &str, snapshot: &Snapshot) {
        self.remove(name);
        let path = self.database(name);
        let copy = snapshot.folder.join(path.file_name().expect("a name"));
        let folder = path.parent().expect("it lies in a folder");
        disk::copy_database(&copy, folder).expect("a copy");
        self.hand_over(folder);
        self.known(name).history = snapshot.history.clone();
    }

    /// The database file in a copy.
    pub fn file_of(&mut self, name: &str, snapshot: &Snapshot) -> PathBuf {
        let path = self.database(name);
        snapshot.folder.join(path.file_name().expect("a name"))
    }

    /// Removes a database and its log.
    pub fn remove(&mut self, name: &str) {
        self.kill(name);
        let path = self.database(name);
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(disk::log_folder(&path));
        self.forget(name);
    }

    /// Moves a database and its log to another folder; by `cp -a` nothing but the inodes changes.
    pub fn relocate(&mut self, name: &str, folder: &str, by_copy: bool) {
        self.kill(name);
        let path = self.database(name);
        let old = path.parent().expect("it lies in a folder");
        let new = self.path(folder);
        if by_copy {
            copy_archive(old, &new).expect("cp -a");
            fs::remove_dir_all(old).expect("a folder can be removed");
        } else {
            fs::rename(old, &new).expect("a folder can be moved");
        }
        self.known(name).path = new.join(path.file_name().expect("a name"));
    }

    /// The files of a database are from now on those of several moments: until it is closed, what
    /// lies in its log never was.
    pub fn mix(&mut self, name: &str) {
        self.known(name).is_mixed = true;
    }

    /// What was done to the files of a database by this process was done by their owner.
    pub fn hand_over_files(&mut self, name: &str) {
        let database = self.database(name);
        self.hand_over(database.parent().expect("it lies in a folder"));
    }

    /// What was restored is a database from now on, and goes on from the state of a point.
    pub fn adopt(&mut self, name: &str) {
        let database = self.database(name);
        let copy = self.plain_copy(&database);
        let Ok(dump) = self.judge.dump(&copy) else {
            return self.forget(name);
        };
        let here = self.databases.values().map(|it| &it.history);
        let known = here.chain(self.past.iter().rev());
        let mut known = known.filter(|history| history.has(dump.epoch, &dump.content));
        let history = known.next().cloned();
        self.past.push(self.databases[name].history.clone());
        self.known(name).history = history.unwrap_or_default();
    }

    /// Takes a backup of a database, or what the command takes for one, and judges it.
    pub fn back_up(&mut self, name: &str, repository: &str) -> Outcome {
        self.back_up_as(name, repository, None, None)
    }

    /// The same in a mode, and with another name for the database.
    pub fn back_up_as(
        &mut self,
        name: &str,
        repository: &str,
        mode: Option<&str>,
        alias: Option<&Path>,
    ) -> Outcome {
        let database = self.database(name);
        let place = self.repository(repository);
        let copy = self.plain_copy(&database);
        let named = alias.unwrap_or(&database);
        let outcome = self.tools.command.backup(named, &place, mode);
        self.report.count(&outcome);
        if outcome.exit == 0 {
            self.judge_backup(name, repository, &copy, &outcome);
        }
        remove_database(&copy);
        outcome
    }

    /// Takes a backup while a checkpoint is under way, so much later than that began.
    pub fn back_up_in_a_checkpoint(&mut self, name: &str, repository: &str, later: Duration) {
        let database = self.database(name);
        let place = self.repository(repository);
        let command = self.tools.command.clone();
        let engine = self.engine(name);
        let outcome = thread::scope(|scope| {
            let backup = scope.spawn(|| {
                thread::sleep(later);
                command.backup(&database, &place, None)
            });
            engine.checkpoint().expect("a checkpoint");
            backup.join().expect("a backup")
        });
        self.report.count(&outcome);
        if outcome.exit == 0 {
            let copy = self.plain_copy(&database);
            self.judge_backup(name, repository, &copy, &outcome);
        }
    }

    /// Whether a timeline was captured from the files of several moments.
    pub(crate) fn is_mixed(&self, repository: &str, timeline: u64) -> bool {
        let stored = self.repositories.get(repository);
        stored.is_some_and(|stored| stored.mixed.contains(&timeline))
    }

    /// Somebody changed derived files of a repository, or what it offers may be less for other
    /// reasons than a fault.
    pub fn change(&mut self, repository: &str) {
        self.stored(repository).is_changed = true;
    }

    /// Restores what a repository offers, and compares it with what was.
    pub fn judge_points(&mut self, repository: &str) {
        let place = self.repository(repository);
        if !place.exists() {
            return;
        }
        let points = match self.tools.command.restorable(&place) {
            Ok(points) => points,
            Err(refused) => {
                let detail = format!("{} cannot be listed: {}", repository, refused.json);
                return self.find(FindingKind::Wrong, detail);
            }
        };
        let step = points.len().div_ceil(MOST_POINTS).max(1);
        let mut timelines: BTreeMap<u64, Vec<(u64, Value)>> = BTreeMap::new();
        for (index, point) in points.iter().enumerate() {
            let is_last = points.get(index + 1).is_none_or(|next| next.0 != point.0);
            let is_mixed = self.stored(repository).mixed.contains(&point.0);
            if is_mixed || index % step != 0 && !is_last {
                continue;
            }
            let target = format!("{}:{}", point.0, point.1);
            match self.restored(&place, &["--epoch", &target]) {
                Ok(content) => {
                    let points = timelines.entry(point.0).or_default();
                    points.push((point.1, content));
                }
                Err(detail) => self.find(
                    FindingKind::Wrong,
                    format!("{repository}, {target}: {detail}"),
                ),
            }
        }
        for (timeline, points) in timelines {
            if let Some(detail) = self.disagreement(&points) {
                let detail = format!("{repository}, timeline {timeline}: {detail}");
                self.find(FindingKind::Wrong, detail);
            }
        }
    }

    /// Notes something that is wrong.
    pub fn find(&mut self, kind: FindingKind, detail: String) {
        self.report.findings.push(Finding { kind, detail });
    }

    fn judge_backup(&mut self, name: &str, repository: &str, copy: &Path, outcome: &Outcome) {
        let place = self.repository(repository);
        // What the engine does not open is nothing to compare with.
        let Ok(truth) = self.judge.dump(copy) else {
            self.report.unjudged += 1;
            return self.judge_offer(name, repository, &place);
        };
        match self.restored(&place, &["--latest"]) {
            Ok(content) if content == truth.content => {}
            Ok(content) => {
                let detail = format!(
                    "{} ({}): {} is there, and not {}",
                    outcome.word(),
                    outcome.json["why"],
                    content,
                    truth.content
                );
                self.find(FindingKind::Silent, detail);
            }
            Err(detail) => {
                let detail = format!("{}: latest: {detail}", outcome.word());
                self.find(FindingKind::Silent, detail);
            }
        }
        self.judge_offer(name, repository, &place);
    }

    /// What could be restored still can.
    fn judge_offer(&mut self, name: &str, repository: &str, place: &Path) {
        let points = match self.tools.command.restorable(place) {
            Ok(points) => BTreeSet::from_iter(points),
            Err(refused) => {
                let detail = format!("cannot be listed: {}", refused.json);
                return self.find(FindingKind::Wrong, detail);
            }
        };
        let is_mixed = self.known(name).is_mixed;
        let stored = self.stored(repository);
        let lost: Vec<_> = stored.points.difference(&points).copied().collect();
        let timelines = points.iter().map(|(timeline, _)| *timeline);
        let newest = stored.points.last().map_or(0, |(timeline, _)| *timeline);
        if is_mixed {
            let new = timelines.filter(|timeline| *timeline > newest);
            stored.mixed.extend(new);
        }
        let is_changed = std::mem::take(&mut stored.is_changed);
        stored.points = points;
        if !lost.is_empty() && !is_changed {
            self.find(FindingKind::Lost, format!("no longer offered: {lost:?}"));
        }
    }

    /// The content of what a restore gives.
    fn restored(&mut self, place: &Path, target: &[&str]) -> Result<Value, String> {
        let output = self.next_copy("restored").with_extension("grafeo");
        let outcome = self.tools.command.restore(place, &output, target);
        if outcome.exit != 0 {
            return Err(outcome.json.to_string());
        }
        let dump = self.judge.dump(&output);
        remove_database(&output);
        match dump {
            Ok(dump) => Ok(dump.content),
            Err(error) => Err(format!("the engine does not open it: {error}")),
        }
    }

    fn disagreement(&self, points: &[(u64, Value)]) -> Option<String> {
        let here = self.databases.values().map(|it| &it.history);
        let mut why = Vec::new();
        for history in here.chain(self.past.iter().rev()) {
            why.push(history.disagreement(points)?);
        }
        let first = points.first().map(|(epoch, _)| *epoch);
        let last = points.last().map(|(epoch, _)| *epoch);
        why.truncate(3);
        Some(format!(
            "{first:?} to {last:?} agree with no history: {why:#?}"
        ))
    }

    fn plain_copy(&mut self, database: &Path) -> PathBuf {
        let folder = self.next_copy("plain");
        disk::copy_database(database, &folder).expect("a plain copy");
        folder.join(database.file_name().expect("a name"))
    }

    fn next_copy(&mut self, what: &str) -> PathBuf {
        self.copies += 1;
        self.path(&format!("{what}-{}", self.copies))
    }

    fn known(&mut self, name: &str) -> &mut Database {
        let path = self.folder.path().join(name).join("db.grafeo");
        let new = || Database {
            path,
            ..Database::default()
        };
        self.databases.entry(name.to_owned()).or_insert_with(new)
    }

    fn stored(&mut self, repository: &str) -> &mut Repository {
        self.repositories.entry(repository.to_owned()).or_default()
    }

    /// The database goes on as another one.
    fn forget(&mut self, name: &str) {
        let history = std::mem::take(&mut self.known(name).history);
        self.past.push(history);
        self.known(name).is_mixed = false;
    }
}

fn remove_database(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(disk::log_folder(path));
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

/// Copies a folder with times, owners and links: `cp -a`.
fn copy_archive(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut command = std::process::Command::new("cp");
    let status = command.arg("-a").arg(from).arg(to).status()?;
    if status.success() {
        return Ok(());
    }
    Err(std::io::Error::other(format!("cp -a: {status}")))
}

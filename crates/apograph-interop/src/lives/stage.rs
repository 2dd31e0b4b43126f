//! Where things happen: two databases, and three repositories of each.

mod backups;
mod files;
mod small_files;

use super::alphabet::REPOSITORIES;
use super::comparison::EMBEDDING;
use super::op::{Db, Op, Work};
use super::report::Report;
use super::world::{Snapshot, Tools, World};
use crate::driver::EngineError;
use crate::generation::EngineGeneration;
use crate::protocol::{Call, OpenOptions};
use crate::surroundings::FakeClock;

use self::small_files::SmallFiles;

pub(crate) struct LifeStage {
    world: World,
    snapshots: [Option<Snapshot>; 2],
    /// Of the files before something was done to them.
    before: [Option<Snapshot>; 2],
    /// Of the repositories of the first database, before the newest backup.
    small_files: [SmallFiles; REPOSITORIES as usize],
    moves: u32,
    clock: Option<FakeClock>,
}

/// A user who owns nothing else.
const NOBODY: u32 = 65534;

/// Values that take more than a log file holds, which is full at 64 MiB.
const GROWN_VALUES: usize = 7;
const GROWN_BYTES: usize = 10 << 20;

/// Of a property that nothing else has: what is no embedding the engine loses where it moves those
/// of the same name out.
const EMBEDDINGS: &str = "CREATE VECTOR INDEX e ON :E(emb) DIMENSION 2 METRIC 'cosine'";

impl LifeStage {
    pub(crate) fn new(tools: &Tools, ops: &[Op]) -> Self {
        let mut world = World::new(tools);
        let has_clock = ops.iter().any(|op| matches!(op, Op::Clock(_)));
        let clock = has_clock.then(|| world.take_clock()).flatten();
        if ops.iter().any(|op| matches!(op, Op::ByOwner(_))) {
            world.take_user(NOBODY);
        }
        let has_embeddings = ops.iter().any(|op| matches!(op, Op::Embed(..)));
        let options = OpenOptions {
            spills_vectors: has_embeddings && world.generation() == EngineGeneration::One,
            ..OpenOptions::default()
        };
        for db in [Db::A, Db::B] {
            world.set_options(db.name(), options);
            world.open(db.name());
            if has_embeddings {
                world.run(db.name(), EMBEDDINGS);
            }
        }
        Self {
            world,
            snapshots: [None, None],
            before: [None, None],
            small_files: Default::default(),
            moves: 0,
            clock,
        }
    }

    pub(crate) fn report(&self) -> &Report {
        self.world.report()
    }

    pub(crate) fn play(&mut self, op: Op) {
        match op {
            Op::Work(db, work) => {
                self.open(db);
                self.world.run(db.name(), &work.op());
            }
            Op::Embed(db, number) => self.embed(db, number),
            Op::Grow(db) => self.grow(db),
            Op::Hold(db) => {
                self.open(db);
                let engine = self.world.engine(db.name());
                let _ = engine.hold("START TRANSACTION; INSERT (:H {i:0})");
            }
            Op::Release(db) => {
                self.open(db);
                let _ = self
                    .world
                    .engine(db.name())
                    .release("INSERT (:H {i:1}); COMMIT");
                self.world.observe(db.name());
            }
            Op::Checkpoint(db) => self.checkpoint(db),
            Op::Rotate(db) => {
                self.checkpoint(db);
                let _ = self.world.engine(db.name()).rotate();
            }
            Op::Compact(db) => {
                self.open(db);
                // What a session does that is open meanwhile is in the log and in no store.
                let _ = self.world.engine(db.name()).release("ROLLBACK");
                self.world.compact(db.name());
            }
            Op::Close(db) => self.world.close(db.name()),
            Op::Kill(db) => self.world.kill(db.name()),
            Op::CloseKilled(db, left) => self.close_killed(db, left),
            Op::Tear(db, bytes) => self.tear(db, bytes),
            Op::Garbage(db, bytes) => {
                self.world.kill(db.name());
                self.change_newest(db, |there| there.extend(vec![0xA5; bytes.into()]));
            }
            Op::Zero(db, which, place, bytes) => self.zero(db, which, place, bytes),
            Op::Snapshot(db) => {
                let snapshot = self.world.snapshot(db.name());
                self.snapshots[db as usize] = Some(snapshot);
            }
            Op::RollBack(db) => {
                if let Some(snapshot) = &self.snapshots[db as usize] {
                    self.world.roll_back(db.name(), snapshot);
                }
            }
            Op::SwapFile(db) => self.swap_file(db),
            Op::OldMarks(db) => self.old_markers(db),
            Op::LoseMarks(db) => self.lose_markers(db),
            Op::LoseFile(db, which) => self.lose_file(db, which),
            Op::LoseFolder(db) => self.lose_folder(db),
            Op::ExchangeLogs => self.exchange_logs(),
            Op::ExchangeLogFile(which) => self.exchange_log_file(which),
            Op::ExchangePlaces => self.world.exchange(Db::A.name(), Db::B.name()),
            Op::CopyOver => self.world.copy_over(Db::A.name(), Db::B.name()),
            Op::Link(db) => self.world.link(db.name()),
            Op::Move(db, by_copy) => {
                self.moves += 1;
                let folder = format!("{}-{}", db.name(), self.moves);
                self.world.relocate(db.name(), &folder, by_copy);
            }
            Op::RestoreOver(db, repository, point) => self.restore_over(db, repository, point),
            Op::EngineBackup(db) => self.engine_backup(db),
            Op::Backup(backup) => self.back_up(backup),
            Op::BackupInCheckpoint(db, later) => self.back_up_in_a_checkpoint(db, later),
            Op::BackupKilled(db, repository, mode, at) => {
                let (name, repository) = named(db, repository);
                self.world.kill_a_backup(name, &repository, mode, at);
            }
            Op::BackupBeside(db, repository, second) => {
                let (name, repository) = named(db, repository);
                self.world.back_up_beside(name, &repository, second);
            }
            Op::CompactVault(db, repository, killed_at) => {
                let (_, repository) = named(db, repository);
                self.world.compact_vault(&repository, killed_at);
            }
            Op::Sleep(db, repository, at) => {
                let (name, repository) = named(db, repository);
                self.world.fall_asleep(name, &repository, at);
            }
            Op::Wake(days_later) => self.world.wake_up(days_later),
            Op::Prune(db, repository) => {
                let (_, repository) = named(db, repository);
                self.world.prune(&repository);
            }
            Op::LoseSmall(repository, small) => self.lose_small(repository, small),
            Op::OldSmall(repository, small) => self.old_small(repository, small),
            Op::Rebuild(repository, is_lost) => self.rebuild(repository, is_lost),
            Op::Clock(hours) => {
                if let Some(clock) = &self.clock {
                    clock.set(i64::from(hours) * 3600);
                }
            }
            Op::ByOwner(is_so) => self.world.back_up_as_user(is_so),
        }
    }

    /// Each repository offers what was there; also without its record, and made anew.
    pub(crate) fn finish(&mut self) {
        self.play(Op::Wake(false));
        self.play(Op::Work(Db::A, Work::Insert(0)));
        for db in [Db::A, Db::B] {
            for number in 0..REPOSITORIES {
                let repository = format!("{}{number}", db.name());
                let folder = self.world.repository(&repository);
                if folder.is_dir() {
                    self.world.judge_points(&repository);
                    self.judge_derived(&repository, &folder);
                }
            }
        }
    }

    /// Opens a database. Where the engine refuses its files, what was done to them is undone.
    fn open(&mut self, db: Db) {
        let name = db.name();
        if self.world.is_open(name) {
            return;
        }
        let had_log = self.world.log_folder(name).is_dir();
        match self.world.try_open(name) {
            Ok(()) => {}
            Err(EngineError::Gone { .. } | EngineError::Refused { .. }) => {
                if let Some(before) = self.before[db as usize].take() {
                    self.world.roll_back(name, &before);
                }
                if self.world.try_open(name).is_err() {
                    self.world.remove(name);
                    self.world.open(name);
                }
            }
            Err(error) => panic!("{error}"),
        }
        // The first change after a crash without a seal has an epoch: the log of generation 1
        // does not tell which process made one without.
        if had_log && self.world.generation() == EngineGeneration::One {
            self.world.run(name, "INSERT (:Opened)");
        }
    }

    fn checkpoint(&mut self, db: Db) {
        self.open(db);
        let _ = self.world.engine(db.name()).checkpoint();
    }

    /// The last value is a small one, so that what is compared later is small.
    fn grow(&mut self, db: Db) {
        self.open(db);
        let values = (0..GROWN_VALUES).map(|number| format!("{number} ").repeat(GROWN_BYTES / 2));
        self.world.run(db.name(), "INSERT (:Grown)");
        for value in values.chain([String::new()]) {
            let statement = format!("MATCH (g:Grown) SET g.v = '{value}'");
            self.world.run(db.name(), &statement);
        }
    }

    fn embed(&mut self, db: Db, number: u8) {
        self.open(db);
        let vectors = (0..number).map(|index| vec![f32::from(index) + 1.0, f32::from(number)]);
        let call = Call::BatchCreateNodes {
            label: "E".into(),
            property: EMBEDDING.into(),
            vectors: vectors.collect(),
        };
        let _ = self.world.engine(db.name()).call(call);
        self.world.observe(db.name());
    }
}

/// The names of a database and of one of its repositories.
fn named(db: Db, repository: u8) -> (&'static str, String) {
    (db.name(), format!("{}{repository}", db.name()))
}

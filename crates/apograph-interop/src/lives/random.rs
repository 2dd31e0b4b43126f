//! Lets random things happen.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use super::op::{Backup, Db, Listed, Op, life};
use super::report::{FindingKind, Report};
use super::world::{Snapshot, Tools, World};
use crate::driver::EngineError;
use crate::generation::Generation;
use crate::surroundings::Clock;

/// A random life, and what it came to.
#[derive(Debug, Clone)]
pub struct Life {
    /// Its seed.
    pub seed: u64,
    ops: Vec<Op>,
    /// What it came to. It ends with the first finding.
    pub report: Report,
}

impl Life {
    /// Lives the life of a seed.
    pub fn of(tools: &Tools, seed: u64) -> Self {
        Self::lived(tools, seed, life(seed))
    }

    fn lived(tools: &Tools, seed: u64, mut ops: Vec<Op>) -> Self {
        let mut stage = Stage::new(tools, &ops);
        let mut count = 0;
        for op in &ops {
            count += 1;
            stage.play(*op);
            if !stage.world.report().findings.is_empty() {
                break;
            }
        }
        ops.truncate(count);
        if stage.world.report().findings.is_empty() {
            stage.finish();
        }
        let report = stage.world.report().clone();
        Self { seed, ops, report }
    }

    /// The same finding with fewer things that happen.
    #[must_use]
    pub fn shrunk(mut self, tools: &Tools) -> Self {
        let Some(kind) = self.report.findings.first().map(|it| it.kind) else {
            return self;
        };
        let mut size = self.ops.len() / 2;
        while size > 0 {
            let mut end = self.ops.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut fewer = self.ops.clone();
                fewer.drain(start..end);
                let shorter = Self::lived(tools, self.seed, fewer);
                if shorter
                    .report
                    .findings
                    .first()
                    .is_some_and(|it| it.kind == kind)
                {
                    self = shorter;
                }
                end = start.min(self.ops.len());
            }
            size /= 2;
        }
        self
    }

    /// What happens in it.
    pub fn story(&self) -> String {
        Listed(&self.ops).to_string()
    }
}

struct Stage {
    world: World,
    snapshots: [Option<Snapshot>; 2],
    /// Of the files before something was done to them.
    before: [Option<Snapshot>; 2],
    records: [Option<Vec<u8>>; 2],
    moves: u32,
    clock: Option<Clock>,
}

/// A user who owns nothing else.
const NOBODY: u32 = 65534;
const RECORD: &str = "apograph.json";
const SMALL_FILES: [&str; 2] = [RECORD, "backup_manifest.json"];

impl Stage {
    fn new(tools: &Tools, ops: &[Op]) -> Self {
        let mut world = World::new(tools);
        let has_clock = ops.iter().any(|op| matches!(op, Op::Clock(_)));
        let clock = has_clock.then(|| world.take_clock()).flatten();
        if ops.iter().any(|op| matches!(op, Op::ByOwner(_))) {
            world.take_user(NOBODY);
        }
        for db in [Db::A, Db::B] {
            world.open(db.name());
        }
        Self {
            world,
            snapshots: [None, None],
            before: [None, None],
            records: [None, None],
            moves: 0,
            clock,
        }
    }

    fn play(&mut self, op: Op) {
        match op {
            Op::Work(db, work) => {
                self.open(db);
                self.world.run(db.name(), &work.op());
            }
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
            Op::Tear(db, bytes) => {
                self.world.kill(db.name());
                self.change_newest(db, |bytes_there| {
                    let rest = bytes_there.len().saturating_sub(bytes.into());
                    bytes_there.truncate(rest);
                });
            }
            Op::Garbage(db, bytes) => {
                self.world.kill(db.name());
                self.change_newest(db, |there| there.extend(vec![0xA5; bytes.into()]));
            }
            Op::Zero(db, place, bytes) => {
                self.mix(db);
                self.change_newest(db, |there| {
                    let start = there.len() * usize::from(place) / 256;
                    let end = there.len().min(start + usize::from(bytes));
                    there[start..end].fill(0);
                });
            }
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
            Op::LoseFile(db, which) => {
                self.mix(db);
                let mut files = files_in(&self.world.log_folder(db.name()));
                if !files.is_empty() {
                    let file = files.remove(usize::from(which) % files.len());
                    fs::remove_file(file).expect("a file can be removed");
                }
            }
            Op::LoseFolder(db) => {
                self.mix(db);
                let _ = fs::remove_dir_all(self.world.log_folder(db.name()));
            }
            Op::ExchangeLogs => self.exchange_logs(),
            Op::Move(db, by_copy) => {
                self.moves += 1;
                let folder = format!("{}-{}", db.name(), self.moves);
                self.world.relocate(db.name(), &folder, by_copy);
            }
            Op::RestoreOver(repository, point) => self.restore_over(repository, point),
            Op::EngineBackup(db) => self.engine_backup(db),
            Op::Backup(backup) => self.back_up(backup),
            Op::LoseRecord(repository) => {
                let _ = fs::remove_file(self.repository(repository).join(RECORD));
            }
            Op::OldRecord(repository) => {
                let folder = self.repository(repository);
                if let Some(record) = &self.records[usize::from(repository)]
                    && folder.is_dir()
                {
                    fs::write(folder.join(RECORD), record).expect("a file can be written");
                }
            }
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
    fn finish(&mut self) {
        self.play(Op::Work(Db::A, super::op::Work::Insert(0)));
        for repository in ["a0", "a1", "b0", "b1"] {
            let folder = self.world.repository(repository);
            if folder.is_dir() {
                self.world.judge_points(repository);
                self.judge_derived(repository, &folder);
            }
        }
    }

    fn judge_derived(&mut self, repository: &str, folder: &Path) {
        let command = self.world.command().clone();
        let Ok(before) = command.restorable(folder) else {
            return;
        };
        for lost in [&SMALL_FILES[..1], &SMALL_FILES] {
            for name in lost {
                let _ = fs::remove_file(folder.join(name));
            }
            if lost.len() > 1 {
                let rebuilt = command.run(["rebuild".as_ref(), folder.as_os_str()]);
                if rebuilt.exit != 0 {
                    let detail = format!("{repository} is not rebuilt: {}", rebuilt.json);
                    self.world.find(FindingKind::Wrong, detail);
                    return;
                }
            }
            let after = command.restorable(folder).unwrap_or_default();
            if after != before {
                let detail = format!("{repository} without {lost:?}: {after:?}, not {before:?}");
                self.world.find(FindingKind::Lost, detail);
                return;
            }
        }
        self.world.judge_points(repository);
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
        if had_log && self.world.generation() == Generation::One {
            self.world.run(name, "INSERT (:Opened)");
        }
    }

    fn checkpoint(&mut self, db: Db) {
        self.open(db);
        let _ = self.world.engine(db.name()).checkpoint();
    }

    /// From now on files of several moments lie together.
    fn mix(&mut self, db: Db) {
        self.world.kill(db.name());
        self.before[db as usize] = Some(self.world.snapshot(db.name()));
        self.world.mix(db.name());
    }

    fn change_newest(&mut self, db: Db, change: impl FnOnce(&mut Vec<u8>)) {
        let name = db.name();
        if !self.world.log_folder(name).is_dir() {
            return;
        }
        if let Some(newest) = self.world.log_files(name).pop() {
            let mut bytes = fs::read(&newest).expect("a log file can be read");
            change(&mut bytes);
            fs::write(&newest, bytes).expect("a log file can be written");
        }
    }

    /// A file whose bit in `left` is set was not removed yet.
    fn close_killed(&mut self, db: Db, left: u8) {
        let name = db.name();
        if !self.world.is_open(name) {
            return;
        }
        let snapshot = self.world.snapshot(name);
        let copy = self.world.file_of(name, &snapshot);
        self.world.close(name);
        self.mix(db);
        let log = self.world.log_folder(name);
        let files = files_in(&copy.with_extension("grafeo.wal"));
        for (index, file) in files.iter().enumerate() {
            if left >> (index % 8) & 1 == 1 {
                let _ = fs::create_dir(&log);
                let target = log.join(file.file_name().expect("a name"));
                fs::copy(file, target).expect("a file can be copied");
            }
        }
        self.world.hand_over_files(name);
    }

    fn swap_file(&mut self, db: Db) {
        if self.snapshots[db as usize].is_none() {
            return;
        }
        self.mix(db);
        if let Some(snapshot) = &self.snapshots[db as usize] {
            let file = self.world.file_of(db.name(), snapshot);
            let database = self.world.database(db.name());
            fs::copy(file, database).expect("a file can be copied");
        }
    }

    fn exchange_logs(&mut self) {
        for db in [Db::A, Db::B] {
            self.mix(db);
        }
        let [a, b] = [Db::A, Db::B].map(|db| self.world.log_folder(db.name()));
        if a.is_dir() && b.is_dir() {
            let between = self.world.path("between");
            for (from, to) in [(&a, &between), (&b, &a), (&between, &b)] {
                fs::rename(from, to).expect("a folder can be moved");
            }
        }
    }

    fn restore_over(&mut self, repository: u8, point: u8) {
        let folder = self.repository(repository);
        let command = self.world.command().clone();
        let points = command.restorable(&folder).unwrap_or_default();
        if points.is_empty() {
            return;
        }
        let name = Db::A.name();
        let (timeline, epoch) = points[usize::from(point) % points.len()];
        self.world.kill(name);
        self.before[Db::A as usize] = Some(self.world.snapshot(name));
        self.world.remove(name);
        let target = ["--epoch", &format!("{timeline}:{epoch}")];
        let database = self.world.database(name);
        let restored = command.restore(&folder, &database, &target);
        if restored.exit == 0 {
            self.world.adopt(name);
            if self
                .world
                .is_mixed(&format!("{name}{repository}"), timeline)
            {
                self.world.mix(name);
            }
        } else {
            let detail = format!("{target:?} is offered: {}", restored.json);
            self.world.find(FindingKind::Wrong, detail);
        }
    }

    fn engine_backup(&mut self, db: Db) {
        self.open(db);
        let theirs = self.world.path(&format!("theirs-{}", db.name()));
        let engine = self.world.engine(db.name());
        if engine.backup_incremental(&theirs).is_err() {
            let _ = engine.backup_full(&theirs);
        }
    }

    fn back_up(&mut self, backup: Backup) {
        let name = backup.db.name();
        let repository = format!("{name}{}", backup.repository);
        let folder = self.world.repository(&repository);
        if backup.db == Db::A {
            let record = fs::read(folder.join(RECORD)).ok();
            self.records[usize::from(backup.repository)] = record;
        }
        let alias = backup.by_link.then(|| self.link(backup.db));
        if backup.is_read && folder.is_dir() {
            let command = self.world.command().clone();
            let reader = thread::spawn(move || {
                let words = ["list", "verify"].map(|word| [word.as_ref(), folder.as_os_str()]);
                words.map(|words| command.run(words))
            });
            self.world
                .back_up_as(name, &repository, backup.mode, alias.as_deref());
            for outcome in reader.join().expect("a reader") {
                if outcome.exit != 0 || outcome.json["ok"] == false {
                    let detail = format!("read beside a backup: {}", outcome.json);
                    self.world.find(FindingKind::Wrong, detail);
                }
            }
        } else {
            self.world
                .back_up_as(name, &repository, backup.mode, alias.as_deref());
        }
    }

    /// A symbolic link to a database.
    fn link(&mut self, db: Db) -> PathBuf {
        let database = self.world.database(db.name());
        let link = self.world.path(&format!("link-{}.grafeo", db.name()));
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(database, &link).expect("a link");
        link
    }

    fn rebuild(&mut self, repository: u8, is_lost: bool) {
        let folder = self.repository(repository);
        if !folder.is_dir() {
            return;
        }
        if is_lost {
            for name in SMALL_FILES {
                let _ = fs::remove_file(folder.join(name));
            }
        }
        let rebuilt = self
            .world
            .command()
            .run(["rebuild".as_ref(), folder.as_os_str()]);
        if rebuilt.exit != 0 {
            let detail = format!("not rebuilt: {}", rebuilt.json);
            self.world.find(FindingKind::Wrong, detail);
        }
    }

    fn repository(&self, number: u8) -> PathBuf {
        self.world.repository(&format!("{}{number}", Db::A.name()))
    }
}

/// The files of a folder, by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|it| it.ok().map(|it| it.path()))
        .collect();
    files.sort();
    files
}

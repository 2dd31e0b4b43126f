//! Folder databases of Grafeo 0.5, which are all log: every point comes back, as a folder or as a
//! file, through kills, closes, checkpoints and new log files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use apograph_interop::{Engine, EngineGeneration};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{apograph, backup, contents, restorable, restore, text};
use crate::fixtures;
use crate::stage::insert;

/// A folder database, with its backups in a folder and in a vault.
struct Stage {
    folder: TempDir,
    engine: Option<Engine>,
    /// What the engine said at each point; a life is a timeline here.
    said: BTreeMap<(u64, u64), Value>,
    life: u64,
    next: u64,
}

impl Stage {
    fn new() -> Self {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            engine: None,
            said: BTreeMap::new(),
            life: 0,
            next: 0,
        };
        apograph(["init", text(&stage.path("vault")), "--vault"]).ok();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("people.db")
    }

    fn repositories(&self) -> [PathBuf; 2] {
        [self.path("repository"), self.path("vault")]
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("an open database")
    }

    fn open(&mut self) {
        let mut engine = fixtures::engine(EngineGeneration::One);
        engine.open(&self.database()).unwrap();
        self.engine = Some(engine);
        self.life += 1;
        let content = self.engine().content().unwrap();
        self.said.insert((self.life, 0), content);
    }

    /// Commits, each an epoch.
    fn commit(&mut self, count: u64) {
        for number in self.next..self.next + count {
            insert(self.engine(), number..number + 1);
            let epoch = self.engine().epoch().unwrap();
            let content = self.engine().content().unwrap();
            self.said.insert((self.life, epoch), content);
        }
        self.next += count;
    }

    fn kill(&mut self) {
        self.engine.take().expect("an open database").kill();
    }

    fn close(&mut self) {
        self.engine().close().unwrap();
        self.engine = None;
    }

    fn backup(&self, mode: Option<&str>, outcome: &str) {
        for repository in self.repositories() {
            let taken = backup(&self.database(), &repository, mode).ok();
            assert_eq!(taken["outcome"], outcome, "{taken}");
        }
    }

    /// Restores every point under a name, and lets the engine say what it is.
    fn judge(&self, name: &str) {
        let mut engine = fixtures::engine(EngineGeneration::One);
        for repository in self.repositories() {
            let points = restorable(&repository);
            let said: Vec<_> = self.said.keys().copied().collect();
            assert_eq!(points, said, "{}", repository.display());
            for (timeline, epoch) in points {
                let scratch = tempfile::tempdir().unwrap();
                let output = scratch.path().join(name);
                let point = format!("{timeline}:{epoch}");
                restore(&repository, &output, &["--epoch", &point]).ok();
                assert_eq!(output.is_dir(), !name.ends_with(".grafeo"));
                let content = engine.dump(&output).unwrap().content;
                assert_eq!(content, self.said[&(timeline, epoch)], "{point}");
            }
            let verified = apograph(["verify", text(&repository)]).ok();
            assert_eq!(verified["ok"], true, "{verified}");
        }
    }
}

#[test]
fn every_point_of_every_life_comes_back_as_a_folder_and_as_a_file() {
    let mut stage = Stage::new();
    stage.open();
    stage.backup(None, "full");
    stage.commit(3);
    stage.backup(None, "incremental");
    stage.engine().checkpoint().unwrap();
    stage.commit(2);
    stage.backup(None, "incremental");
    stage.engine().rotate().unwrap();
    stage.commit(2);
    stage.backup(Some("--incremental"), "incremental");
    stage.backup(None, "up-to-date");
    stage.kill();
    stage.backup(None, "up-to-date");
    stage.open();
    stage.commit(3);
    stage.backup(None, "incremental");
    stage.commit(1);
    stage.close();
    stage.backup(None, "incremental");
    stage.open();
    stage.commit(2);
    stage.backup(Some("--full"), "full");
    stage.commit(2);
    stage.kill();
    stage.open();
    stage.commit(1);
    stage.backup(None, "incremental");
    stage.judge("copy.db");
    stage.judge("copy.grafeo");
}

/// What the engine restores of the repository is a database file.
#[test]
fn the_engine_itself_restores_the_repository_of_a_folder_database() {
    let mut stage = Stage::new();
    stage.open();
    stage.commit(2);
    stage.backup(None, "full");
    stage.commit(3);
    stage.backup(None, "incremental");
    for epoch in 1..=5 {
        let output = stage.path(&format!("theirs{epoch}.grafeo"));
        let repository = stage.path("repository");
        let mut engine = fixtures::engine(EngineGeneration::One);
        engine.restore(&repository, epoch, &output).unwrap();
        let content = engine.dump(&output).unwrap().content;
        assert_eq!(content, stage.said[&(1, epoch)], "{epoch}");
    }
}

/// A folder database that begins as that of a [`Stage`] does, and differs later.
fn other_folder(database: &Path) -> Engine {
    let mut engine = fixtures::engine(EngineGeneration::One);
    engine.open(database).unwrap();
    insert(&mut engine, 0..1);
    insert(&mut engine, 7..9);
    engine
}

/// It begins with the same statements, and differs later.
#[test]
fn another_folder_database_is_foreign() {
    let mut stage = Stage::new();
    stage.open();
    stage.commit(2);
    stage.backup(None, "full");
    let other = stage.path("other.db");
    let _engine = other_folder(&other);
    for repository in stage.repositories() {
        let before = contents(&repository);
        for mode in ["--full", "--incremental", "--quiet"] {
            let words = ["backup", text(&other), "--repo", text(&repository), mode];
            let refused = apograph(words);
            assert_eq!(refused.code(), "foreign-database", "{}", refused.json);
        }
        assert_eq!(contents(&repository), before);
    }
}

/// A restored database goes on in the repository that it is from, and in the other one.
#[test]
fn a_restored_folder_goes_on_in_its_repositories() {
    let mut stage = Stage::new();
    stage.open();
    stage.commit(4);
    stage.backup(None, "full");
    stage.kill();
    std::fs::remove_dir_all(stage.database()).unwrap();
    let (repository, database) = (stage.path("repository"), stage.database());
    restore(&repository, &database, &["--epoch", "2"]).ok();
    let mut engine = fixtures::engine(EngineGeneration::One);
    engine.open(&database).unwrap();
    insert(&mut engine, 10..11);
    stage.backup(None, "full");
    insert(&mut engine, 11..12);
    stage.backup(Some("--incremental"), "incremental");
    let content = engine.content().unwrap();
    for (number, repository) in stage.repositories().into_iter().enumerate() {
        let output = stage.path(&format!("copy{number}.db"));
        restore(&repository, &output, &[]).ok();
        let copy = fixtures::engine(EngineGeneration::One).dump(&output);
        assert_eq!(copy.unwrap().content, content);
    }
}

/// It would go with the folder when Grafeo 0.6 migrates it.
#[test]
fn nothing_is_put_into_a_folder_database() {
    let mut stage = Stage::new();
    stage.open();
    stage.commit(1);
    stage.backup(None, "full");
    let inside = stage.database().join("backups");
    let refused = apograph(["backup", text(&stage.database()), "--repo", text(&inside)]);
    assert_eq!(refused.code(), "usage", "{}", refused.json);
    let output = stage.database().join("copy.db");
    let refused = apograph(["restore", text(&stage.path("repository")), text(&output)]);
    assert_eq!(refused.code(), "usage", "{}", refused.json);
    assert!(!Path::exists(&inside) && !Path::exists(&output));
}

/// Nothing says which release it is of, so the log has to.
#[test]
fn a_log_with_records_and_no_commit_is_refused() {
    let mut stage = Stage::new();
    stage.open();
    stage.commit(1);
    stage.kill();
    let log = stage.database().join("wal/wal_00000000.log");
    let bytes = std::fs::read(&log).unwrap();
    let first = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    std::fs::write(&log, &bytes[..first as usize + 8]).unwrap();
    for repository in stage.repositories() {
        let refused = backup(&stage.database(), &repository, None);
        assert_eq!(refused.code(), "unsupported-version", "{}", refused.json);
    }
}

/// It was migrated, began with the same statements, and differs later.
#[test]
fn another_migrated_folder_database_is_foreign() {
    let mut stage = Stage::new();
    stage.open();
    stage.commit(3);
    stage.backup(None, "full");
    stage.close();
    let other = stage.path("other.db");
    other_folder(&other).close().unwrap();
    let mut newer = EngineGeneration::ALL.map(|_| fixtures::engine(EngineGeneration::Two));
    for (engine, database) in newer.iter_mut().zip([&other, &stage.database()]) {
        engine.open(database).unwrap();
    }
    for repository in stage.repositories() {
        let refused = backup(&other, &repository, None);
        assert_eq!(refused.code(), "foreign-database", "{}", refused.json);
    }
    // What was captured says that it is the one, also where the markers are lost.
    let log = stage.path("people.db.pre-0.6/wal");
    for entry in std::fs::read_dir(log).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "mark") {
            std::fs::remove_file(path).unwrap();
        }
    }
    stage.backup(None, "full");
}

/// One repository, from before the migration to after it.
#[test]
fn a_migrated_folder_database_goes_on_in_its_repository() {
    for is_closed in [true, false] {
        let mut stage = Stage::new();
        stage.open();
        stage.commit(2);
        stage.backup(None, "full");
        stage.commit(2);
        stage.backup(Some("--incremental"), "incremental");
        if is_closed {
            stage.close();
            stage.backup(None, "incremental");
        } else {
            stage.kill();
        }
        let before = stage.said.clone();
        let mut newer = fixtures::engine(EngineGeneration::Two);
        newer.open(&stage.database()).unwrap();
        stage.backup(None, "full");
        let mut after = BTreeMap::new();
        for number in 10..14 {
            insert(&mut newer, number..number + 1);
            let epoch = newer.epoch().unwrap();
            after.insert((2, epoch), newer.content().unwrap());
            stage.backup(Some("--incremental"), "incremental");
        }
        newer.close().unwrap();
        let mut engines = EngineGeneration::ALL.map(fixtures::engine);
        for repository in stage.repositories() {
            for (said, engine) in [&before, &after].into_iter().zip(&mut engines) {
                for ((timeline, epoch), content) in said {
                    let scratch = tempfile::tempdir().unwrap();
                    let output = scratch.path().join("copy.db");
                    let point = format!("{timeline}:{epoch}");
                    restore(&repository, &output, &["--epoch", &point]).ok();
                    let copy = engine.dump(&output).unwrap().content;
                    assert_eq!(copy, *content, "{point}");
                }
            }
        }
    }
}

//! The log of generation 2 and the chain that goes on with it, or must not.

use std::path::{Path, PathBuf};

use apograph::capture::{Kind, Options, capture};
use apograph_interop::{Engine, EngineGeneration};
use apograph_testing::context::every_core;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{apograph, backup, restorable, restore, text};
use crate::fixtures;
use crate::stage::{ChainStage, insert, with_flipped_bytes};

/// A database that the engine has open.
struct Live {
    folder: TempDir,
    engine: Engine,
}

impl Live {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = fixtures::engine(EngineGeneration::Two);
        engine.open(&folder.path().join("db.grafeo")).unwrap();
        Self { folder, engine }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("db.grafeo")
    }

    fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    fn log_files(&self) -> Vec<PathBuf> {
        let log = self.path("db.grafeo.wal").read_dir().unwrap();
        let mut files: Vec<_> = log.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|it| it == "log"));
        files.sort();
        files
    }

    fn reopen(&mut self) {
        self.engine.close().unwrap();
        let database = self.database();
        self.engine.open(&database).unwrap();
    }
}

#[test]
fn an_increment_goes_on_across_a_close() {
    let mut live = Live::new();
    let (database, repository) = (live.database(), live.repository());
    backup(&database, &repository, None).ok();
    insert(&mut live.engine, 0..5);
    live.reopen();
    insert(&mut live.engine, 5..8);
    backup(&database, &repository, Some("--incremental")).ok();
    live.engine.close().unwrap();
    backup(&database, &repository, Some("--incremental")).ok();
    let whole: Vec<_> = (0..=8).map(|epoch| (1, epoch)).collect();
    assert_eq!(restorable(&repository), whole);
}

#[test]
fn a_log_that_was_removed_breaks_the_chain() {
    let mut live = Live::new();
    let (database, repository) = (live.database(), live.repository());
    insert(&mut live.engine, 0..2);
    backup(&database, &repository, None).ok();
    insert(&mut live.engine, 2..4);
    // Without a cursor, a close removes the log.
    std::fs::remove_file(live.path("db.grafeo.wal/backup_cursor.meta")).unwrap();
    live.reopen();
    insert(&mut live.engine, 4..6);
    let outcome = backup(&database, &repository, Some("--incremental"));
    assert_eq!(outcome.code(), "chain-broken", "{}", outcome.json);
    let full = backup(&database, &repository, None).ok();
    assert_eq!(full["outcome"], "full", "{full}");
    assert!(!full["why"].as_str().unwrap().is_empty());
    let points = restorable(&repository);
    assert_eq!(points[..3], [(1, 0), (1, 1), (1, 2)]);
    assert_eq!(points.last(), Some(&(2, 6)));
}

/// It has the identity of its source, and its log the same positions.
#[test]
fn a_restored_copy_is_a_fork() {
    let mut live = Live::new();
    let (database, repository) = (live.database(), live.repository());
    insert(&mut live.engine, 0..2);
    backup(&database, &repository, None).ok();
    insert(&mut live.engine, 2..4);
    backup(&database, &repository, Some("--incremental")).ok();
    for (name, target) in [("latest", 4), ("earlier", 3)] {
        let copy = live.path(&format!("{name}.grafeo"));
        restore(&repository, &copy, &["--epoch", &target.to_string()]).ok();
        let mut engine = fixtures::engine(EngineGeneration::Two);
        engine.open(&copy).unwrap();
        engine.run("INSERT (:Fork)").unwrap();
        let outcome = backup(&copy, &repository, Some("--incremental"));
        assert_eq!(outcome.code(), "chain-broken", "{}", outcome.json);
        engine.close().unwrap();
    }
    insert(&mut live.engine, 4..5);
    backup(&database, &repository, Some("--incremental")).ok();
    let whole: Vec<_> = (0..=5).map(|epoch| (1, epoch)).collect();
    assert_eq!(restorable(&repository), whole);
}

/// Nothing but the file itself tells a closed database from a copy restored to its full backup.
#[test]
fn a_copy_of_a_closed_database_is_a_fork() {
    let mut live = Live::new();
    let (database, repository) = (live.database(), live.repository());
    insert(&mut live.engine, 0..2);
    live.engine.close().unwrap();
    backup(&database, &repository, None).ok();
    let copy = live.path("copy.grafeo");
    restore(&repository, &copy, &["--latest"]).ok();
    live.engine.open(&copy).unwrap();
    live.engine.run("INSERT (:Fork)").unwrap();
    let outcome = backup(&copy, &repository, Some("--incremental"));
    assert_eq!(outcome.code(), "chain-broken", "{}", outcome.json);
    live.engine.close().unwrap();
    live.engine.open(&database).unwrap();
    insert(&mut live.engine, 2..3);
    backup(&database, &repository, Some("--incremental")).ok();
    assert_eq!(restorable(&repository), [(1, 2), (1, 3)]);
}

#[test]
fn a_missing_live_log_file_is_found() {
    let mut live = Live::new();
    let (database, repository) = (live.database(), live.repository());
    insert(&mut live.engine, 0..2);
    backup(&database, &repository, None).ok();
    for round in 1..4 {
        live.engine.rotate().unwrap();
        insert(&mut live.engine, round * 2..round * 2 + 2);
    }
    let files = live.log_files();
    assert_eq!(files.len(), 4);
    let middle = std::fs::read(&files[2]).unwrap();
    std::fs::remove_file(&files[2]).unwrap();
    let outcome = backup(&database, &repository, None);
    assert_eq!(outcome.code(), "wal-damaged", "{}", outcome.json);
    std::fs::write(&files[2], &middle).unwrap();
    // Frames of another place.
    let other = std::fs::read(&files[1]).unwrap();
    std::fs::write(&files[2], &other).unwrap();
    let outcome = backup(&database, &repository, None);
    assert_eq!(outcome.code(), "wal-damaged", "{}", outcome.json);
    std::fs::write(&files[2], &middle).unwrap();
    backup(&database, &repository, Some("--incremental")).ok();
    let whole: Vec<_> = (0..=8).map(|epoch| (1, epoch)).collect();
    assert_eq!(restorable(&repository), whole);
}

/// Fields of a later version of the engine.
#[test]
fn fields_that_are_not_known_are_kept() {
    let mut live = Live::new();
    let (database, repository) = (live.database(), live.repository());
    insert(&mut live.engine, 0..2);
    backup(&database, &repository, None).ok();
    let manifest = repository.join("backup_manifest.json");
    let cursor = live.path("db.grafeo.wal/backup_cursor.meta");
    let read =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let mut later = read(&manifest);
    later["compression"] = json!("none");
    later["segments"][0]["host"] = json!({"name": "alix"});
    std::fs::write(&manifest, later.to_string()).unwrap();
    let mut later = read(&cursor);
    later["owner"] = json!(["backup", 7]);
    std::fs::write(&cursor, later.to_string()).unwrap();
    insert(&mut live.engine, 2..4);
    backup(&database, &repository, Some("--incremental")).ok();
    let (manifest, cursor) = (read(&manifest), read(&cursor));
    assert_eq!(manifest["compression"], "none");
    assert_eq!(manifest["segments"][0]["host"]["name"], "alix");
    assert_eq!(manifest["segments"].as_array().unwrap().len(), 3);
    assert_eq!(cursor["owner"], json!(["backup", 7]));
    assert_eq!(cursor["backed_up_epoch"], 4);
}

/// The cursor is a note to the engine: whatever it says, nothing is lost, and it is made right.
#[test]
fn a_flipped_byte_of_the_cursor_loses_nothing() {
    for generation in [EngineGeneration::One, EngineGeneration::Two] {
        let stage = ChainStage::new(generation);
        let (database, repository) = (stage.database(), stage.repository());
        let cursor = stage.log_folder().join("backup_cursor.meta");
        let sound = std::fs::read(&cursor).unwrap();
        with_flipped_bytes(&cursor, 1, |offset| {
            let scratch = tempfile::tempdir().unwrap();
            let copy = scratch.path().join("repository");
            fixtures::copy(&repository, &copy);
            let marker = stage.marker();
            let slots = std::fs::read(&marker).unwrap();
            assert_eq!(code(&database, &copy, Kind::Incremental), None, "{offset}");
            assert_eq!(restorable(&copy).last(), Some(&(1, 10)), "{offset}");
            std::fs::write(&marker, slots).unwrap();
        });
        assert_eq!(std::fs::read(&cursor).unwrap(), sound);
    }
}

/// What stands before position 0 in the first log file.
const FILE_HEADER_BYTES: usize = 128;
/// What one of the commits has in the log.
const COMMIT_BYTES: usize = 74;
/// Where in it the version stands. Every change that is made here makes it a later one.
const VERSION_BYTES: std::ops::Range<usize> = 8..10;

fn code(database: &Path, repository: &Path, kind: Kind) -> Option<&'static str> {
    let options = Options {
        kind,
        ..Options::default()
    };
    let outcome = capture(database, repository, &options, every_core());
    outcome.err().map(|error| error.code().as_str())
}

/// What was captured is known to the byte. What was not is a torn tail where it is not whole, which
/// the engine cuts off.
#[test]
fn no_flipped_byte_of_the_live_log_is_captured() {
    let stage = ChainStage::new(EngineGeneration::Two);
    let (database, repository) = (stage.database(), stage.repository());
    let log = stage.log_file();
    let manifest = std::fs::read(stage.segment("backup_manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let segments = manifest["segments"].as_array().unwrap();
    let end = segments.last().unwrap()["end_wal_lsn"].as_u64().unwrap();
    let captured = FILE_HEADER_BYTES + usize::try_from(end).unwrap();
    let mut checked = None;
    with_flipped_bytes(&log, 1, |offset| {
        if offset < captured {
            for kind in [Kind::Auto, Kind::Incremental] {
                // A header of a later version is told before its checksum is compared.
                let of_later_version = VERSION_BYTES.contains(&offset);
                let expected = if of_later_version {
                    "unsupported-version"
                } else {
                    "wal-damaged"
                };
                let code = code(&database, &repository, kind);
                assert_eq!(code, Some(expected), "{offset} {kind:?}");
            }
        // A capture waits for a torn tail to be written whole: one change of each byte is enough.
        } else if checked != Some(offset) {
            checked = Some(offset);
            let kind = [Kind::Auto, Kind::Full][offset % 2];
            let scratch = tempfile::tempdir().unwrap();
            let copy = scratch.path().join("repository");
            fixtures::copy(&repository, &copy);
            if code(&database, &copy, kind).is_none() {
                let (_, last) = *restorable(&copy).last().unwrap();
                // Behind the last commit there can be a marker of the engine's.
                let is_behind = offset >= captured + 2 * COMMIT_BYTES;
                let is_front = last == 8 || last == 9 || is_behind && last == 10;
                assert!(is_front, "{offset} {kind:?}: {last}");
                let verified = apograph(["verify", text(&copy)]).ok();
                assert_eq!(verified["ok"], true, "{offset} {kind:?}");
            }
        }
    });
    backup(&database, &repository, Some("--incremental")).ok();
    assert_eq!(restorable(&repository).last(), Some(&(1, 10)));
}

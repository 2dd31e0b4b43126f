//! An encrypted database of generation 2: what can be done without its key, and what cannot.

use std::path::PathBuf;

use apograph_interop::{Engine, EngineGeneration, Key, OpenOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{apograph, backup, restore, text};
use crate::fixtures;
use crate::stage::insert;

const KEY: Key = *b"the master key of one database!!";

/// A full backup, an increment of the open database, and one across a close.
struct Encrypted {
    folder: TempDir,
    engine: Engine,
    /// What the database held in the end.
    content: Value,
}

impl Encrypted {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db.grafeo");
        let repository = folder.path().join("repository");
        let options = OpenOptions::encrypted(KEY);
        let mut engine = fixtures::engine(EngineGeneration::Two);
        engine.open_with(&database, options).unwrap();
        insert(&mut engine, 0..3);
        backup(&database, &repository, None).ok();
        insert(&mut engine, 3..5);
        backup(&database, &repository, Some("--incremental")).ok();
        insert(&mut engine, 5..7);
        engine.close().unwrap();
        backup(&database, &repository, Some("--incremental")).ok();
        engine.open_with(&database, options).unwrap();
        insert(&mut engine, 7..9);
        backup(&database, &repository, Some("--incremental")).ok();
        let content = engine.content().unwrap();
        engine.close().unwrap();
        Self {
            folder,
            engine,
            content,
        }
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("output.grafeo")
    }
}

#[test]
fn the_latest_state_needs_no_key() {
    let mut encrypted = Encrypted::new();
    let (repository, output) = (encrypted.repository(), encrypted.output());
    let verified = apograph(["verify", text(&repository)]).ok();
    assert_eq!(verified["ok"], true, "{verified}");
    restore(&repository, &output, &["--latest"]).ok();
    assert!(encrypted.engine.dump(&output).is_err());
    let options = OpenOptions::encrypted(KEY);
    let dump = encrypted.engine.dump_with(&output, options).unwrap();
    assert_eq!(dump.content, encrypted.content);
    assert_eq!(dump.content["nodes"].as_array().map(Vec::len), Some(9));
}

#[test]
fn a_point_inside_needs_the_key() {
    let encrypted = Encrypted::new();
    let (repository, output) = (encrypted.repository(), encrypted.output());
    let outcome = restore(&repository, &output, &["--epoch", "4"]);
    assert_eq!(outcome.code(), "encrypted");
    let message = outcome.json["message"].as_str().unwrap();
    assert!(message.contains("key"), "{message}");
    assert!(!output.exists());
}

/// Where each commit ends is in the clear.
#[test]
fn the_end_of_every_commit_needs_no_key() {
    let mut encrypted = Encrypted::new();
    let repository = encrypted.repository();
    let log = apograph(["log", text(&repository)]).ok();
    let list = apograph(["list", text(&repository)]).ok();
    let range = &list["restorable_lsns"][0];
    let commits = log["commits"].as_array().unwrap().iter();
    let mut ends = vec![range["from"].as_u64().unwrap()];
    ends.extend(commits.map(|commit| commit["lsn"].as_u64().unwrap()));
    assert_eq!(ends.len(), 10);
    let options = OpenOptions::encrypted(KEY);
    for (nodes, end) in ends.iter().enumerate() {
        let output = encrypted.folder.path().join(format!("{end}.grafeo"));
        let restored = restore(&repository, &output, &["--lsn", &end.to_string()]).ok();
        assert_eq!(restored["lsn"], *end);
        let dump = encrypted.engine.dump_with(&output, options).unwrap();
        let held = dump.content["nodes"].as_array().map(Vec::len);
        assert_eq!(held, Some(nodes), "{end}");
    }
    let inside = (ends[4] + 1).to_string();
    let output = encrypted.output();
    let outcome = restore(&repository, &output, &["--lsn", &inside]);
    assert_eq!(outcome.code(), "target-not-covered");
    let hint = outcome.json["hint"].as_str().unwrap();
    for end in &ends[4..6] {
        assert!(hint.contains(&end.to_string()), "{hint}");
    }
    assert!(!output.exists());
}

/// The log files of a restored copy are those of its source. What its source has, and no restore
/// makes, is the cursor.
#[test]
fn a_restored_copy_is_a_fork() {
    let mut encrypted = Encrypted::new();
    let (repository, copy) = (encrypted.repository(), encrypted.output());
    restore(&repository, &copy, &["--latest"]).ok();
    let options = OpenOptions::encrypted(KEY);
    encrypted.engine.open_with(&copy, options).unwrap();
    encrypted.engine.run("INSERT (:Fork)").unwrap();
    let outcome = backup(&copy, &repository, Some("--incremental"));
    assert_eq!(outcome.code(), "chain-broken", "{}", outcome.json);
    encrypted.engine.close().unwrap();
    let database = encrypted.folder.path().join("db.grafeo");
    encrypted.engine.open_with(&database, options).unwrap();
    insert(&mut encrypted.engine, 9..10);
    backup(&database, &repository, Some("--incremental")).ok();
}

#[test]
fn the_engine_restores_our_encrypted_chain() {
    let mut encrypted = Encrypted::new();
    let (repository, output) = (encrypted.repository(), encrypted.output());
    let restored = encrypted
        .engine
        .restore_with(&repository, 9, &output, Some(KEY));
    restored.unwrap();
    let options = OpenOptions::encrypted(KEY);
    let dump = encrypted.engine.dump_with(&output, options).unwrap();
    assert_eq!(dump.content, encrypted.content);
}

#[test]
fn the_time_of_an_encrypted_commit_is_unknown() {
    let encrypted = Encrypted::new();
    let log = apograph(["log", text(&encrypted.repository())]).ok();
    let commits = log["commits"].as_array().unwrap();
    assert!(!commits.is_empty());
    assert!(commits.iter().all(|it| it["time"].is_null()), "{log}");
}

#[test]
fn nothing_of_an_encrypted_database_is_readable() {
    let encrypted = Encrypted::new();
    for entry in encrypted.repository().read_dir().unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let label = |bytes: &[u8]| bytes == [0x01, 0x01, b'S', 0x01, 0x01, b'i'];
        assert!(!bytes.windows(6).any(label), "{}", path.display());
    }
}

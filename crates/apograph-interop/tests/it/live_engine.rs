//! The driver process, through its client.

use std::path::PathBuf;

use apograph_interop::{Call, Durability, EngineError, EngineGeneration, Load, OpenOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixtures;

for_each_generation!(
    it_answers_with_rows_epochs_and_content,
    a_failing_statement_rolls_back_and_the_process_lives_on,
    nothing_works_without_a_database,
    a_killed_engine_leaves_its_commits,
    a_database_that_is_open_cannot_be_dumped_by_another,
    direct_calls_answer_ids,
    background_sessions_commit_until_they_are_stopped,
    limited_sessions_reach_their_epoch,
    the_engine_backs_up_and_restores_itself,
);

fn it_answers_with_rows_epochs_and_content(generation: EngineGeneration) {
    let (_temp, path) = place();
    let mut engine = fixtures::engine(generation);
    engine.open(&path).unwrap();
    let half = match generation {
        EngineGeneration::One => json!({ "$float": "2.5" }),
        EngineGeneration::Two => json!({ "$debug": "Decimal(2.5)" }),
    };
    let rows = engine.run("INSERT (:A {i:1}); MATCH (a:A) RETURN a.i, 2.5");
    assert_eq!(rows.unwrap(), json!([[1, half]]));
    assert_eq!(engine.epoch().unwrap(), 1);
    assert_eq!(nodes(&engine.content().unwrap()), 1);
}

fn a_failing_statement_rolls_back_and_the_process_lives_on(generation: EngineGeneration) {
    let (_temp, path) = place();
    let mut engine = fixtures::engine(generation);
    engine.open(&path).unwrap();
    let op = "START TRANSACTION; INSERT (:A {i:1}); THIS IS NOT GQL; COMMIT";
    let error = engine.run(op).unwrap_err();
    assert!(matches!(error, EngineError::Refused { .. }), "{error:?}");
    assert_eq!(nodes(&engine.content().unwrap()), 0);
    engine.run("INSERT (:A {i:2})").unwrap();
    assert_eq!(nodes(&engine.content().unwrap()), 1);
}

fn nothing_works_without_a_database(generation: EngineGeneration) {
    let mut engine = fixtures::engine(generation);
    assert_eq!(
        engine.epoch().unwrap_err().to_string(),
        "no database is open"
    );
    let error = engine.concurrent_stop().unwrap_err();
    assert_eq!(error.to_string(), "no background sessions are running");
}

fn a_killed_engine_leaves_its_commits(generation: EngineGeneration) {
    let (_temp, path) = place();
    let mut engine = fixtures::engine(generation);
    let options = OpenOptions {
        durability: Some(Durability::Sync),
        checkpoint_interval_ms: Some(60_000),
        ..OpenOptions::default()
    };
    engine.open_with(&path, options).unwrap();
    engine.run("INSERT (:A {i:1})").unwrap();
    engine.kill();

    let dump = fixtures::engine(generation).dump(&path).unwrap();
    assert_eq!(dump.epoch, u64::from(generation.counts_on()));
    assert_eq!(nodes(&dump.content), 1);
}

fn a_database_that_is_open_cannot_be_dumped_by_another(generation: EngineGeneration) {
    let (_temp, path) = place();
    let mut engine = fixtures::engine(generation);
    engine.open(&path).unwrap();
    assert!(fixtures::engine(generation).dump(&path).is_err());
    engine.close().unwrap();
    fixtures::engine(generation).dump(&path).unwrap();
}

fn direct_calls_answer_ids(generation: EngineGeneration) {
    let (_temp, path) = place();
    let mut engine = fixtures::engine(generation);
    engine.open(&path).unwrap();
    let vectors = vec![vec![1.0, -0.5], vec![0.25, 0.0]];
    let batch = Call::BatchCreateNodes {
        label: "V".into(),
        property: "v".into(),
        vectors,
    };
    assert_eq!(engine.call(batch).unwrap(), json!([0, 1]));
    let edge = Call::CreateEdge {
        src: 0,
        dst: 1,
        edge_type: "E".into(),
    };
    assert_eq!(engine.call(edge).unwrap(), json!(0));
    let content = engine.content().unwrap();
    assert_eq!(
        content["nodes"][0]["props"],
        json!({ "v": { "$vector": ["1.0", "-0.5"] } })
    );
}

fn background_sessions_commit_until_they_are_stopped(generation: EngineGeneration) {
    let (_temp, path) = place();
    let mut engine = fixtures::engine(generation);
    engine.open(&path).unwrap();
    engine.concurrent_start(&Load::endless(3)).unwrap();
    while engine.concurrent_counts().unwrap().contains(&0) {}
    assert!(engine.close().is_err());
    let counts = engine.concurrent_stop().unwrap();
    assert_eq!(engine.epoch().unwrap(), counts.iter().sum::<u64>());
    let content = engine.content().unwrap();
    for (session, count) in counts.iter().enumerate() {
        let of_session = |node: &&Value| node["props"]["s"] == json!(session);
        let mut ns: Vec<_> = content["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(of_session)
            .map(|node| node["props"]["n"].as_u64().unwrap())
            .collect();
        ns.sort_unstable();
        assert!(ns.into_iter().eq(1..=*count), "session {session}");
    }
}

fn limited_sessions_reach_their_epoch(generation: EngineGeneration) {
    let (_temp, path) = place();
    let mut engine = fixtures::engine(generation);
    engine.open(&path).unwrap();
    assert_eq!(
        engine.concurrent(&Load::of(4, 5).labelled("Q")).unwrap(),
        20
    );
}

fn the_engine_backs_up_and_restores_itself(generation: EngineGeneration) {
    let (temp, path) = place();
    let backups = temp.path().join("backup");
    let mut engine = fixtures::engine(generation);
    engine.open(&path).unwrap();
    engine.run("INSERT (:A {i:1})").unwrap();
    let full = engine.backup_full(&backups).unwrap();
    assert_eq!((full.start_epoch, full.end_epoch), (Some(0), Some(1)));
    engine.run("INSERT (:A {i:2}); INSERT (:A {i:3})").unwrap();
    let incremental = engine.backup_incremental(&backups).unwrap();
    assert_eq!(
        (incremental.start_epoch, incremental.end_epoch),
        (Some(2), Some(3))
    );

    let output = temp.path().join("restored.grafeo");
    engine.restore(&backups, 2, &output).unwrap();
    assert_eq!(nodes(&engine.dump(&output).unwrap().content), 2);
}

#[test]
fn a_driver_knows_its_engine() {
    for (generation, name) in [
        (EngineGeneration::One, "grafeo-engine 0.5.44"),
        (EngineGeneration::Two, "grafeo-engine 0.6.1"),
    ] {
        let version = fixtures::engine(generation).version().unwrap();
        assert_eq!(version.generation, generation);
        assert!(version.engine.starts_with(name), "{version:?}");
    }
}

#[test]
fn only_generation_2_encrypts_and_keeps_history() {
    let (_temp, path) = place();
    let options = OpenOptions::encrypted([7; 32]);
    let history = OpenOptions {
        keep_history: true,
        ..OpenOptions::default()
    };
    let mut older = fixtures::engine(EngineGeneration::One);
    for options in [options, history] {
        let error = older.open_with(&path, options).unwrap_err();
        assert!(matches!(error, EngineError::Refused { .. }), "{error:?}");
    }
    assert!(!path.exists());

    let mut engine = fixtures::engine(EngineGeneration::Two);
    engine.open_with(&path, options).unwrap();
    engine.run("INSERT (:A {secret:'Alix'})").unwrap();
    engine.close().unwrap();
    assert!(engine.dump(&path).is_err());
    let error = engine.dump_with(&path, OpenOptions::encrypted([8; 32]));
    assert!(error.is_err());
    let dump = engine.dump_with(&path, options).unwrap();
    assert_eq!(nodes(&dump.content), 1);
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(4).any(|bytes| bytes == b"Alix"));
}

#[test]
fn the_engine_restores_an_encrypted_chain_with_its_key() {
    let (temp, path) = place();
    let backups = temp.path().join("backup");
    let key = [7; 32];
    let options = OpenOptions::encrypted(key);
    let mut engine = fixtures::engine(EngineGeneration::Two);
    engine.open_with(&path, options).unwrap();
    engine.backup_full(&backups).unwrap();
    engine.run("INSERT (:A {i:1}); INSERT (:A {i:2})").unwrap();
    engine.backup_incremental(&backups).unwrap();
    let output = temp.path().join("restored.grafeo");
    assert!(engine.restore(&backups, 1, &output).is_err());
    engine
        .restore_with(&backups, 1, &output, Some(key))
        .unwrap();
    let dump = engine.dump_with(&output, options).unwrap();
    assert_eq!((dump.epoch, nodes(&dump.content)), (1, 1));
}

fn place() -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db.grafeo");
    (temp, path)
}

fn nodes(content: &Value) -> usize {
    content["nodes"].as_array().unwrap().len()
}

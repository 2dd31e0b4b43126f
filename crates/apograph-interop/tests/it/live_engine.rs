//! The driver process, through its client.

use std::path::PathBuf;

use apograph_interop::{Call, Durability, EngineError, Load, OpenOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixtures;

#[test]
fn it_answers_with_rows_epochs_and_content() {
    let (_temp, path) = place();
    let mut engine = fixtures::engine();
    engine.open(&path).unwrap();
    assert_eq!(
        engine
            .run("INSERT (:A {i:1}); MATCH (a:A) RETURN a.i, 2.5")
            .unwrap(),
        json!([[
            1,
            { "$float": "2.5" }
        ]])
    );
    assert_eq!(engine.epoch().unwrap(), 1);
    assert_eq!(nodes(&engine.content().unwrap()), 1);
}

#[test]
fn a_failing_statement_rolls_back_and_the_process_lives_on() {
    let (_temp, path) = place();
    let mut engine = fixtures::engine();
    engine.open(&path).unwrap();
    let op = "START TRANSACTION; INSERT (:A {i:1}); THIS IS NOT GQL; COMMIT";
    let error = engine.run(op).unwrap_err();
    assert!(matches!(error, EngineError::Refused { .. }), "{error:?}");
    assert_eq!(nodes(&engine.content().unwrap()), 0);
    engine.run("INSERT (:A {i:2})").unwrap();
    assert_eq!(nodes(&engine.content().unwrap()), 1);
}

#[test]
fn nothing_works_without_a_database() {
    let mut engine = fixtures::engine();
    assert_eq!(
        engine.epoch().unwrap_err().to_string(),
        "no database is open"
    );
    let error = engine.concurrent_stop().unwrap_err();
    assert_eq!(error.to_string(), "no background sessions are running");
}

#[test]
fn a_killed_engine_leaves_its_commits() {
    let (_temp, path) = place();
    let mut engine = fixtures::engine();
    let options = OpenOptions {
        durability: Some(Durability::Sync),
        checkpoint_interval_ms: Some(60_000),
    };
    engine.open_with(&path, options).unwrap();
    engine.run("INSERT (:A {i:1})").unwrap();
    engine.kill();

    let dump = fixtures::engine().dump(&path).unwrap();
    assert_eq!(dump.epoch, u64::from(cfg!(feature = "temporal")));
    assert_eq!(nodes(&dump.content), 1);
}

#[test]
fn a_database_that_is_open_cannot_be_dumped_by_another() {
    let (_temp, path) = place();
    let mut engine = fixtures::engine();
    engine.open(&path).unwrap();
    assert!(fixtures::engine().dump(&path).is_err());
    engine.close().unwrap();
    fixtures::engine().dump(&path).unwrap();
}

#[test]
fn direct_calls_answer_ids() {
    let (_temp, path) = place();
    let mut engine = fixtures::engine();
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

#[test]
fn background_sessions_commit_until_they_are_stopped() {
    let (_temp, path) = place();
    let mut engine = fixtures::engine();
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

#[test]
fn limited_sessions_reach_their_epoch() {
    let (_temp, path) = place();
    let mut engine = fixtures::engine();
    engine.open(&path).unwrap();
    assert_eq!(
        engine.concurrent(&Load::of(4, 5).labelled("Q")).unwrap(),
        20
    );
}

#[test]
fn the_engine_backs_up_and_restores_itself() {
    let (temp, path) = place();
    let backups = temp.path().join("backup");
    let mut engine = fixtures::engine();
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

fn place() -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db.grafeo");
    (temp, path)
}

fn nodes(content: &Value) -> usize {
    content["nodes"].as_array().unwrap().len()
}

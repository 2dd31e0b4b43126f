//! The JSON objects, key by key.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/v1")
        .join(name);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// Runs a command on the golden chain of 40 epochs; `REPO` and `OUT` stand for paths.
fn apograph(output: &Path, words: &str) -> (Option<i32>, Value) {
    let repository = golden("02_chain40/backup");
    let words = words.split(' ').map(|word| match word {
        "REPO" => repository.clone(),
        "OUT" => output.to_owned(),
        word => word.into(),
    });
    let command = env!("CARGO_BIN_EXE_apograph");
    let run = Command::new(command)
        .args(words)
        .arg("--json")
        .output()
        .unwrap();
    let text = if run.stdout.is_empty() {
        run.stderr
    } else {
        run.stdout
    };
    let lines = std::str::from_utf8(&text).unwrap().lines().count();
    assert_eq!(lines, 1, "one object, one line");
    (run.status.code(), serde_json::from_slice(&text).unwrap())
}

#[track_caller]
fn check(words: &str, exit: i32, expected: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.grafeo");
    let (found, mut object) = apograph(&output, words);
    if object["output"] == output.to_str().unwrap() {
        object["output"] = json!("OUT");
    }
    assert_eq!((found, &object), (Some(exit), expected));
}

fn second_segment() -> Value {
    json!({
        "kind": "incremental", "file": "backup_incr_0001.wal", "start_epoch": 8, "end_epoch": 18,
        "commits": 11, "records": 26, "size_bytes": 682, "checksum": "d9644492",
        "created_at": "2026-11-21T07:27:16.485Z", "present": true, "usable": true,
        "generation": 1,
    })
}

#[test]
fn restore() {
    check(
        "restore REPO OUT --epoch 20",
        0,
        &json!({
            "command": "restore", "output": "OUT", "timeline": 1, "epoch": 20,
            "full": "backup_full_0000.grafeo",
            "increments": ["backup_incr_0001.wal", "backup_incr_0002.wal"],
            "commits": 13, "bytes_read": 25_970, "bytes_written": 25_375, "statements_to_run": [],
        }),
    );
}

#[test]
fn list() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = apograph(folder.path(), "list REPO");
    assert_eq!(
        (&list["command"], &list["generation"]),
        (&json!("list"), &json!(1))
    );
    assert_eq!(
        list["restorable"],
        json!([{"timeline": 1, "from": 7, "to": 40}])
    );
    assert_eq!(list["holes"], json!([]));
    assert_eq!(list["segments"][1], second_segment());
    assert_eq!(list["segments"].as_array().map(Vec::len), Some(4));
}

#[test]
fn verify() {
    check(
        "verify REPO",
        0,
        &json!({
            "command": "verify", "level": "frames", "ok": true, "files": 4, "bytes": 26_579,
            "frames": 140, "commits": 33, "problems": [],
        }),
    );
    check(
        "verify REPO --level files",
        0,
        &json!({
            "command": "verify", "level": "files", "ok": true, "files": 4, "bytes": 26_579,
            "frames": 0, "commits": 0, "problems": [],
        }),
    );
}

#[test]
fn log() {
    check(
        "log REPO --from 8 --to 8",
        0,
        &json!({
            "command": "log",
            "commits": [{
                "timeline": 1, "epoch": 8, "own_epoch": true, "transaction": 9, "time": null,
                "segment": "backup_incr_0001.wal", "offset": 32, "records": 2,
                "kinds": {"delete_node": 1, "delete_edge": 1},
            }],
        }),
    );
}

#[test]
fn errors() {
    check(
        "restore REPO OUT --epoch 999",
        5,
        &json!({"error": {
            "code": "target-not-covered", "message": "epoch 999 is not in the repository",
            "hint": "restore to 40, or take a backup first",
            "nearest": {"below": 40, "above": null}, "file": null,
        }}),
    );
}

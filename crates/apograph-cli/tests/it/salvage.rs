//! What is left of a damaged repository, and what is said of the rest.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{V1, V2};

#[test]
fn of_a_sound_repository_nothing_is_lost() {
    for chain in [V1, V2] {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.grafeo");
        let (exit, object) = chain.apograph(&output, "salvage REPO OUT");
        assert_eq!(exit, Some(0), "{object}");
        let found = ["complete", "exact", "gap", "left_out"].map(|key| object[key].clone());
        assert_eq!(found, [json!(true), json!(true), Value::Null, json!([])]);
        let recovered = &object["recovered"];
        let of_restore = folder.path().join("restored.grafeo");
        let (_, restored) = chain.apograph(&of_restore, "restore REPO OUT");
        for key in [
            "timeline",
            "epoch",
            "full",
            "increments",
            "commits",
            "generation",
        ] {
            assert_eq!(recovered[key], restored[key], "{key}");
        }
        let statement = fs::read(folder.path().join("out.grafeo.salvage.json")).unwrap();
        let statement: Value = serde_json::from_slice(&statement).unwrap();
        assert_eq!(statement["recovered"], *recovered);
    }
}

#[test]
fn a_segment_that_is_missing_is_told_with_what_comes_after_it() {
    for chain in [V1, V2] {
        let folder = tempfile::tempdir().unwrap();
        let repository = chain.copy_to(&folder.path().join("repository"));
        fs::remove_file(repository.join("backup_incr_0002.wal")).unwrap();
        let apograph = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
            command
                .current_dir(folder.path())
                .args(words)
                .output()
                .unwrap()
        };
        let run = apograph(&[
            "salvage",
            "repository",
            "out.grafeo",
            "--past-gaps",
            "--json-lines",
        ]);
        assert_eq!(run.status.code(), Some(12), "{run:?}");
        let text = String::from_utf8(run.stdout).unwrap();
        let mut lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let summary = lines.pop().unwrap();
        assert_eq!(lines.len(), 11, "those of the last segment");
        assert!(
            lines
                .iter()
                .all(|line| line["segment"] == "backup_incr_0003.wal")
        );
        let changes = lines
            .iter()
            .flat_map(|line| line["changes"].as_array().unwrap());
        let records: u64 = lines
            .iter()
            .map(|line| line["records"].as_u64().unwrap())
            .sum();
        assert_eq!(changes.count() as u64, records);
        let left = summary["left_out"].as_array().unwrap();
        let found: Vec<_> = left
            .iter()
            .map(|it| {
                (
                    &it["file"],
                    &it["kept_commits"],
                    &it["intact_commits"],
                    &it["why"],
                )
            })
            .collect();
        let expected = [
            (
                &json!("backup_incr_0002.wal"),
                &json!(0),
                &json!(0),
                &json!("backup_incr_0002.wal is missing"),
            ),
            (
                &json!("backup_incr_0003.wal"),
                &json!(0),
                &json!(11),
                &json!("it comes after the gap"),
            ),
        ];
        assert_eq!(found, expected);
        assert_eq!(summary["gap"]["file"], json!("backup_incr_0002.wal"));
        assert_eq!(summary["gap"]["after"], json!("1:18"));
        let statement = fs::read(folder.path().join("out.grafeo.salvage.json")).unwrap();
        let mut statement: Value = serde_json::from_slice(&statement).unwrap();
        statement["warnings"] = json!([]);
        assert_eq!(statement["gap"], summary["gap"]);
        // Neither is ever replaced.
        let again = apograph(&["salvage", "repository", "out.grafeo"]);
        assert_eq!(again.status.code(), Some(6), "{again:?}");
        fs::remove_file(folder.path().join("out.grafeo")).unwrap();
        let again = apograph(&["salvage", "repository", "out.grafeo"]);
        assert_eq!(again.status.code(), Some(6), "{again:?}");
        assert!(!folder.path().join("out.grafeo").exists());
    }
}

//! What is left of a damaged repository, and what is said of the rest.

use std::fs;
use std::path::{Path, PathBuf};
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

/// A database of a golden fixture with its log.
fn database_in(folder: &Path, generation: u8) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let source = root.join(format!("v{generation}/12_crash_in_chain/source"));
    let log = folder.join("src.grafeo.wal");
    fs::create_dir(&log).unwrap();
    for file in fs::read_dir(source.join("src.grafeo.wal")).unwrap() {
        let file = file.unwrap();
        fs::write(log.join(file.file_name()), fs::read(file.path()).unwrap()).unwrap();
    }
    let database = folder.join("src.grafeo");
    fs::write(&database, fs::read(source.join("src.grafeo")).unwrap()).unwrap();
    database
}

fn salvaged(folder: &Path, words: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
    let words = ["salvage", "src.grafeo", "out.grafeo"].iter().chain(words);
    let run = command.current_dir(folder).args(words).output().unwrap();
    let text = if run.stdout.is_empty() {
        &run.stderr
    } else {
        &run.stdout
    };
    let text = String::from_utf8(text.clone()).unwrap();
    let last = text.lines().last().unwrap_or_default();
    (
        run.status.code(),
        serde_json::from_str(last).unwrap_or_default(),
        text,
    )
}

#[test]
fn a_database_is_salvaged_up_to_the_damage_in_its_log() {
    for generation in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let database = database_in(folder.path(), generation);
        let mut files: Vec<_> = fs::read_dir(folder.path().join("src.grafeo.wal"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "log"))
            .collect();
        files.sort();
        let (exit, object, _) = salvaged(folder.path(), &["--json"]);
        assert_eq!(
            (exit, &object["complete"]),
            (Some(0), &json!(true)),
            "{object}"
        );
        let commits = object["recovered"]["commits"].as_u64().unwrap();
        let image = object["recovered"]["image"].as_str().unwrap();
        assert!(image.ends_with("src.grafeo") && commits > 3, "{object}");
        fs::remove_file(folder.path().join("out.grafeo")).unwrap();
        fs::remove_dir_all(folder.path().join("out.grafeo.wal")).unwrap();
        fs::remove_file(folder.path().join("out.grafeo.salvage.json")).unwrap();

        let log = files
            .iter()
            .max_by_key(|file| fs::metadata(file).unwrap().len())
            .unwrap();
        let mut bytes = fs::read(log).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x5a;
        fs::write(log, bytes).unwrap();
        let (exit, object, text) = salvaged(folder.path(), &["--past-gaps", "--json-lines"]);
        assert_eq!(exit, Some(12), "{object}");
        let name = log.file_name().unwrap().to_str().unwrap();
        assert_eq!(object["gap"]["file"], json!(name), "{object}");
        let left = object["left_out"].as_array().unwrap();
        assert_eq!(
            (&left[0]["file"], &left[0]["kind"]),
            (&json!(name), &json!("log"))
        );
        let offset = left[0]["offset"].as_u64().unwrap();
        assert!(offset <= middle as u64, "{object}");
        let number = |key: &str| left.iter().map(|it| it[key].as_u64().unwrap()).sum::<u64>();
        let kept = object["recovered"]["commits"].as_u64().unwrap();
        assert!(number("kept_commits") <= kept && kept < commits, "{object}");
        assert_eq!(text.lines().count() as u64 - 1, number("intact_commits"));
        let statement = fs::read(folder.path().join("out.grafeo.salvage.json")).unwrap();
        let statement: Value = serde_json::from_slice(&statement).unwrap();
        assert_eq!(statement["left_out"], object["left_out"]);

        // Without its image there is nothing to begin with.
        fs::remove_file(folder.path().join("out.grafeo.salvage.json")).unwrap();
        fs::remove_file(folder.path().join("out.grafeo")).unwrap();
        let _ = fs::remove_dir_all(folder.path().join("out.grafeo.wal"));
        fs::remove_file(&database).unwrap();
        let (exit, object, _) = salvaged(folder.path(), &["--json"]);
        assert_eq!(exit, Some(4), "{object}");
        assert_eq!(object["error"]["code"], json!("not-a-database"));
        fs::write(&database, "GRAF and no more").unwrap();
        let (exit, object, _) = salvaged(folder.path(), &["--json"]);
        assert!(matches!(exit, Some(3 | 8)), "{object}");
        assert!(!folder.path().join("out.grafeo").exists());
        assert!(!folder.path().join("out.grafeo.salvage.json").exists());
    }
}

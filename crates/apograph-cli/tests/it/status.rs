//! `apograph status` and `apograph drill`, as a timer runs them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A live database of a generation, with its log.
pub(crate) fn database(generation: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(generation)
        .join("10_live/source");
    fs::copy(
        source.join("src.grafeo"),
        folder.path().join("people.grafeo"),
    )
    .unwrap();
    let log = folder.path().join("people.grafeo.wal");
    fs::create_dir(&log).unwrap();
    for entry in fs::read_dir(source.join("src.grafeo.wal")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), log.join(entry.file_name())).unwrap();
    }
    folder
}

fn run(folder: &TempDir, words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apograph"))
        .current_dir(folder.path())
        .args(words.split(' '))
        .output()
        .unwrap()
}

/// The exit status, and what is on standard output.
pub(crate) fn said(folder: &TempDir, words: &str) -> (i32, String) {
    let output = run(folder, words);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn a_limit_that_is_passed_is_exit_10_with_the_result() {
    for generation in ["v1", "v2"] {
        let folder = database(generation);
        assert_eq!(said(&folder, "init v --vault").0, 0);
        for place in ["r", "v"] {
            let backup = format!("backup people.grafeo -r {place}");
            assert_eq!(said(&folder, &backup).0, 0);
            let status = format!("status {place} --db people.grafeo");
            let (exit, text) = said(&folder, &status);
            assert_eq!(exit, 0, "{text}");
            assert!(text.contains("In no backup    nothing\n"), "{text}");
            assert!(text.contains("Last verified   never\n"), "{text}");

            sleep(Duration::from_millis(5));
            let limits = "--max-age 0s --max-unverified 0s --max-lag 0s";
            let (exit, object) = said(&folder, &format!("{status} {limits} --json"));
            let object: Value = serde_json::from_str(&object).unwrap();
            assert_eq!((exit, &object["ok"]), (10, &json!(false)));
            let passed = object["alerts"].as_array().unwrap();
            let passed: Vec<_> = passed.iter().map(|it| it["alert"].clone()).collect();
            // The database is here to say that nothing is in no backup.
            assert_eq!(passed, [json!("age"), json!("unverified")]);
            assert_eq!(object["pending"]["commits"], json!(0));
            let (exit, text) = said(&folder, &format!("status {place} {limits} --quiet"));
            assert_eq!(exit, 10);
            assert_eq!(text.matches("Alert: ").count(), 3, "{text}");
            let (exit, text) = said(&folder, &format!("status {place} --prometheus {limits}"));
            assert_eq!(exit, 10);
            let sample = format!("apograph_alert{{repository=\"{place}\",alert=\"lag\"}} 1\n");
            assert!(text.contains(&sample), "{text}");
        }
    }
}

#[test]
fn what_cannot_be_looked_at_is_an_error_and_no_status() {
    let folder = database("v1");
    assert_eq!(said(&folder, "backup people.grafeo -r r").0, 0);
    for (words, exit) in [
        ("status nowhere", 4),
        ("status r --db nowhere.grafeo", 1),
        ("status r --max-lag 15", 2),
        ("status r --max-lag -1m", 2),
        ("status r --max-lag 99999999999999999999d", 2),
        ("status r --prometheus --json", 2),
    ] {
        let output = run(&folder, words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{words}: {told}");
        assert!(output.stdout.is_empty(), "{words}");
    }
}

#[test]
fn a_drill_that_proves_nothing_is_exit_11_and_in_the_status() {
    for generation in ["v1", "v2"] {
        let folder = database(generation);
        assert_eq!(said(&folder, "backup people.grafeo -r r").0, 0);
        fs::create_dir(folder.path().join("place")).unwrap();
        let (exit, text) = said(&folder, "drill r --dir place");
        assert_eq!(exit, 0, "{text}");
        assert!(text.contains("Proven: every section and all "), "{text}");
        let (exit, text) = said(&folder, "status r");
        assert_eq!(exit, 0, "{text}");
        assert!(text.contains(", proven\n"), "{text}");
        assert!(
            said(&folder, "list r")
                .1
                .contains("Proven by a restore to 1:")
        );

        let drill = "drill r --dir place --json --exec";
        let words: Vec<&str> = drill.split(' ').chain(["cat '{}' \"a b\""]).collect();
        let output = Command::new(env!("CARGO_BIN_EXE_apograph"))
            .current_dir(folder.path())
            .args(words)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(11));
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["ok"], json!(false));
        let failure = object["failure"].as_str().unwrap();
        assert!(failure.contains("a b"), "{failure}");
        let (exit, text) = said(&folder, "status r");
        assert_eq!(exit, 10, "{text}");
        assert!(
            text.contains("Alert: the last drill proved nothing."),
            "{text}"
        );
        let mut left = fs::read_dir(folder.path().join("place")).unwrap();
        assert!(left.next().is_none());

        for (words, exit) in [
            ("drill r --exec nowhere", 2),
            ("drill r --expect 3", 2),
            ("drill r --dir nowhere", 1),
            ("drill r --epoch 999", 5),
        ] {
            assert_eq!(said(&folder, words).0, exit, "{words}");
        }
    }
}

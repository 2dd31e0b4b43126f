//! The log, by what its records say.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const GENERATIONS: [&str; 2] = ["v1", "v2"];

/// The exit status, and the lines on standard output; `GOLDEN/` stands for the folder of a
/// generation's chains.
fn log(generation: &str, words: &str) -> (Option<i32>, Vec<String>) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let golden = golden.join(generation);
    let words = words
        .split(' ')
        .map(|word| match word.strip_prefix("GOLDEN/") {
            Some(fixture) => golden.join(fixture).join("backup").into_os_string(),
            None => word.into(),
        });
    let command = env!("CARGO_BIN_EXE_apograph");
    let run = Command::new(command)
        .arg("log")
        .args(words)
        .output()
        .unwrap();
    let lines = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    (
        run.status.code(),
        lines.lines().map(str::to_owned).collect(),
    )
}

/// The commits that are found, and what is said of them all.
fn objects(generation: &str, words: &str) -> (Vec<Value>, Value) {
    let (exit, lines) = log(generation, &format!("{words} --records --json-lines"));
    assert_eq!(exit, Some(0), "{words}: {lines:?}");
    let objects = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    let mut objects: Vec<Value> = objects.collect();
    let summary = objects.pop().unwrap();
    assert_eq!(summary["commits"], json!(objects.len()));
    (objects, summary)
}

#[test]
fn a_commit_is_found_by_what_it_did() {
    // What is sought, the epochs of the commits, and the records of the first.
    let rows: [(&str, &[u64], [Value; 2]); 7] = [
        (
            "GOLDEN/02_chain40 --node 3 --reverse --limit 1",
            &[16],
            [
                json!([{"kind": "delete_node", "node": 3}]),
                json!([{"kind": "delete_node", "node": 3}]),
            ],
        ),
        (
            "GOLDEN/02_chain40 --edge 0 --from 8 --to 9",
            &[8],
            [
                json!([{"kind": "delete_edge", "edge": 0}]),
                json!([{"kind": "delete_edge", "edge": 0}]),
            ],
        ),
        (
            "GOLDEN/07_named_graphs --graph g1 --kind create_edge",
            &[3],
            [
                json!([{"kind": "create_edge", "graph": "g1", "edge": 0, "from": 0, "to": 1, "label": "R"}]),
                json!([{"kind": "create_edge", "graph": "g1", "edge": 0, "from": 0, "to": 1, "label": "R",
                        "properties": {"w": 1}}]),
            ],
        ),
        (
            "GOLDEN/07_named_graphs --graph  --label Root --limit 1",
            &[4],
            [
                json!([{"kind": "create_node", "node": 1, "labels": ["Root"]}]),
                json!([{"kind": "create_node", "node": 1, "labels": ["Root"], "properties": {"i": 2}}]),
            ],
        ),
        (
            "GOLDEN/02_chain40 --node 3 --kind create_edge",
            &[],
            [Value::Null, Value::Null],
        ),
        (
            "GOLDEN/09_values --node 3 --key l --value [1,\u{a0}2]",
            &[],
            [Value::Null, Value::Null],
        ),
        (
            "GOLDEN/05_schema --label Robot --key serial --value r3",
            &[],
            [Value::Null, Value::Null],
        ),
    ];
    for (words, epochs, records) in rows {
        for (generation, records) in GENERATIONS.into_iter().zip(records) {
            let (found, _) = objects(generation, words);
            let by_epoch: Vec<_> = found.iter().map(|it| it["epoch"].as_u64()).collect();
            let expected: Vec<_> = epochs.iter().copied().map(Some).collect();
            if words.contains("Robot") {
                // One record has both in generation 2 alone.
                assert_eq!(by_epoch.len(), usize::from(generation == "v2"), "{words}");
                continue;
            }
            assert_eq!(by_epoch, expected, "{words} in {generation}");
            let first = found
                .first()
                .map_or(Value::Null, |it| it["changes"].clone());
            assert_eq!(first, records, "{words} in {generation}");
        }
    }
}

#[test]
fn values_that_json_has_not_say_their_type() {
    for generation in GENERATIONS {
        let (found, _) = objects(generation, "GOLDEN/09_values --key d");
        let text = json!(found).to_string();
        let date = r#"{"type":"date","value":"2026-02-28"}"#;
        assert!(text.contains(date), "{text}");
        let (by_value, _) = objects(generation, "GOLDEN/09_values --key d --value 2026-02-28");
        assert_eq!(by_value, found[..1]);
        let (_, lines) = log(generation, "GOLDEN/09_values --records --key d");
        assert!(
            lines.iter().any(|line| line.contains("d = 2026-02-28")),
            "{lines:?}"
        );
    }
}

#[test]
fn every_record_of_every_golden_is_shown_and_decoded() {
    for generation in GENERATIONS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
        let fixtures = std::fs::read_dir(root.join(generation)).unwrap();
        for fixture in fixtures.map(|entry| entry.unwrap()) {
            if !fixture.path().join("backup").exists() {
                continue;
            }
            let words = format!("GOLDEN/{}", fixture.file_name().to_str().unwrap());
            let (found, _) = objects(generation, &words);
            for commit in &found {
                let changes = commit["changes"].as_array().unwrap();
                assert_eq!(commit["records"], json!(changes.len()), "{words}: {commit}");
                assert!(
                    changes.iter().all(|it| it.get("undecoded").is_none()),
                    "{commit}"
                );
            }
            let (back, _) = objects(generation, &format!("{words} --reverse"));
            assert!(back.iter().rev().eq(&found), "{words}");
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let rows = [
        ("GOLDEN/02_chain40 --node 1 --edge 1", "cannot be used with"),
        (
            "GOLDEN/02_chain40 --json --json-lines",
            "cannot be used with",
        ),
        ("GOLDEN/02_chain40 --node x", "expected decimal digits"),
    ];
    for (words, expected) in rows {
        let (exit, said) = log("v1", words);
        assert_eq!(exit, Some(2), "{said:?}");
        assert!(said.join("\n").contains(expected), "{said:?}");
    }
}

fn diff(generation: &str, words: &str) -> (Option<i32>, String) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let golden = golden.join(generation);
    let (fixture, words) = words.split_once(' ').unwrap();
    let command = env!("CARGO_BIN_EXE_apograph");
    let run = Command::new(command)
        .arg("diff")
        .arg(golden.join(fixture).join("backup"))
        .args(words.split(' '))
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].concat();
    (run.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn two_states_are_compared_by_the_log_between_them() {
    // What is asked for, the exit status, and what is said.
    let rows = [
        (
            "02_chain40 8 12",
            0,
            "From 1:8 to 1:12, 4 commits:\n\
             + node 3 :Person n = 9, name = \"p9\"\n\
             + node 4 :Person n = 10, name = \"p10\"\n\
             + node 5 :Person n = 11, name = \"p11\"\n\
             + edge 1 3 -[:KNOWS]-> 4 since = 12, w = 12.5\n",
        ),
        ("02_chain40 8 8 --exit-code", 0, "Nothing is different.\n"),
        ("02_chain40 12 13 --exit-code", 13, "From 1:12 to 1:13"),
        ("02_chain40 12 --all", 0, "    1:40+0 delete_"),
        ("02_chain40 12 8", 2, "epoch 8 lies before epoch 12"),
        ("02_chain40 8 60", 5, "epoch 60 is not in the repository"),
        (
            "03_two_fulls 5",
            5,
            "are not connected: commits between them are in no increment",
        ),
        ("07_named_graphs 2", 0, "+ graph g2\n  + node 0 :G2 i = 1\n"),
        ("07_named_graphs 2", 0, "\n- graph g0\n"),
        ("05_schema 2 5", 0, "name: \"uniq_email\""),
    ];
    for (words, exit, expected) in rows {
        for generation in GENERATIONS {
            let (found, said) = diff(generation, words);
            assert_eq!(found, Some(exit), "{words}: {said}");
            assert!(said.contains(expected), "{words} in {generation}: {said}");
        }
    }
}

#[test]
fn the_difference_as_json_says_what_was_before() {
    for generation in GENERATIONS {
        let (_, said) = diff(generation, "02_chain40 8 40 --json");
        let object: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(object["complete"], json!(true));
        let counted = [&object["from"], &object["to"], &object["commits"]];
        assert_eq!(counted, [&json!("1:8"), &json!("1:40"), &json!(32)]);
        let (_, all) = diff(generation, "02_chain40 39 40 --all --json");
        let all: Value = serde_json::from_str(&all).unwrap();
        let changes = all["changes"].as_array().unwrap();
        assert!(
            !changes.is_empty() && changes.iter().all(|it| it["point"] == "1:40+0"),
            "{all}"
        );
    }
}

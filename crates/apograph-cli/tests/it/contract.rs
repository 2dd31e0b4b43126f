//! The JSON objects, key by key.

use serde_json::{Value, json};

use crate::command::{V1, V2};

fn second_segment() -> Value {
    json!({
        "kind": "incremental", "file": "backup_incr_0001.wal", "start_epoch": 8, "end_epoch": 18,
        "commits": 11, "records": 26, "size_bytes": 682, "checksum": "d9644492",
        "hash": "efd0f365339bed596ae194dae29ac579be471f4180e2f6bb17d39d7db11334a3",
        "created_at": "2026-11-21T07:27:16.485Z", "present": true, "usable": true,
        "generation": 1, "verified_at": null, "frames_verified_at": null,
    })
}

/// What is merged answers as before.
#[test]
fn compact() {
    for chain in [V1, V2] {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path().join("vault");
        chain.apograph(&vault, "init OUT --vault");
        chain.apograph(&vault, "copy REPO OUT");
        let (_, before) = chain.apograph(&vault, "list OUT");
        let (exit, mut compact) = chain.apograph(&vault, "compact OUT");
        assert!(compact["stored_bytes"].take().as_u64() > Some(0));
        let expected = json!({
            "command": "compact", "repository": compact["repository"], "merged": 2, "into": 1,
            "stored_bytes": null, "deleted": 0, "deleted_bytes": 0, "versions": 0, "warnings": [],
        });
        assert_eq!((exit, compact), (Some(0), expected));
        let (_, after) = chain.apograph(&vault, "list OUT");
        assert_eq!(after["segments"].as_array().map(Vec::len), Some(3));
        for key in ["generation", "restorable", "restorable_lsns", "holes"] {
            assert_eq!(after[key], before[key], "{key}");
        }
        let (exit, refused) = chain.apograph(&vault, "compact REPO");
        assert_eq!(
            (exit, &refused["error"]["code"]),
            (Some(4), &json!("not-a-repository"))
        );
        assert!(
            refused["error"]["hint"]
                .as_str()
                .unwrap()
                .contains("`apograph copy REPO VAULT`")
        );
    }
}

/// A vault answers as the repository that was copied into it.
#[test]
fn copy() {
    for chain in [V1, V2] {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path().join("vault");
        let (exit, init) = chain.apograph(&vault, "init OUT --vault");
        assert_eq!((exit, &init["outcome"]), (Some(0), &json!("created")));
        let (exit, mut copy) = chain.apograph(&vault, "copy REPO OUT");
        let stored_bytes = copy["stored_bytes"].take();
        assert!(
            stored_bytes.as_u64() < copy["bytes"].as_u64(),
            "{stored_bytes}"
        );
        let bytes = copy["bytes"].take();
        let expected = json!({
            "command": "copy", "from": copy["from"], "to": copy["to"], "segments": 4, "present": 0,
            "bytes": null, "stored_bytes": null, "warnings": [],
        });
        assert_eq!((exit, copy), (Some(0), expected));
        let (_, list) = chain.apograph(&vault, "list REPO");
        let (exit, of_vault) = chain.apograph(&vault, "list OUT");
        assert_eq!(exit, Some(0));
        for key in ["generation", "restorable", "restorable_lsns", "holes"] {
            assert_eq!(of_vault[key], list[key], "{key}");
        }
        let (exit, verified) = chain.apograph(&vault, "verify OUT");
        assert_eq!((exit, &verified["bytes"]), (Some(0), &bytes));
        let (exit, verified) = chain.apograph(&vault, "verify OUT --level objects");
        let stored = (&verified["level"], &verified["bytes"]);
        assert_eq!(
            (exit, stored),
            (Some(0), (&json!("objects"), &stored_bytes))
        );
        let (_, list) = chain.apograph(&vault, "list OUT");
        for segment in list["segments"].as_array().unwrap() {
            let [at, frames_at] = ["verified_at", "frames_verified_at"].map(|key| &segment[key]);
            assert!(at.as_str() >= frames_at.as_str() && frames_at.is_string());
        }
        let epochs = |words| {
            let (exit, log) = chain.apograph(&vault, words);
            assert_eq!(exit, Some(0));
            let commits = log["commits"].as_array().unwrap().iter();
            commits
                .map(|commit| commit["epoch"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(epochs("log OUT"), epochs("log REPO"));
        let (exit, again) = chain.apograph(&vault, "copy REPO OUT --compress none");
        assert_eq!(
            (exit, &again["segments"], &again["present"]),
            (Some(0), &json!(0), &json!(4))
        );
        let (exit, init) = chain.apograph(&vault, "init OUT --vault");
        assert_eq!((exit, &init["outcome"]), (Some(0), &json!("unchanged")));
        let (exit, refused) = chain.apograph(&vault, "copy REPO OUT/segments");
        assert_eq!(
            (exit, &refused["error"]["code"]),
            (Some(4), &json!("not-a-repository"))
        );
        let hint = refused["error"]["hint"].as_str().unwrap();
        let expected =
            "`apograph init TO` makes a repository of an empty folder, `--vault` a vault";
        assert_eq!(hint, expected);
        let (exit, refused) = chain.apograph(&vault, "copy REPO OUT --compress 20");
        assert_eq!(
            (exit, &refused["error"]["code"]),
            (Some(2), &json!("usage"))
        );
    }
}

#[test]
fn restore() {
    V1.check(
        "restore REPO OUT --epoch 20",
        0,
        &json!({
            "command": "restore", "output": "OUT", "timeline": 1, "epoch": 20, "point": "1:20+0",
            "full": "backup_full_0000.grafeo",
            "increments": ["backup_incr_0001.wal", "backup_incr_0002.wal"],
            "commits": 13, "bytes_read": 25_970, "bytes_written": 25_375, "statements_to_run": [],
            "generation": 1,
        }),
    );
}

#[test]
fn list() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = V1.apograph(folder.path(), "list REPO");
    assert_eq!(
        (&list["command"], &list["generation"]),
        (&json!("list"), &json!(1))
    );
    assert_eq!(
        list["restorable"],
        json!([{"timeline": 1, "from": 7, "to": 40, "from_point": "1:7", "to_point": "1:40+0"}])
    );
    assert_eq!(list["holes"], json!([]));
    assert_eq!(list["segments"][1], second_segment());
    assert_eq!(list["segments"].as_array().map(Vec::len), Some(4));
}

#[test]
fn verify() {
    V1.check(
        "verify REPO",
        0,
        &json!({
            "command": "verify", "level": "frames", "ok": true, "files": 4, "bytes": 26_579,
            "frames": 140, "commits": 33, "skipped": 0, "problems": [],
        }),
    );
    V1.check(
        "verify REPO --level files",
        0,
        &json!({
            "command": "verify", "level": "files", "ok": true, "files": 4, "bytes": 26_579,
            "frames": 0, "commits": 0, "skipped": 0, "problems": [],
        }),
    );
}

#[test]
fn log() {
    V1.check(
        "log REPO --from 8 --to 8",
        0,
        &json!({
            "command": "log",
            "commits": [{
                "timeline": 1, "epoch": 8, "point": "1:8+0", "own_epoch": true, "transaction": 9, "time": null,
                "captured": {
                    "after": "2026-11-21T07:27:16.478Z", "by": "2026-11-21T07:27:16.485Z",
                },
                "segment": "backup_incr_0001.wal", "offset": 32, "records": 2,
                "kinds": {"delete_node": 1, "delete_edge": 1},
            }],
            "unreadable": [],
        }),
    );
}

#[test]
fn errors() {
    V1.check(
        "restore REPO OUT --epoch 999",
        5,
        &json!({"error": {
            "code": "target-not-covered", "message": "epoch 999 is not in the repository",
            "hint": "restore with `--epoch 40`, or take a backup first",
            "nearest": {"below": 40, "above": null}, "file": null,
        }}),
    );
}

#[test]
fn verify_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let repository = V1.copy_to(&folder.path().join("repository"));
    let words = |words: &str| words.replace("COPY", repository.to_str().unwrap());
    let run = |line: &str| V1.apograph(folder.path(), &words(line)).1;
    let figures = |line: &str| {
        let object = run(line);
        assert_eq!(object["ok"], json!(true), "{object}");
        (object["files"].clone(), object["skipped"].clone())
    };
    let times = || {
        let list = run("list COPY");
        let segment = &list["segments"][1];
        [&segment["verified_at"], &segment["frames_verified_at"]].map(Value::is_string)
    };
    assert_eq!(figures("verify COPY"), (json!(4), json!(0)));
    assert_eq!(times(), [false, false]);
    assert_eq!(
        figures("verify COPY --new --level files"),
        (json!(4), json!(0))
    );
    assert_eq!(times(), [true, false]);
    assert_eq!(
        figures("verify COPY --new --threads 1"),
        (json!(4), json!(0))
    );
    assert_eq!(times(), [true, true]);
    assert_eq!(figures("verify COPY --new"), (json!(0), json!(4)));
    assert_eq!(figures("verify COPY --limit-rate 1G"), (json!(4), json!(0)));
}

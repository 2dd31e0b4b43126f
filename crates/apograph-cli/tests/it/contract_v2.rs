//! The JSON objects of generation 2: the same keys, and what that generation knows besides.

use serde_json::json;

use crate::command::V2;

#[test]
fn restore() {
    V2.check(
        "restore REPO OUT --epoch 20",
        0,
        &json!({
            "command": "restore", "output": "OUT", "timeline": 1, "epoch": 20, "point": "1:20+0",
            "full": "backup_full_0000.grafeo",
            "increments": ["backup_incr_0001.wal", "backup_incr_0002.wal"],
            "commits": 13, "bytes_read": 84_139, "bytes_written": 83_294, "statements_to_run": [], "generation": 2,
            "lsn": 1718,
        }),
    );
    V2.check(
        "restore REPO OUT --time 2026-11-21T07:27:16.760Z --dry-run",
        0,
        &json!({
            "command": "restore", "output": "OUT", "timeline": 1, "epoch": 18, "point": "1:18+0",
            "full": "backup_full_0000.grafeo", "increments": ["backup_incr_0001.wal"],
            "commits": 11, "bytes_read": 83_009, "bytes_written": 82_969, "statements_to_run": [],
            "lsn": 1521, "dry_run": true, "bytes_free": "FREE", "generation": 2,
            "interval": {"from": "2026-11-21T07:27:16.759Z", "to": "2026-11-21T07:27:16.761Z"},
        }),
    );
    V2.check(
        "restore REPO OUT --lsn 600",
        0,
        &json!({
            "command": "restore", "output": "OUT", "timeline": 1, "epoch": 7, "point": "1:7+0",
            "full": "backup_full_0000.grafeo", "increments": [],
            "commits": 0, "bytes_read": 81_920, "bytes_written": 81_920, "statements_to_run": [],
            "lsn": 600, "generation": 2,
        }),
    );
}

#[test]
fn list() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = V2.apograph(folder.path(), "list REPO");
    assert_eq!(list["generation"], 2);
    assert_eq!(list["encrypted"], false);
    assert_eq!(
        list["restorable"],
        json!([{"timeline": 1, "from": 7, "to": 40, "from_point": "1:7", "to_point": "1:40+0"}])
    );
    assert_eq!(
        list["restorable_lsns"],
        json!([{"timeline": 1, "from": 600, "to": 3345}])
    );
    assert_eq!(
        list["segments"][1],
        json!({
            "kind": "incremental", "file": "backup_incr_0001.wal",
            "start_epoch": 8, "end_epoch": 18, "commits": 11, "records": 14,
            "committed": {"from": "2026-11-21T07:27:16.758Z", "to": "2026-11-21T07:27:16.759Z"},
            "end_lsn": 1521, "size_bytes": 1089, "checksum": "0d7bd845",
            "hash": "401adfb3bec166fae86ef5cf22448696b7bb17395c159bd7610e6423e73e9da8",
            "created_at": "2026-11-21T07:27:16.760Z", "present": true, "usable": true,
            "generation": 2, "verified_at": null, "frames_verified_at": null,
        })
    );
}

#[test]
fn verify() {
    V2.check(
        "verify REPO",
        0,
        &json!({
            "command": "verify", "level": "frames", "ok": true, "files": 4, "bytes": 85_169,
            "frames": 33, "commits": 33, "skipped": 0, "problems": [],
        }),
    );
}

#[test]
fn log() {
    V2.check(
        "log REPO --from 8 --to 8",
        0,
        &json!({
            "command": "log",
            "commits": [{
                "timeline": 1, "epoch": 8, "point": "1:8+0", "own_epoch": true, "transaction": 9,
                "time": "2026-11-21T07:27:16.758Z",
                "captured": {
                    "after": "2026-11-21T07:27:16.757Z", "by": "2026-11-21T07:27:16.760Z",
                },
                "segment": "backup_incr_0001.wal",
                "offset": 168, "records": 2, "kinds": {"delete_node": 1, "delete_edge": 1},
                "lsn": 666,
            }],
            "unreadable": [],
        }),
    );
}

#[test]
fn inspect() {
    V2.check(
        "inspect REPO/backup_incr_0001.wal",
        0,
        &json!({
            "command": "inspect", "file": "REPO/backup_incr_0001.wal",
            "is": "incremental segment", "size_bytes": 1089, "generation": 2,
            "start_epoch": 8, "end_epoch": 18, "commit_groups": 11, "repeats": false,
            "catches_up": false, "reopened": false, "continues": false, "spans": false,
            "start_lsn": 600, "end_lsn": 1521, "commits": 11, "records": 14, "frames": 11,
            "first_commit_at": "2026-11-21T07:27:16.758Z",
            "last_commit_at": "2026-11-21T07:27:16.759Z",
            "points": "1:8 to 1:18", "log_ends_at": 1089, "log_ends": "clean",
        }),
    );
}

#[test]
fn errors() {
    V2.check(
        "restore REPO OUT --lsn 700",
        5,
        &json!({"error": {
            "code": "target-not-covered", "message": "LSN 700 is not where a commit ends",
            "hint": "a commit ends at LSN 666 and at 758", "nearest": null, "file": null,
        }}),
    );
    V2.check(
        "restore REPO OUT --time 2001-01-01T00:00:00Z",
        5,
        &json!({"error": {
            "code": "target-not-covered",
            "message": "a state at that time is not in the repository",
            "hint": "`--time` with an instant from 2026-11-21T07:27:16.757Z to \
                     2026-11-21T07:27:16.767Z, or `--latest`",
            "nearest": {"below": null, "above": 7}, "file": null,
        }}),
    );
}

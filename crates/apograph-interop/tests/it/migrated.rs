//! A database of generation 1 that the engine of generation 2 opens, which makes it one of its own.

use std::path::Path;

use apograph_interop::EngineGeneration;

use crate::command::{apograph, backup, restorable, restore, text};
use crate::fixtures;
use crate::stage::insert;

/// Restores a point and counts its nodes with the engine of a generation.
#[track_caller]
fn nodes(generation: EngineGeneration, repository: &Path, point: (u64, u64)) -> usize {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("out.grafeo");
    let (timeline, epoch) = point;
    restore(
        repository,
        &output,
        &["--epoch", &format!("{timeline}:{epoch}")],
    )
    .ok();
    let content = fixtures::engine(generation).dump(&output).unwrap().content;
    content["nodes"].as_array().unwrap().len()
}

#[track_caller]
fn check(is_closed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut older = fixtures::engine(EngineGeneration::One);
    older.open(&database).unwrap();
    insert(&mut older, 0..2);
    backup(&database, &repository, None).ok();
    insert(&mut older, 2..4);
    backup(&database, &repository, Some("--incremental")).ok();
    let before = restorable(&repository);
    let whole: Vec<_> = (0..=4).map(|epoch| (1, epoch)).collect();
    assert_eq!(before, whole);
    if is_closed {
        older.close().unwrap();
    } else {
        older.kill();
    }

    let mut newer = fixtures::engine(EngineGeneration::Two);
    newer.open(&database).unwrap();
    insert(&mut newer, 4..6);
    let words = ["backup", text(&database), "--repo", text(&repository)];
    let refused = apograph(words.into_iter().chain(["--incremental"]));
    assert_eq!(refused.code(), "chain-broken", "{}", refused.json);
    let full = apograph(words).ok();
    assert_eq!(full["outcome"], "full", "{full}");
    let why = full["why"].as_str().unwrap();
    assert!(why.contains("generation 2") || why.contains("0.6"), "{why}");
    insert(&mut newer, 6..7);
    backup(&database, &repository, Some("--incremental")).ok();
    // The epochs go on, and each is a node.
    let last = newer.epoch().unwrap();
    assert_eq!(last, 7);
    newer.close().unwrap();

    let verified = apograph(["verify", text(&repository)]).ok();
    assert_eq!(verified["ok"], true, "{verified}");
    let after = restorable(&repository);
    assert_eq!(after[..before.len()], before);
    for &(timeline, epoch) in &before {
        let count = nodes(EngineGeneration::One, &repository, (timeline, epoch));
        assert_eq!(count as u64, epoch);
    }
    let migrated = &after[before.len()..];
    assert_eq!(migrated.last(), Some(&(2, last)));
    for &(timeline, epoch) in migrated {
        let count = nodes(EngineGeneration::Two, &repository, (timeline, epoch));
        assert_eq!(count as u64, epoch);
    }
}

#[test]
fn a_closed_database_that_was_migrated_begins_a_new_chain() {
    check(true);
}

#[test]
fn a_crashed_database_that_was_migrated_begins_a_new_chain() {
    check(false);
}

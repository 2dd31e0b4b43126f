//! What a target means: points, the state before one, an instant.

use apograph_interop::{Engine, EngineGeneration};

use crate::command::{Outcome, apograph, backup, list, restore, text};
use crate::fixtures;
use crate::stage::{ChainStage, insert};

for_each_generation!(
    a_point_can_be_named_in_every_way,
    a_dry_run_says_what_the_restore_then_does,
    the_log_shows_every_commit_once,
    a_backup_that_was_cut_off_before_its_manifest_is_completed,
    a_first_backup_that_was_cut_off_is_completed,
    a_restore_that_was_cut_off_is_cleared_away,
    a_database_may_be_named_by_a_link,
    a_full_backup_after_a_rotation_does_not_break_the_chain,
);

fn nodes(engine: &mut Engine, stage: &ChainStage, target: &[&str]) -> usize {
    let output = stage.path("state.grafeo");
    restore(&stage.repository(), &output, target).ok();
    let content = engine.dump(&output).unwrap().content;
    std::fs::remove_file(&output).unwrap();
    let _ = std::fs::remove_dir_all(stage.path("state.grafeo.wal"));
    content["nodes"].as_array().unwrap().len()
}

fn refused(stage: &ChainStage, target: &[&str]) -> Outcome {
    let outcome = restore(&stage.repository(), &stage.output(), target);
    assert!(
        outcome.exit != 0 && !stage.output().exists(),
        "{}",
        outcome.json
    );
    outcome
}

fn a_point_can_be_named_in_every_way(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let mut engine = fixtures::engine(generation);
    let rows: [(&[&str], usize); 7] = [
        (&[], 8),
        (&["--latest"], 8),
        (&["--epoch", "8"], 8),
        (&["--epoch", "1:3"], 3),
        (&["--epoch", "0"], 0),
        (&["--before-epoch", "3"], 2),
        (&["--before-epoch", "1:1"], 0),
    ];
    for (target, expected) in rows {
        assert_eq!(nodes(&mut engine, &stage, target), expected, "{target:?}");
    }
    // A state right before a commit is known only where the commit is.
    assert_eq!(
        refused(&stage, &["--before-epoch", "9"]).code(),
        "target-not-covered"
    );
    assert_eq!(
        refused(&stage, &["--before-epoch", "0"]).code(),
        "target-not-covered"
    );
    assert_eq!(
        refused(&stage, &["--epoch", "2:1"]).code(),
        "target-not-covered"
    );
}

/// The log of generation 1 has no times: `times.rs` is about that of generation 2.
#[test]
fn an_instant_is_the_last_capture_by_then() {
    let stage = ChainStage::new(EngineGeneration::One);
    let mut engine = fixtures::engine(EngineGeneration::One);
    let list = list(&stage.repository());
    let segments = list["segments"].as_array().unwrap();
    let created = |index: usize| segments[index]["created_at"].as_str().unwrap();
    // The full backup and the first increment are one capture.
    for (index, expected) in [(1, 2), (2, 4), (3, 6), (4, 8)] {
        assert_eq!(
            nodes(&mut engine, &stage, &["--time", created(index)]),
            expected
        );
    }
    // A backup that finds nothing new has looked all the same.
    let backed_up = || {
        backup(&stage.database(), &stage.repository(), None).ok();
        let list = crate::command::list(&stage.repository());
        list["captured_until"].as_str().unwrap().to_owned()
    };
    let (before, until) = (backed_up(), backed_up());
    assert!(before < until, "{before} {until}");
    assert_eq!(nodes(&mut engine, &stage, &["--time", &until]), 10);
    let outcome = refused(&stage, &["--time", "2999-01-01T00:00:00Z"]);
    assert_eq!(outcome.code(), "target-not-covered");
    assert_eq!(outcome.json["nearest"]["below"], 10);
    let hint = outcome.json["hint"].as_str().unwrap();
    assert!(hint.contains(&until) && hint.contains("--latest"), "{hint}");
    let outcome = refused(&stage, &["--time", "2001-01-01T00:00:00Z"]);
    assert_eq!(outcome.code(), "target-not-covered");
    assert_eq!(outcome.json["nearest"]["above"], 0);

    let words = ["--time", created(2), "--dry-run"];
    let report = restore(&stage.repository(), &stage.output(), &words).ok();
    assert_eq!(report["interval"]["from"], created(2), "{report}");
    assert_eq!(report["interval"]["to"], created(3), "{report}");
    assert!(!stage.output().exists());
}

fn a_dry_run_says_what_the_restore_then_does(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let mut planned = restore(
        &stage.repository(),
        &stage.output(),
        &["--epoch", "5", "--dry-run"],
    )
    .ok();
    let done = restore(&stage.repository(), &stage.output(), &["--epoch", "5"]).ok();
    assert_eq!(planned["dry_run"].take(), true);
    planned
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !["dry_run", "bytes_free"].contains(&key.as_str()));
    assert_eq!(planned, done);
    let log = stage.path("output.grafeo.wal").read_dir().unwrap();
    let log = log.map(|entry| entry.unwrap().path());
    let written = log.chain([stage.output()]);
    let bytes = written.map(|path| path.metadata().unwrap().len());
    assert_eq!(done["bytes_written"], bytes.sum::<u64>());
}

fn the_log_shows_every_commit_once(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let repository = stage.repository();
    backup(&stage.database(), &repository, Some("--full")).ok();
    let log = apograph(["log", text(&repository)]).ok();
    let commits = log["commits"].as_array().unwrap();
    let epochs: Vec<u64> = commits
        .iter()
        .map(|it| it["epoch"].as_u64().unwrap())
        .collect();
    assert_eq!(epochs, (1..=10).collect::<Vec<_>>());
    let kinds = match generation {
        EngineGeneration::One => serde_json::json!({"create_node": 1, "set_node_property": 1}),
        EngineGeneration::Two => serde_json::json!({"create_node": 1}),
    };
    assert_eq!(commits[0]["kinds"], kinds);
    let part = apograph(["log", text(&repository), "--from", "3", "--to", "1:5"]).ok();
    assert_eq!(part["commits"].as_array().unwrap(), &commits[2..5]);
}

/// Takes a backup and puts the small files back: as a kill between the segments and the manifest
/// leaves it. With `full_is_missing`, between the increments and the full backup.
fn cut_off(stage: &ChainStage, mode: &str, full_is_missing: bool) {
    let cursor = stage.log_folder().join("backup_cursor.meta");
    let small = [
        stage.segment("backup_manifest.json"),
        stage.segment("apograph.json"),
        cursor,
    ];
    let before = small.clone().map(|path| std::fs::read(path).unwrap());
    let report = backup(&stage.database(), &stage.repository(), Some(mode)).ok();
    for (path, bytes) in small.iter().zip(before) {
        std::fs::write(path, bytes).unwrap();
    }
    if full_is_missing {
        std::fs::remove_file(stage.segment(report["segment"]["file"].as_str().unwrap())).unwrap();
    }
    std::fs::write(stage.segment(".backup_incr_0009.wal.apograph-tmp"), b"half").unwrap();
}

fn a_backup_that_was_cut_off_before_its_manifest_is_completed(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let (database, repository) = (stage.database(), stage.repository());
    let mut commits = 10;
    let mut judge = fixtures::engine(generation);
    for (mode, full_is_missing) in [
        ("--incremental", false),
        ("--full", false),
        ("--full", true),
    ] {
        cut_off(&stage, mode, full_is_missing);
        let verified = apograph(["verify", text(&repository)]);
        // A backup that was not finished is no damage, and told.
        let warnings = verified.json["warnings"].as_array().unwrap();
        assert!(!warnings.is_empty(), "{}", verified.json);

        let mut engine = fixtures::engine(generation);
        engine.open(&database).unwrap();
        insert(&mut engine, commits..commits + 1);
        engine.kill();
        commits += 1;
        backup(&database, &repository, Some(mode)).ok();
        let verified = apograph(["verify", text(&repository)]).ok();
        assert_eq!(verified["ok"], true, "{verified}");
        assert!(!stage.segment(".backup_incr_0009.wal.apograph-tmp").exists());
        assert_eq!(nodes(&mut judge, &stage, &[]) as u64, commits);
    }
}

fn a_first_backup_that_was_cut_off_is_completed(generation: EngineGeneration) {
    for files in [
        &["backup_manifest.json", "apograph.json"][..],
        &["backup_full_0000.grafeo"],
    ] {
        let stage = ChainStage::new(generation);
        let first = stage.path("first");
        backup(&stage.database(), &first, None).ok();
        for name in ["backup_manifest.json", "apograph.json"]
            .iter()
            .chain(files)
        {
            let _ = std::fs::remove_file(first.join(name));
        }
        assert_eq!(apograph(["list", text(&first)]).code(), "corrupt-manifest");
        backup(&stage.database(), &first, None).ok();
        let list = apograph(["list", text(&first)]).ok();
        let whole = serde_json::json!([{
            "timeline": 1, "from": 0, "to": 10, "from_point": "1:0", "to_point": "1:10+0",
        }]);
        assert_eq!(list["restorable"], whole, "{list}");
    }
}

fn a_restore_that_was_cut_off_is_cleared_away(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let staging = stage.path(".output.grafeo.apograph-tmp");
    let log = stage.path("output.grafeo.wal");
    // As a kill between the two moves leaves it: the log folder is there, the database is not.
    restore(&stage.repository(), &stage.output(), &[]).ok();
    std::fs::remove_file(stage.output()).unwrap();
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(&log).unwrap() {
        files += 1;
        bytes += entry.unwrap().metadata().unwrap().len();
    }
    let mark = log.join(".restore.apograph-tmp");
    for (said, whose) in [
        (None, "somebody else's"),
        (Some(bytes + 1), "one written to"),
    ] {
        if let Some(said) = said {
            std::fs::write(&mark, format!("{files} {said}")).unwrap();
        }
        std::fs::create_dir(&staging).unwrap();
        let outcome = refused(&stage, &[]);
        assert_eq!(outcome.code(), "output-exists", "{whose} stays");
        assert!(log.exists() && !staging.exists());
    }
    std::fs::create_dir(&staging).unwrap();
    std::fs::write(&mark, format!("{files} {bytes}")).unwrap();
    restore(&stage.repository(), &stage.output(), &[]).ok();
    assert!(!staging.exists() && !mark.exists());
}

/// The engine opens a database through a link too, and keeps its log beside the link.
fn a_database_may_be_named_by_a_link(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let link = stage.path("link.grafeo");
    std::os::unix::fs::symlink(stage.database(), &link).unwrap();
    let mut engine = fixtures::engine(generation);
    engine.open(&link).unwrap();
    insert(&mut engine, 0..3);
    let repository = stage.path("linked");
    // What an engine left beside the other name may be the log as well.
    let outcome = backup(&link, &repository, None);
    assert_eq!(outcome.code(), "log-not-found", "{}", outcome.json);
    std::fs::remove_dir_all(stage.log_folder()).unwrap();
    let report = backup(&link, &repository, None).ok();
    assert_eq!(report["outcome"], "full");
    let output = stage.path("unlinked.grafeo");
    restore(&repository, &output, &[]).ok();
    engine.close().unwrap();
    let content = engine.dump(&output).unwrap().content;
    assert_eq!(content["nodes"].as_array().unwrap().len(), 3);
}

/// The end of a log file and the start of the next are one place with two names.
fn a_full_backup_after_a_rotation_does_not_break_the_chain(generation: EngineGeneration) {
    let folder = tempfile::tempdir().unwrap();
    let (database, repository) = (
        folder.path().join("db.grafeo"),
        folder.path().join("repository"),
    );
    let mut engine = fixtures::engine(generation);
    engine.open(&database).unwrap();
    insert(&mut engine, 0..2);
    backup(&database, &repository, None).ok();
    engine.checkpoint().unwrap();
    backup(&database, &repository, Some("--full")).ok();
    insert(&mut engine, 2..4);
    backup(&database, &repository, Some("--incremental")).ok();
    let verified = apograph(["verify", text(&repository)]).ok();
    assert_eq!(verified["ok"], true, "{verified}");
    let whole = serde_json::json!([{
        "timeline": 1, "from": 0, "to": 4, "from_point": "1:0", "to_point": "1:4+0",
    }]);
    assert_eq!(list(&repository)["restorable"], whole);
}

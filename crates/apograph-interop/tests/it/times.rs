//! Instants of generation 2, whose log has the time of every commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use apograph::format::SEGMENT_HEADER_BYTES;
use apograph::format::v2::{
    FRAME_HEADER_BYTES, PIECE_LENGTH_BYTES, RECORD_HEADER_BYTES, WAL_SEGMENT_HEADER_BYTES,
};
use apograph_interop::{Engine, EngineGeneration};
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::truth::Truth;
use jiff::{Timestamp, ToSpan};

use crate::command::{apograph, restore, text};
use crate::fixtures;

/// The commits of a chain: the epoch and the instant of each, in the order of the log.
fn commits(repository: &Path) -> Vec<(u64, Timestamp)> {
    let log = apograph(["log", text(repository)]).ok();
    let commits = log["commits"].as_array().unwrap().iter();
    let commit = |it: &serde_json::Value| {
        let time = it["time"].as_str().unwrap_or_else(|| panic!("{it}"));
        assert!(time.ends_with('Z') && time.len() == "2026-11-21T06:37:04.331Z".len());
        (it["epoch"].as_u64().unwrap(), time.parse().unwrap())
    };
    commits.map(commit).collect()
}

/// The fixture's chain, and its truth.
fn chain(name: &str) -> (PathBuf, Truth) {
    let fixtures = fixtures::all(EngineGeneration::Two);
    let fixture = fixtures.iter().find(|dir| fixtures::name(dir) == name);
    let fixture = fixture.unwrap_or_else(|| panic!("{name}"));
    (fixture.join("backup"), fixtures::truth(fixture))
}

#[track_caller]
fn check(engine: &mut Engine, (repository, truth): &(PathBuf, Truth), instant: &str, epoch: u64) {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("out.grafeo");
    restore(repository, &output, &["--time", instant]).ok();
    let content = engine.dump(&output).unwrap().content;
    let life = truth.last_state().life;
    if let Some(diff) = truth.diff(life, epoch, &content) {
        panic!("{} at {instant}, epoch {epoch}: {diff}", truth.fixture);
    }
}

/// Before the first commit of the log the full backup is the state, from when it was written on.
#[track_caller]
fn check_base(engine: &mut Engine, chain: &(PathBuf, Truth), before: Timestamp) {
    let full = chain.0.join("backup_full_0000.grafeo");
    let image = apograph(["inspect", text(&full)]).ok();
    let written: Timestamp = image["checkpoint_at"].as_str().unwrap().parse().unwrap();
    let epoch = image["epoch"].as_u64().unwrap();
    if written <= before {
        check(engine, chain, &before.to_string(), epoch);
    } else {
        let output = chain.0.with_file_name("none.grafeo");
        let outcome = restore(&chain.0, &output, &["--time", &before.to_string()]);
        assert_eq!(outcome.code(), "target-not-covered");
        assert_eq!(outcome.json["nearest"]["above"], epoch);
        assert!(!output.exists());
    }
}

#[test]
fn an_instant_is_the_last_commit_by_then() {
    let mut engine = fixtures::engine(EngineGeneration::Two);
    for name in ["02_chain40", "06_transactions", "15_concurrent_incr"] {
        let chain = chain(name);
        let commits = commits(&chain.0);
        let by = |instant| {
            let until = commits.iter().filter(|(_, time)| *time <= instant);
            until.map(|(epoch, _)| *epoch).max()
        };
        let instants: BTreeSet<_> = commits.iter().map(|(_, time)| *time).collect();
        for instant in &instants {
            check(
                &mut engine,
                &chain,
                &instant.to_string(),
                by(*instant).unwrap(),
            );
            let before = *instant - 1.millisecond();
            match by(before) {
                Some(epoch) => check(&mut engine, &chain, &before.to_string(), epoch),
                None => check_base(&mut engine, &chain, before),
            }
        }
        let last = commits.iter().map(|(epoch, _)| *epoch).max().unwrap();
        let listed = apograph(["list", text(&chain.0)]).ok();
        let until = listed["captured_until"].as_str().unwrap();
        check(&mut engine, &chain, until, last);
        let output = chain.0.with_file_name("none.grafeo");
        let outcome = restore(&chain.0, &output, &["--time", "2999-01-01T00:00:00Z"]);
        assert_eq!(outcome.code(), "target-not-covered");
        assert_eq!(outcome.json["nearest"]["below"], last);
    }
}

/// Also where the next commit is in another increment.
#[test]
fn the_answer_tells_until_when_the_state_was_the_current_one() {
    let (repository, _) = chain("02_chain40");
    let commits = commits(&repository);
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("out.grafeo");
    let instants: BTreeSet<_> = commits.iter().map(|(_, time)| *time).collect();
    let instants: Vec<_> = instants.into_iter().collect();
    for (index, instant) in instants.iter().enumerate() {
        let words = ["--time", &instant.to_string(), "--dry-run"];
        let interval = restore(&repository, &output, &words).ok()["interval"].clone();
        let end = |name: &str| {
            interval[name]
                .as_str()
                .map(|it| it.parse::<Timestamp>().unwrap())
        };
        assert_eq!(end("from"), Some(*instant), "{interval}");
        assert_eq!(end("to"), instants.get(index + 1).copied(), "{interval}");
    }
}

/// What happened between two instants is what the log shows between them.
#[test]
fn a_commit_was_made_while_its_database_was_live() {
    let (repository, truth) = chain("06_transactions");
    let mut epochs: BTreeMap<u64, Timestamp> = BTreeMap::new();
    for (epoch, time) in commits(&repository) {
        let earlier = epochs.last_key_value().map(|(_, time)| *time);
        assert!(earlier.is_none_or(|earlier| earlier <= time));
        epochs.insert(epoch, time);
    }
    // The epochs 3 and 4 are of transactions that changed nothing: the log has no commit of them.
    assert!(epochs.into_keys().eq([2, 5, 6, 7]));
    assert_eq!(truth.last_state().epoch, 7);
}

#[test]
fn an_instant_before_the_chain_is_refused() {
    let (repository, _) = chain("02_chain40");
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("out.grafeo");
    let outcome = restore(&repository, &output, &["--time", "2001-01-01T00:00:00Z"]);
    assert_eq!(outcome.code(), "target-not-covered");
    assert_eq!(outcome.json["nearest"]["above"], 7);
    assert!(!output.exists());
}

/// The frames of a log with other times in their groups. The numbers have as many bytes as before.
fn with_times(frames: &mut [u8], times: &mut impl Iterator<Item = u64>) {
    const PROLOGUE: usize = 8;
    let mut start = 0;
    while start < frames.len() {
        let length = u32::from_le_bytes(frames[start..start + 4].try_into().unwrap());
        let end = start + FRAME_HEADER_BYTES + length as usize;
        let frame = &mut frames[start..end];
        let begin = FRAME_HEADER_BYTES + PROLOGUE + RECORD_HEADER_BYTES;
        // An epoch under 251 takes one byte, a time of this century a mark and eight.
        assert_eq!(frame[begin + 1], 253);
        let time = times.next().unwrap();
        frame[begin + 2..begin + 10].copy_from_slice(&time.to_le_bytes());
        seal_frame(frame);
        start = end;
    }
}

/// A clock that goes back does not bring back what was committed before: a commit counts as made no
/// earlier than those before it.
#[test]
fn a_clock_that_went_back_does_not_undo_commits() {
    let (golden, _) = chain("02_chain40");
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    fixtures::copy(&golden, &repository);
    let first = commits(&repository)[0].1.as_millisecond();
    let at = |offset: i64| u64::try_from(first + offset).unwrap();
    // Epochs 8 to 18, in the first increment; the clock is set back by a second after epoch 10.
    let offsets = [0, 10, 20, -980, -970, -960, -950, 30, 40, 50, 60];
    let segment = repository.join("backup_incr_0001.wal");
    let mut bytes = std::fs::read(&segment).unwrap();
    let frames = SEGMENT_HEADER_BYTES + PIECE_LENGTH_BYTES + WAL_SEGMENT_HEADER_BYTES;
    with_times(
        &mut bytes[frames..],
        &mut offsets.iter().map(|offset| at(*offset)),
    );
    std::fs::write(&segment, &bytes).unwrap();
    std::fs::remove_file(repository.join("backup_manifest.json")).unwrap();
    apograph(["rebuild", text(&repository)]).ok();
    let rows = [
        (-1, 7, None),
        (0, 8, Some((0, 10))),
        (9, 8, Some((0, 10))),
        (19, 9, Some((10, 20))),
        (20, 14, Some((20, 30))),
        (29, 14, Some((20, 30))),
        (30, 15, Some((30, 40))),
        (59, 17, Some((50, 60))),
        // The other increments claim to be older than that, and are after it all the same.
        (60, 40, None),
    ];
    for (offset, epoch, interval) in rows {
        let instant = Timestamp::from_millisecond(first + offset).unwrap();
        let output = folder.path().join("out.grafeo");
        let words = ["--time", &instant.to_string(), "--dry-run"];
        let planned = restore(&repository, &output, &words).ok();
        assert_eq!(planned["epoch"], epoch, "{offset}: {planned}");
        if let Some((from, to)) = interval {
            for (end, offset) in [("from", from), ("to", to)] {
                let end: Timestamp = planned["interval"][end].as_str().unwrap().parse().unwrap();
                assert_eq!(end.as_millisecond(), first + offset, "{planned}");
            }
        }
    }
}

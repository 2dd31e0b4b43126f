//! Backups of the engine of generation 1 after ours.

use std::fs;

use apograph_capture::Kind;
use apograph_format::{LogPosition, LogSequence};
use apograph_testing::encoding::v1::commit;
use apograph_testing::fixtures::V1;

use crate::continuity::{UNMARKED, check_broken};

use crate::captured::{range, why};
use crate::changed_files::{append, copy, put_back};
use crate::live::Live;

const OTHER_MOMENT: &str = "is not the one that this backup left";

fn start_of(sequence: u64) -> LogPosition {
    LogPosition::in_file(LogSequence::new(sequence), 0)
}

/// A backup of ours that ends in the log file with number 1, commits after it, and so many backups
/// of the engine: each holds a log file whole and begins the next one.
fn backed_up_by_engine(backups: u64) -> Live {
    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    let bodies = commits(&live, backups);
    for (body, sequence) in bodies.iter().zip(1..) {
        live.add_increment_of_engine(body, sequence);
    }
    live
}

/// Commits in so many log files, and begins one more. What each of them holds.
fn commits(live: &Live, files: u64) -> Vec<Vec<u8>> {
    let log_files = (1..=files).map(|file| {
        let log = live.log();
        let path = log.files().last().expect("a log file").path.clone();
        append(&path, &commit(8 + file, b"value"));
        live.begin_log_file();
        fs::read(path).expect("a log file")
    });
    log_files.collect()
}

#[test]
fn an_increment_of_the_engine_is_followed_where_the_log_holds_all_of_it() {
    for backups in [1, 2, 3] {
        let live = backed_up_by_engine(backups);
        let log = live.log();
        let newest = log.files().last().expect("a log file");
        append(&newest.path, &commit(20, b"value"));
        let records = live.added(Kind::Incremental);
        assert_eq!(range(&records[0]).0, start_of(backups + 1));
        // From there on it goes on with ours.
        append(&newest.path, &commit(21, b"value"));
        let next = live.added(Kind::Incremental);
        assert_eq!(range(&next[0]).0, range(&records[0]).1);
    }
    // One backup of several log files, with one that the chain holds already.
    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    let bodies = commits(&live, 3);
    live.add_increment_of_engine(&bodies.concat(), 3);
    append(&live.log_file(3), &commit(20, b"value"));
    let records = live.added(Kind::Incremental);
    assert_eq!(range(&records[0]).0, start_of(4));
}

/// The marker was put back, to that of the publish before. The increment after it is no engine's,
/// though it is a whole log file.
#[test]
fn an_increment_of_ours_is_not_taken_for_one_of_the_engine() {
    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    live.checkpoint_whole(|_| {});
    live.added(Kind::Full);
    let begun = live.log_file(live.log().files().len() - 1);
    let marker = fs::read(live.marker_path()).expect("a marker");
    append(&begun, &commit(9, b"value"));
    live.added(Kind::Incremental);
    fs::write(live.marker_path(), marker).expect("a marker");
    live.begin_log_file();
    let next = live.log_file(live.log().files().len() - 1);
    append(&next, &commit(10, b"value"));
    check_broken(&live, OTHER_MOMENT);
}

#[test]
fn an_increment_of_the_engine_that_the_log_does_not_hold_is_of_another_log() {
    type Change<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let last = commit(9, b"value").len();
    let changes: [Change<'_>; 4] = [
        // Another commit of the same length, a part of the file, and more than it.
        &|body| [&body[..body.len() - last], &commit(9, b"other")].concat(),
        &|body| body[body.len() - last..].to_vec(),
        &|body| body[..body.len() - last].to_vec(),
        &|body| [body, &commit(10, b"value")].concat(),
    ];
    for change in changes {
        let live = Live::of(V1, "10_live/source");
        live.added(Kind::Auto);
        let bodies = commits(&live, 1);
        live.add_increment_of_engine(&change(&bodies[0]), 1);
        check_broken(&live, OTHER_MOMENT);
        assert!(why(live.capture(Kind::Auto)).contains(OTHER_MOMENT));
    }
    // It does not begin where the chain ends.
    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    let bodies = commits(&live, 2);
    live.add_increment_of_engine(&bodies[1], 2);
    check_broken(&live, OTHER_MOMENT);
}

/// The engine copies files that follow one another, and one that is missing was not among them.
#[test]
fn an_increment_of_the_engine_holds_no_files_with_another_between_them() {
    for is_missing in [false, true] {
        let live = Live::of(V1, "10_live/source");
        live.added(Kind::Auto);
        let mut bodies: Vec<Vec<u8>> = Vec::new();
        for file in [0, 1] {
            append(&live.log_file(file), &commit(8, b"value"));
            bodies.push(fs::read(live.log_file(file)).expect("a log file"));
            live.checkpoint_whole(|_| {});
        }
        live.added(Kind::Full);
        if is_missing {
            fs::remove_file(live.log_file(1)).expect("a log file");
            bodies.pop();
        }
        bodies.extend(commits(&live, 1));
        live.add_increment_of_engine(&bodies.concat(), 3);
        if is_missing {
            check_broken(&live, OTHER_MOMENT);
        } else {
            live.capture(Kind::Incremental).expect("a chain");
        }
    }
}

/// What it proves is all of ours: the log has to be the one that ours was of.
#[test]
fn after_backups_of_the_engine_the_marker_is_of_the_last_one_of_ours() {
    let live = backed_up_by_engine(1);
    live.remove_marker();
    check_broken(&live, UNMARKED);

    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    let before = live.path("before");
    copy(&live.log_folder(), &before);
    let bodies = commits(&live, 1);
    live.added(Kind::Incremental);
    live.add_increment_of_engine(&bodies[0], 1);
    put_back(&before, &live.log_folder());
    check_broken(&live, OTHER_MOMENT);

    // The front of the file in which ours ends.
    let live = backed_up_by_engine(1);
    let path = live.log_file(0);
    let log = fs::read(&path).expect("a log file");
    fs::write(&path, &log[..100]).expect("a log file");
    check_broken(&live, "is shorter than what was captured of it");
}

/// It says nothing of the log after its image.
#[test]
fn a_full_backup_of_the_engine_is_followed_by_one_of_ours() {
    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    let image = fs::read(live.database()).expect("a database");
    live.add_full_of_engine("backup_full_0002.grafeo", &image);
    check_broken(&live, OTHER_MOMENT);
    let live = backed_up_by_engine(1);
    live.add_full_of_engine("backup_full_0003.grafeo", &image);
    check_broken(&live, OTHER_MOMENT);
}

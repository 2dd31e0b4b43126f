//! What a close of generation 1 leaves of a log that it removes: it is no log of a process that
//! began after the image.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use apograph_capture::Kind;
use apograph_format::v1::CHECKPOINT_FILE_NAME;
use apograph_format::{Blake3, LogPosition, LogSequence, UnixMillis, log_file_name};
use apograph_io::RealDisk;
use apograph_manifest::HISTORY_FILE_NAME;
use apograph_testing::fixtures::V1;

use crate::captured::{added, full, increment, names};
use crate::live::Live;
use crate::monitors::Heard;

/// Long before the files of a test are made.
pub(crate) const CLOSED_AT: UnixMillis = UnixMillis::new(1_600_000_000_000);

/// A database that was backed up and closed, and of whose log the first file is left.
fn left() -> Live {
    let live = Live::of(V1, "10_live/source");
    let log = live.log_folder();
    let first = log_file_name(LogPosition::in_file(LogSequence::new(0), 0));
    fs::rename(live.log_file(0), log.join(first)).expect("a rename");
    fs::remove_file(log.join(CHECKPOINT_FILE_NAME)).expect("a record");
    live.added(Kind::Auto);
    live.checkpoint(|it| it.written_at = CLOSED_AT);
    live
}

/// Sets the times at which the log and the database file were last written to, in milliseconds
/// before or after the close.
pub(crate) fn set_times(live: &Live, log: i64, database: i64) {
    for (path, offset) in [(live.log_file(0), log), (live.database(), database)] {
        let millis = CLOSED_AT.get().checked_add_signed(offset).expect("a time");
        let time = UNIX_EPOCH + Duration::from_millis(millis);
        let file = File::options().write(true).open(path).expect("a file");
        file.set_modified(time).expect("a time");
    }
}

/// What is left is replayed, and nothing before its end is offered.
#[track_caller]
fn check(live: &Live, is_left: bool) {
    let records = live.added(Kind::Auto);
    let last = records.last().expect("a segment");
    assert!(names(&records).len() > 1, "{:?}", names(&records));
    assert_eq!(increment(last).catches_up, is_left);
}

#[test]
fn a_log_beside_another_image_than_at_a_backup_is_older_than_the_image() {
    check(&left(), true);
    // Another repository goes by the marker of the first.
    let live = left();
    fs::remove_dir_all(live.repository()).expect("a repository");
    check(&live, true);
}

/// The marker has then seen this image, too.
#[test]
fn a_log_that_a_backup_found_older_than_the_image_stays_older() {
    let check_again = |live: &Live| {
        let records = live.added(Kind::Full);
        let last = records.last().expect("a segment");
        assert!(increment(last).catches_up, "{:?}", names(&records));
    };
    let live = left();
    check(&live, true);
    for _ in 0..2 {
        check_again(&live);
    }
    // By the evidence of the repository.
    live.remove_marker();
    check_again(&live);
    // Another repository goes by the marker of the first.
    fs::remove_dir_all(live.repository()).expect("a repository");
    check(&live, true);
}

/// The image is in a timeline already, and the log was never a part of that.
#[test]
fn what_an_older_log_leads_to_is_in_a_timeline_of_its_own() {
    let live = Live::of(V1, "10_live/source");
    let first = log_file_name(LogPosition::in_file(LogSequence::new(0), 0));
    fs::rename(live.log_file(0), live.log_folder().join(first)).expect("a rename");
    fs::remove_file(live.log_folder().join(CHECKPOINT_FILE_NAME)).expect("a record");
    live.checkpoint(|it| it.written_at = CLOSED_AT);
    let elsewhere = live.path("elsewhere");
    fs::rename(live.log_folder(), &elsewhere).expect("a rename");
    let before = live.added(Kind::Auto);
    fs::rename(&elsewhere, live.log_folder()).expect("a rename");
    set_times(&live, -100, 10);
    let records = live.added(Kind::Auto);
    assert!(increment(&records[1]).catches_up);
    // The image is the same one, and the timeline that begins after it is another.
    let base = full(&before[0]).base;
    assert_eq!(full(&records[0]).base, base);
    let log = increment(&records[1]);
    assert!(log.stretches.iter().all(|it| it.timeline > base.timeline));
    assert!(live.segment_header(&records[1]).flags.reopened);
}

#[test]
fn a_log_that_was_captured_beside_another_image_is_older_than_the_image() {
    let live = left();
    live.remove_marker();
    check(&live, true);
    let live = left();
    live.remove_marker();
    live.append(b"torn");
    check(&live, true);
    // It is another log.
    let live = left();
    live.remove_marker();
    let mut bytes = fs::read(live.log_file(0)).expect("a log file");
    let second = live.commits()[0];
    bytes.rotate_left(second);
    fs::write(live.log_file(0), bytes).expect("a log file");
    check(&live, false);
    // Nothing of it was captured: every log begins with that.
    let live = left();
    live.remove_marker();
    let mut history = live.history();
    let evidence = history.evidence.as_mut().expect("evidence");
    let file = evidence.log.as_mut().and_then(|log| log.file.as_mut());
    let file = file.expect("a captured file");
    (file.length, file.hash) = (0, Blake3::of(b""));
    live.set_history(&history);
    check(&live, false);
    let live = left();
    live.remove_marker();
    fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a record");
    check(&live, false);
}

#[test]
fn a_log_that_was_written_before_the_image_is_older_than_the_image() {
    // (The times at which the files were made are those of the test.)
    for (log, database, is_left) in [
        (-100, 10, true),
        (-1, 0, true),
        (0, 0, true),
        // After the image: by its stamp, or by the clock of the file system.
        (1, 10, false),
        (-1, -2, false),
    ] {
        let live = left();
        live.remove_marker();
        fs::remove_dir_all(live.repository()).expect("a repository");
        set_times(&live, log, database);
        check(&live, is_left);
    }
}

/// Where somebody has written to it since, the image alone is not the newest state.
#[test]
fn that_the_image_alone_is_the_database_as_it_was_closed_is_told_while_nothing_was_added() {
    for (log, database, is_told) in [
        (-100, 10, true),
        (-1, 0, true),
        (0, 0, false),
        // After the image: by its stamp, or by the clock of the file system.
        (1, 10, false),
        (-1, -2, false),
    ] {
        let live = left();
        set_times(&live, log, database);
        let heard = Heard::default();
        let records = added(live.capture_heard(&RealDisk, Kind::Auto, &heard));
        let last = records.last().expect("a segment");
        assert!(increment(last).catches_up);
        let words = heard.words();
        let tells = |it: &String| it.contains("is the database as it was closed");
        assert_eq!(
            words.iter().any(tells),
            is_told,
            "{log} {database}: {words:?}"
        );
    }
}

/// Of several files some may be gone, and an engine replays those that are there.
#[test]
fn files_that_are_missing_between_those_that_are_left_are_no_damage() {
    let live = left();
    let third = log_file_name(LogPosition::in_file(LogSequence::new(2), 0));
    fs::write(live.log_folder().join(third), b"").expect("a log file");
    check(&live, true);
    // No chain goes on across them.
    assert_eq!(live.refused(Kind::Incremental).0, "chain-broken");
    let live = left();
    let third = log_file_name(LogPosition::in_file(LogSequence::new(2), 0));
    live.remove_marker();
    fs::remove_dir_all(live.repository()).expect("a repository");
    fs::write(live.log_folder().join(third), b"").expect("a log file");
    assert_eq!(live.refused(Kind::Auto).0, "wal-damaged");
}

/// `checkpoint.meta` names a log file that is gone: nothing that is left is replayed.
#[test]
fn log_files_before_the_one_after_the_image_are_nothing() {
    let live = left();
    live.name_log_file(LogPosition::in_file(LogSequence::new(1), 0));
    let records = live.added(Kind::Auto);
    assert_eq!(names(&records).len(), 1);
}

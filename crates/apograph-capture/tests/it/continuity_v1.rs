//! What shows that a log of generation 1 is still the one that was captured.

use std::fs;

use apograph_capture::{Captured, Kind};
use apograph_format::v1::CHECKPOINT_FILE_NAME;
use apograph_format::{Crc32, LogPosition, LogSequence};
use apograph_manifest::{HISTORY_FILE_NAME, Keep};
use apograph_testing::encoding::varint;
use apograph_testing::fixtures::V1;

use crate::continuity::{CHAIN, ONE_FILE, check_broken, cursor_of_engine};
use crate::live::{Live, append, flip, full, names, range};

const REOPENED: &str = "closed and opened again";
const OTHER_LOG: &str = "does not hold the commits";
const TRUNCATED: &str = "removed log files";
/// The engine writes its cursor within so many milliseconds.
const LIMIT_MS: i64 = 10_000;

fn start_of(sequence: u64) -> LogPosition {
    LogPosition::in_file(LogSequence::new(sequence), 0)
}

#[track_caller]
fn check_begins(live: &Live, start: LogPosition) {
    let records = live.added(Kind::Incremental);
    assert_eq!(range(&records[0]).0, start);
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let checksum = Crc32::of(payload).get();
    [&length.to_le_bytes(), payload, &checksum.to_le_bytes()].concat()
}

/// A control record.
fn control(tag: u8, number: u64) -> Vec<u8> {
    frame(&[vec![tag], varint(number)].concat())
}

/// A commit without a change.
fn empty_commit(number: u64) -> Vec<u8> {
    [control(35, number), control(38, number)].concat()
}

/// A commit of one value.
fn commit(number: u64, value: &[u8]) -> Vec<u8> {
    let value = frame(&[&[4], value].concat());
    [value, empty_commit(number)].concat()
}

/// What the engine writes when it opens a database that was not closed.
fn seal() -> Vec<u8> {
    control(36, u64::MAX)
}

/// The full backup of the engine alone, of which only its cursor or the record of its checkpoint
/// tells where the log behind it begins.
#[test]
fn a_log_behind_a_full_backup_of_the_engine_begins_where_its_cursor_or_its_checkpoint_says() {
    let chain = || {
        let live = Live::with_backups(V1, CHAIN);
        live.keep_segments(1);
        live
    };
    let after = |live: &Live, sequence, delay_ms| {
        let keep = Keep::FilesAfter(LogSequence::new(sequence));
        live.set_cursor(&cursor_of_engine(live, keep, delay_ms));
    };
    let live = chain();
    after(&live, 1, 1);
    check_begins(&live, start_of(2));
    let live = chain();
    live.remove_cursor();
    check_begins(&live, start_of(1));
    // Of another backup than the last one here.
    let live = chain();
    after(&live, 1, LIMIT_MS + 1);
    check_begins(&live, start_of(1));

    let live = chain();
    after(&live, 0, 1);
    live.checkpoint(|_| {});
    check_begins(&live, start_of(1));
    let live = chain();
    after(&live, 0, 1);
    fs::remove_file(live.log_file(0)).expect("a log file");
    check_broken(&live, TRUNCATED);
    let live = chain();
    live.remove_cursor();
    live.checkpoint(|_| {});
    check_broken(&live, REOPENED);
    after(&live, 0, LIMIT_MS + 1);
    check_broken(&live, REOPENED);
}

/// The image is another one by now, and the record is of its checkpoint: what was committed in
/// between lies before it.
#[test]
fn a_later_checkpoint_does_not_say_where_the_log_behind_a_full_backup_begins() {
    let live = Live::with_backups(V1, CHAIN);
    live.keep_segments(1);
    live.set_cursor(&cursor_of_engine(&live, Keep::AllFiles, 1));
    live.checkpoint(|_| {});
    check_broken(&live, REOPENED);
}

#[test]
fn a_full_backup_behind_which_nothing_is_logged_yet_needs_its_image_or_its_cursor() {
    for (is_same, is_known) in [(true, true), (true, false), (false, true), (false, false)] {
        let live = Live::of(V1, "10_live/source");
        let log = fs::read(live.log_file(0)).expect("a log file");
        fs::write(live.log_file(0), "").expect("a log file");
        let records = live.added(Kind::Auto);
        assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
        assert_eq!(full(&records[0]).log_start, Some(start_of(1)));

        live.append(&log);
        if !is_same {
            live.checkpoint(|_| {});
        }
        if !is_known {
            live.remove_cursor();
        }
        if is_same || is_known {
            check_begins(&live, start_of(1));
        } else {
            check_broken(&live, REOPENED);
        }
    }
}

/// Its number says nothing: that of a new log is the same.
#[test]
fn a_log_file_that_is_gone_was_removed_by_a_checkpoint_or_with_the_log() {
    let record = V1.root().join("10_live/source/src.grafeo.wal");
    let record = fs::read(record.join(CHECKPOINT_FILE_NAME)).expect("a record");
    for (has_cursor, has_checkpoint, words) in [
        (true, true, TRUNCATED),
        (true, false, TRUNCATED),
        (false, true, TRUNCATED),
        (false, false, REOPENED),
    ] {
        let live = Live::of(V1, ONE_FILE);
        live.added(Kind::Auto);
        let next = live.log_folder().join("wal_00000001.log");
        fs::rename(live.log_file(0), next).expect("a rename");
        if !has_cursor {
            live.remove_cursor();
        }
        if has_checkpoint {
            let path = live.log_folder().join(CHECKPOINT_FILE_NAME);
            fs::write(path, &record).expect("a record");
        }
        check_broken(&live, words);
    }
}

#[test]
fn an_image_that_has_not_changed_is_a_witness_as_the_cursor_is() {
    let live = Live::of(V1, ONE_FILE);
    let rest = live.hold_back(2);
    let first = live.added(Kind::Auto);
    let (_, end) = range(&first[1]);
    live.append(&rest);
    let cursor = live.cursor().expect("a cursor");
    live.remove_cursor();
    live.checkpoint(|_| {});
    check_broken(&live, REOPENED);
    live.set_cursor(&cursor);
    check_begins(&live, end);

    let live = Live::of(V1, ONE_FILE);
    let rest = live.hold_back(2);
    live.added(Kind::Auto);
    live.append(&rest);
    live.remove_cursor();
    check_begins(&live, end);
}

/// Its time is that of another backup.
#[test]
fn a_cursor_that_is_not_known_does_not_say_that_what_is_gone_was_captured() {
    let live = Live::with_backups(V1, CHAIN);
    while live.log().files().len() > 1 {
        fs::remove_file(live.log_file(0)).expect("a log file");
    }
    let keep = Keep::FilesAfter(LogSequence::new(2));
    live.set_cursor(&cursor_of_engine(&live, keep, LIMIT_MS + 1));
    check_broken(&live, OTHER_LOG);
    live.set_cursor(&cursor_of_engine(&live, keep, 1));
    let captured = live.capture(Kind::Incremental).expect("an answer");
    assert!(matches!(captured, Captured::UpToDate { .. }));
}

/// What is known of the places of its segments is lost then.
#[test]
fn a_chain_whose_places_are_lost_goes_on_behind_its_last_bytes() {
    let live = Live::of(V1, ONE_FILE);
    let ends = live.commits();
    let rest = live.hold_back(1);
    live.added(Kind::Auto);
    live.append(&rest[..ends[1] - ends[0]]);
    live.added(Kind::Incremental);
    fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
    live.append(&rest[ends[1] - ends[0]..]);
    check_begins(&live, start_of(0).plus(ends[1] as u64));
}

/// A commit without a change ends with the same bytes as one of another process that has the same
/// numbers.
#[test]
fn a_commit_without_a_change_is_found_again_for_itself() {
    let live = Live::of(V1, ONE_FILE);
    fs::write(live.log_file(0), commit(1, b"value")).expect("a log file");
    live.append(&commit(2, b"value"));
    live.added(Kind::Auto);
    let next = live.log_folder().join("wal_00000001.log");
    let front = [seal(), commit(1, b"value")].concat();
    fs::write(&next, &front).expect("a log file");
    live.added(Kind::Incremental);
    append(&next, &empty_commit(2));
    live.added(Kind::Incremental);
    fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
    append(&next, &commit(3, b"value"));
    let captured = front.len() + empty_commit(2).len();
    check_begins(&live, start_of(1).plus(captured as u64));
}

/// Damage behind the commits that were captured is no reason why they are not there.
#[test]
fn another_log_is_one_also_where_it_is_damaged_behind_the_end_of_the_chain() {
    let live = Live::of(V1, ONE_FILE);
    let ends = live.commits();
    let rest = live.hold_back(2);
    live.added(Kind::Auto);
    let path = live.log_file(0);
    let bytes = fs::read(&path).expect("a log file");
    let (first, second) = bytes.split_at(ends[0]);
    fs::write(&path, [second, first, &rest].concat()).expect("a log file");
    flip(&path, ends[2] - 1);
    check_broken(&live, OTHER_LOG);
}

/// More than 64 KiB lie between the end of the chain and the start of the file, and fewer between
/// the offset of the end and that of an earlier end, in another file.
#[test]
fn an_offset_in_one_log_file_says_nothing_of_another() {
    let live = Live::of(V1, ONE_FILE);
    let records = live.added(Kind::Auto);
    let (_, end) = range(&records[1]);
    let epoch = records[1].segment.end_epoch.get();
    let log_file = |number: u64| live.log_folder().join(format!("wal_0000000{number}.log"));

    let large = commit(epoch + 1, &vec![0; 64 << 10]);
    fs::write(log_file(1), &large).expect("a log file");
    check_begins(&live, end);
    let small = commit(epoch + 2, b"value");
    append(&log_file(1), &small);
    check_begins(&live, start_of(1).plus(large.len() as u64));

    // It ends nearer to the start of its file than it began.
    append(&log_file(1), &commit(epoch + 3, b"value"));
    fs::write(log_file(2), commit(epoch + 4, b"value")).expect("a log file");
    check_begins(&live, start_of(1).plus((large.len() + small.len()) as u64));
    append(&log_file(2), &commit(epoch + 5, b"value"));
    check_begins(&live, start_of(2).plus(small.len() as u64));
}

/// A backup that is taken every minute does not read all of a large log each time.
#[test]
fn what_lies_far_before_the_end_of_the_chain_is_not_read_again() {
    let live = Live::of(V1, ONE_FILE);
    let epoch = live.added(Kind::Auto)[1].segment.end_epoch.get();
    let path = live.log_folder().join("wal_00000001.log");
    let large = commit(epoch + 1, &vec![0; 64 << 10]);
    fs::write(&path, &large).expect("a log file");
    live.added(Kind::Incremental);
    append(&path, &commit(epoch + 2, b"value"));
    live.added(Kind::Incremental);
    flip(&path, large.len() / 2);
    let captured = live.capture(Kind::Incremental).expect("an answer");
    assert!(matches!(captured, Captured::UpToDate { .. }));
}

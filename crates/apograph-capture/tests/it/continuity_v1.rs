//! What shows that a log of generation 1 is still the one that was captured.

use std::fs;

use apograph_capture::Kind;
use apograph_format::v1::CHECKPOINT_FILE_NAME;
use apograph_format::{LogPosition, LogSequence};
use apograph_manifest::HISTORY_FILE_NAME;
use apograph_testing::encoding::v1::{COMMIT, EPOCH, commit, control, empty_commit, process_end};
use apograph_testing::fixtures::V1;

use crate::captured::{full, names, range, why};
use crate::changed_files::{append, flip};
use crate::continuity::{ONE_FILE, OTHER_BYTES, UNMARKED, check_broken};
use crate::frames::created_by;
use crate::live::Live;

fn start_of(sequence: u64) -> LogPosition {
    LogPosition::in_file(LogSequence::new(sequence), 0)
}

#[track_caller]
fn check_begins(live: &Live, start: LogPosition) {
    let records = live.added(Kind::Incremental);
    assert_eq!(range(&records[0]).0, start);
}

/// Nothing tells whether a log is the one that an engine captured before.
#[test]
fn a_chain_of_the_engine_alone_is_followed_by_a_full_backup() {
    for segments in [1, 2, 3] {
        let live = Live::with_backups(V1, "12_crash_in_chain");
        live.keep_segments(segments);
        check_broken(&live, UNMARKED);
        assert!(why(live.capture(Kind::Auto)).contains(UNMARKED));
    }
}

#[test]
fn a_full_backup_after_which_nothing_is_captured_yet_needs_the_marker() {
    for (is_same, has_cursor, has_marker) in [
        (true, true, true),
        (true, false, true),
        (false, true, true),
        (false, false, true),
        (true, true, false),
        (false, true, false),
    ] {
        let live = Live::of(V1, "10_live/source");
        let log = fs::read(live.log_file(0)).expect("a log file");
        fs::write(live.log_file(0), "").expect("a log file");
        let records = live.added(Kind::Auto);
        assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
        assert_eq!(full(&records[0]).log_start(), Some(start_of(1)));

        live.append(&log);
        if !is_same {
            live.checkpoint_whole(|_| {});
        }
        if !has_cursor {
            live.remove_cursor();
        }
        if has_marker {
            check_begins(&live, start_of(1));
        } else {
            live.remove_marker();
            check_broken(&live, UNMARKED);
        }
    }
}

/// Its number says nothing: that of a new log is the same.
#[test]
fn a_log_file_that_is_gone_before_all_of_it_was_captured_breaks_the_chain() {
    for has_cursor in [true, false] {
        let live = Live::of(V1, ONE_FILE);
        live.added(Kind::Auto);
        live.checkpoint_whole(|_| {});
        fs::remove_file(live.log_file(0)).expect("a log file");
        if !has_cursor {
            live.remove_cursor();
        }
        check_broken(&live, "wal_00000000.log is not there any more");
    }
}

/// The chain ends at the beginning of the file with number 2, of which nothing was captured, and
/// holds the one before it whole.
fn at_next_file() -> Live {
    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    live.checkpoint_whole(|_| {});
    live.added(Kind::Full);
    let evidence = live.evidence();
    let file = evidence.log.and_then(|log| log.file).expect("a file");
    assert_eq!(evidence.end, Some(start_of(2)));
    assert_eq!(file.sequence, LogSequence::new(1));
    live
}

#[test]
fn a_file_that_was_captured_whole_is_as_it_was_or_gone() {
    type Row = (fn(&Live), Option<&'static str>);
    let changes: [Row; 5] = [
        (|_| {}, None),
        (
            |live| fs::remove_file(live.log_file(0)).expect("a log file"),
            None,
        ),
        (
            |live| append(&live.log_file(0), &commit(9, b"value")),
            Some("wal_00000001.log has grown since it was captured whole"),
        ),
        (
            |live| {
                let log = fs::read(live.log_file(0)).expect("a log file");
                fs::write(live.log_file(0), &log[..100]).expect("a log file");
            },
            Some("wal_00000001.log is shorter than what was captured of it"),
        ),
        (
            |live| {
                let length = fs::metadata(live.log_file(0)).expect("a log file").len();
                flip(
                    &live.log_file(0),
                    usize::try_from(length).expect("a length") - 1,
                );
            },
            Some(OTHER_BYTES),
        ),
    ];
    for (change, broken) in changes {
        let live = at_next_file();
        append(&live.log_file(1), &commit(9, b"value"));
        change(&live);
        match broken {
            None => check_begins(&live, start_of(2)),
            Some(words) => check_broken(&live, words),
        }
    }
}

#[test]
fn no_log_file_is_missing_from_the_end_of_the_chain_to_the_newest() {
    // The end of the chain, one after it, and the newest that there was.
    for (missing, words) in [
        (1, "wal_00000001.log is not there any more"),
        (2, "wal_00000002.log is not there any more"),
        (3, "wal_00000002.log is the newest log file"),
    ] {
        let live = Live::of(V1, "10_live/source");
        live.begin_log_file();
        live.begin_log_file();
        live.added(Kind::Auto);
        let name = format!("wal_0000000{missing}.log");
        fs::remove_file(live.log_folder().join(name)).expect("a log file");
        check_broken(&live, words);
    }
    let live = at_next_file();
    fs::rename(live.log_file(1), live.log_folder().join("wal_00000003.log")).expect("a rename");
    check_broken(&live, "wal_00000002.log is not there any more");
}

/// The log after the image begins with the file with number 1, and the chain ends in the next.
#[test]
fn no_log_file_is_missing_from_the_image_to_the_end_of_the_chain() {
    for missing in [1, 2] {
        let live = Live::of(V1, "10_live/source");
        live.begin_log_file();
        append(&live.log_file(1), &commit(9, b"value"));
        live.added(Kind::Auto);
        let name = format!("wal_0000000{missing}.log");
        fs::remove_file(live.log_folder().join(&name)).expect("a log file");
        check_broken(&live, &format!("{name} is not there any more"));
    }
}

/// An image that the chain knows, and a log of which no backup has seen anything yet.
#[test]
fn a_log_that_begins_after_a_closed_image_needs_no_marker() {
    let log = fs::read(Live::of(V1, "10_live/source").log_file(0)).expect("a log file");
    let begun = |number: u64| {
        let live = Live::of(V1, "10_live/source").closed();
        live.added(Kind::Auto);
        fs::create_dir(live.log_folder()).expect("a folder");
        let name = format!("wal_{number:08}.log");
        fs::write(live.log_folder().join(name), &log).expect("a log file");
        live
    };
    check_begins(&begun(0), start_of(0));
    check_broken(&begun(1), UNMARKED);
    let live = begun(0);
    live.checkpoint(|_| {});
    check_broken(&live, UNMARKED);
    let live = begun(0);
    live.name_log_file(start_of(0));
    check_broken(&live, UNMARKED);
    // Once something of it was captured, the marker has to be there.
    let live = begun(0);
    live.added(Kind::Incremental);
    live.remove_marker();
    check_broken(&live, UNMARKED);
}

/// An image that was copied while its log held nothing: a log from the first file on is that one, or
/// begins after another image.
#[test]
fn a_log_that_begins_after_an_image_is_the_one_that_was_there() {
    for (source, number) in [(ONE_FILE, 0), ("10_live/source", 1)] {
        let live = Live::of(V1, source);
        let log = live.take_log();
        let records = live.added(Kind::Auto);
        assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
        assert_eq!(full(&records[0]).log_start(), Some(start_of(number)));

        live.remove_marker();
        fs::remove_file(live.log_file(0)).expect("a log file");
        fs::write(live.log_folder().join("wal_00000000.log"), log).expect("a log file");
        if number == 0 {
            check_begins(&live, start_of(0));
        } else {
            fs::remove_file(live.log_folder().join(CHECKPOINT_FILE_NAME)).expect("a record");
            check_broken(&live, UNMARKED);
        }
    }
}

/// Engines before 0.5.44 keep it, and their own full backup writes an image and nothing of it.
#[test]
fn a_log_that_led_to_its_image_is_not_one_after_it() {
    let group = |epoch| [control(COMMIT, epoch + 1), control(EPOCH, epoch)].concat();
    // Up to which epoch the log goes; the image is at 4.
    for (release, last, resume) in [
        ("0.5.36", 6, false),
        ("0.5.36", 4, false),
        ("0.5.36", 3, true),
        ("0.5.44", 6, true),
    ] {
        let live = Live::of(V1, "10_live/source").closed();
        let image = fs::read(live.database()).expect("a database");
        let image = created_by(image, release);
        fs::write(live.database(), &image).expect("a database");
        live.added(Kind::Auto);
        live.keep_segments(0);
        fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
        fs::create_dir(live.log_folder()).expect("a folder");
        let log: Vec<u8> = (1..=last).flat_map(group).collect();
        fs::write(live.log_folder().join("wal_00000000.log"), log).expect("a log file");
        live.add_full_of_engine("backup_full_0000.grafeo", &image);
        if resume {
            check_begins(&live, start_of(0));
        } else {
            check_broken(&live, UNMARKED);
        }
    }
}

/// What is known of the places of its segments is lost then.
#[test]
fn a_chain_whose_places_are_lost_goes_on_after_its_last_bytes() {
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
    let front = [process_end(), commit(1, b"value")].concat();
    fs::write(&next, &front).expect("a log file");
    live.added(Kind::Incremental);
    append(&next, &empty_commit(2));
    live.added(Kind::Incremental);
    fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
    append(&next, &commit(3, b"value"));
    let captured = front.len() + empty_commit(2).len();
    check_begins(&live, start_of(1).plus(captured as u64));
}

/// Damage after the commits that were captured is no reason why they are not there.
#[test]
fn another_log_is_one_also_where_it_is_damaged_after_the_end_of_the_chain() {
    let live = Live::of(V1, ONE_FILE);
    let ends = live.commits();
    let rest = live.hold_back(2);
    live.added(Kind::Auto);
    let path = live.log_file(0);
    let bytes = fs::read(&path).expect("a log file");
    let (first, second) = bytes.split_at(ends[0]);
    fs::write(&path, [second, first, &rest].concat()).expect("a log file");
    flip(&path, ends[2] - 1);
    check_broken(&live, OTHER_BYTES);
}

/// Each file has its own front, however large the one before is.
#[test]
fn the_front_of_the_file_is_compared_in_which_the_chain_ends() {
    let live = Live::of(V1, ONE_FILE);
    live.added(Kind::Auto);
    let mut expected = live.log().files()[0].part().end();
    for (index, size) in [(1, 64 << 10), (2, 1), (3, 64 << 10)] {
        live.begin_log_file();
        let path = live.log_file(index);
        let front = [process_end(), commit(1, &vec![0; size])].concat();
        fs::write(&path, &front).expect("a log file");
        check_begins(&live, expected);
        expected = start_of(index as u64).plus(front.len() as u64);
        append(&path, &commit(2, b"value"));
        check_begins(&live, expected);
        expected = live.log().files()[index].part().end();
    }
}

/// However far before the end it lies.
#[test]
fn every_byte_that_was_captured_of_a_log_file_is_compared() {
    let live = Live::of(V1, ONE_FILE);
    let epoch = live.added(Kind::Auto)[1].segment.end_epoch.get();
    let path = live.log_file(0);
    let large = commit(epoch + 1, &vec![0; 64 << 10]);
    append(&path, &large);
    live.added(Kind::Incremental);
    append(&path, &commit(epoch + 2, b"value"));
    live.added(Kind::Incremental);
    let end = fs::read(&path).expect("a log file").len();
    for offset in [0, 400, large.len() / 2, end - 1] {
        flip(&path, offset);
        let (code, words) = live.refused(Kind::Incremental);
        assert_eq!(code, "wal-damaged", "{offset}: {words}");
        flip(&path, offset);
    }
    live.capture(Kind::Incremental).expect("a sound log");
}

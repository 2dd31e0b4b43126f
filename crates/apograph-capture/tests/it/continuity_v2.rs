//! What shows that a log of generation 2 is still the one that was captured.

use std::fs;

use apograph_capture::{Captured, Kind};
use apograph_format::v2::WAL_SEGMENT_HEADER_BYTES;
use apograph_format::{Lsn, log_file_name};
use apograph_testing::fixtures::V2;

use crate::continuity::{ONE_FILE, check_broken, create_anew};
use crate::live::{Live, flip, names, range, sealed_frame};

const SOURCE: &str = "10_live/source";
/// Where the image of [`SOURCE`] ends, and its only log file begins.
const IMAGE: Lsn = Lsn::new(296);
/// Where the frames begin in a log file.
const FRONT: usize = WAL_SEGMENT_HEADER_BYTES;
const UNPROVED: &str = "nothing shows that the log goes on";

/// A chain that ends with an image and holds no log: of one full backup, or of more, with an
/// increment behind each but the first. What is committed then is logged behind it.
fn imaged(fulls: usize) -> Live {
    let live = Live::of(V2, SOURCE);
    let path = live.log_file(0);
    let log = fs::read(&path).expect("a log file");
    fs::write(&path, &log[..FRONT]).expect("a log file");
    for index in 0..fulls {
        let records = live.added(Kind::Full);
        assert_eq!(records.len(), 1 + usize::from(index > 0));
    }
    live.append(&log[FRONT..]);
    live
}

#[track_caller]
fn check_goes_on(live: &Live, start: Lsn) {
    let records = live.added(Kind::Incremental);
    assert_eq!(range(&records[0]).0, start.into());
}

/// A copy that was restored to the full backup has its image too, and none has its cursor.
#[test]
fn a_full_backup_behind_which_nothing_is_logged_yet_needs_its_file_or_its_cursor() {
    let check = |live: &Live, is_source: bool| {
        let cursor = live.cursor().expect("a cursor");
        live.remove_cursor();
        if !is_source {
            check_broken(live, UNPROVED);
            live.set_cursor(&cursor);
        }
        check_goes_on(live, IMAGE);
    };
    check(&imaged(1), true);
    let live = imaged(1);
    live.checkpoint(|_| {});
    check(&live, false);
    let live = imaged(1);
    let copy = live.path("copy.grafeo");
    fs::copy(live.database(), &copy).expect("a copy");
    fs::rename(copy, live.database()).expect("a rename");
    check(&live, false);
}

#[test]
fn an_increment_without_log_is_proved_by_what_comes_before_it() {
    for fulls in [2, 3] {
        check_goes_on(&imaged(fulls), IMAGE);
        let live = imaged(fulls);
        live.remove_cursor();
        live.checkpoint(|_| {});
        check_broken(&live, UNPROVED);
    }
}

/// The database file has changed since, and the cursor is gone. The log that was captured before the
/// full backup is still there.
#[test]
fn a_full_backup_in_the_middle_of_a_log_is_proved_by_the_log_before_it() {
    let chain = || {
        let live = Live::of(V2, ONE_FILE);
        let rest = live.hold_back(2);
        let first = live.added(Kind::Auto);
        let (_, end) = range(&first[1]);
        live.checkpoint(|it| {
            it.log_start = end.lsn();
            it.epoch = first[1].segment.end_epoch;
        });
        let records = live.added(Kind::Full);
        assert_eq!(
            names(&records),
            ["backup_full_0002.grafeo", "backup_incr_0003.wal"]
        );
        assert_eq!(range(&records[1]), (end, end));
        live.remove_cursor();
        live.checkpoint(|_| {});
        live.append(&rest);
        (live, end.lsn().expect("a position"))
    };
    let (live, end) = chain();
    check_goes_on(&live, end);
    let (live, _) = chain();
    create_anew(&live, 0);
    check_broken(&live, "does not hold the commits");
}

/// A crash took the last commit, and another one was logged in its place: as long, at the same
/// position, in the same log file.
#[test]
fn a_commit_that_was_logged_where_a_captured_one_was_is_another() {
    let live = Live::of(V2, ONE_FILE);
    live.added(Kind::Auto);
    let ends = live.commits();
    let mut frame = live.hold_back(ends.len() - 1);
    *frame.last_mut().expect("a value") ^= 1;
    live.append(&sealed_frame(frame));
    assert_eq!(live.commits(), ends);
    check_broken(&live, "does not hold the commits");
}

#[test]
fn a_captured_commit_that_contradicts_itself_is_told_with_its_defect() {
    let live = Live::of(V2, ONE_FILE);
    live.added(Kind::Auto);
    let ends = live.commits();
    let mut frame = live.hold_back(ends.len() - 1);
    frame[50] = 0;
    live.append(&sealed_frame(frame));
    let (code, words) = live.refused(Kind::Incremental);
    assert_eq!(code, "wal-damaged");
    assert!(words.ends_with("a record has kind 0"), "{words}");
}

/// So much was captured of the file that not all of it is read again. What is left of it agrees with
/// the end of the chain.
#[test]
fn a_log_file_that_was_cut_off_is_damaged_whatever_is_left_of_it() {
    let live = Live::of(V2, ONE_FILE);
    let path = live.log_file(0);
    let mut frame = live.hold_back(live.commits().len() - 1);
    let value = vec![0; 70 << 10];
    let length = u32::try_from(value.len()).expect("a length");
    frame.extend([&[16, 1], length.to_le_bytes().as_slice(), &value].concat());
    *frame.last_mut().expect("a value") = fs::read(&path).expect("a log file")[FRONT];
    live.append(&sealed_frame(frame));
    live.added(Kind::Auto);

    let log = live.log();
    let end = log.files()[0].part().end();
    let header = log.files()[0].header.expect("a header");
    let next = header.beginning_at(end.lsn().expect("a position"));
    fs::write(live.log_folder().join(log_file_name(end)), next.bytes()).expect("a log file");
    live.capture(Kind::Incremental)
        .expect("a chain that goes on");
    let bytes = fs::read(&path).expect("a log file");
    for left in [0, 1] {
        fs::write(&path, &bytes[..FRONT + left]).expect("a log file");
        let (code, words) = live.refused(Kind::Incremental);
        assert_eq!(code, "wal-damaged", "{left}: {words}");
    }
}

/// A backup that is taken every minute does not read all of a large log each time.
#[test]
fn of_a_large_log_file_the_end_of_what_was_captured_is_the_proof() {
    let live = Live::of(V2, ONE_FILE);
    live.added(Kind::Auto);
    live.append_group(6, 3_000);
    live.added(Kind::Incremental);
    live.append_group(7, 1);
    let records = live.added(Kind::Incremental);
    let (path, ends) = (live.log_file(0), live.commits());
    let at = |end: usize| Lsn::new((end - FRONT) as u64).into();
    assert_eq!(range(&records[0]), (at(ends[5]), at(ends[6])));

    flip(&path, ends[0] - 1);
    flip(&path, ends[4] + 1_000);
    let captured = live.capture(Kind::Incremental).expect("an answer");
    assert!(matches!(captured, Captured::UpToDate { .. }));
    // Where the end is not as it was, all of the file is looked at, and the first damage told.
    flip(&path, ends[6] - 1);
    let (code, words) = live.refused(Kind::Incremental);
    assert_eq!(code, "wal-damaged");
    let place = format!("{} is damaged at byte {FRONT}: ", path.display());
    assert!(words.starts_with(&place), "{words}");
}

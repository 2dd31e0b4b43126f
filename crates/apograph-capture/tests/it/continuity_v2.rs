//! What shows that a log of generation 2 is still the one that was captured.

use std::fs;

use apograph_capture::{Captured, Kind};
use apograph_format::v2::WAL_SEGMENT_HEADER_BYTES;
use apograph_format::{Epoch, LogPosition, Lsn, UnixMillis, log_file_name};
use apograph_io::RealDisk;
use apograph_manifest::HISTORY_FILE_NAME;
use apograph_repository::Repository;
use apograph_testing::context::every_core;
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::fixtures::V2;

use crate::continuity::{ONE_FILE, OTHER_BYTES, UNMARKED, check_broken, create_anew};

use crate::captured::{does_span, names, range};
use crate::changed_files::{append, flip};
use crate::live::Live;
use crate::monitors::Later;

const SOURCE: &str = "10_live/source";
/// Where the image of [`SOURCE`] ends, and its only log file begins.
const IMAGE: Lsn = Lsn::new(296);
/// Where the frames begin in a log file.
const FRONT: usize = WAL_SEGMENT_HEADER_BYTES;

/// A chain that ends with an image and holds no log: of one full backup, or of more, with an
/// increment after each but the first. What is committed then is logged after it.
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

/// A copy that was restored to the full backup has its image too, and none has its marker.
#[test]
fn a_full_backup_after_which_nothing_is_captured_yet_needs_the_marker() {
    let changes: [fn(&Live); 4] = [
        |_| {},
        |live| live.checkpoint(|_| {}),
        |live| live.remove_cursor(),
        |live| {
            let copy = live.path("copy.grafeo");
            fs::copy(live.database(), &copy).expect("a copy");
            fs::rename(copy, live.database()).expect("a rename");
        },
    ];
    for (fulls, change) in [1, 2, 3]
        .into_iter()
        .flat_map(|it| changes.map(|by| (it, by)))
    {
        let live = imaged(fulls);
        change(&live);
        check_goes_on(&live, IMAGE);
        let live = imaged(fulls);
        change(&live);
        live.remove_marker();
        check_broken(&live, UNMARKED);
    }
}

/// What can be restored, with `apograph.json` and without it.
#[track_caller]
fn offered(live: &Live) -> Vec<(u64, u64, u64)> {
    let read = || {
        let repository = Repository::open(live.repository(), every_core()).expect("a repository");
        let ranges = repository.chain().restorable().into_iter();
        let ranges = ranges.map(|it| (it.timeline.get(), it.from.get(), it.to.get()));
        ranges.collect::<Vec<_>>()
    };
    let before = read();
    let history = live.repository().join(HISTORY_FILE_NAME);
    let kept = fs::read(&history).expect("a history");
    fs::remove_file(&history).expect("a history");
    assert_eq!(read(), before);
    fs::write(history, kept).expect("a history");
    before
}

/// Its log was gone when it was taken, and nothing proved that the chain goes on. That the log is
/// there again does not change the name that it was told by.
#[test]
fn a_full_backup_of_ours_keeps_its_timeline() {
    let live = Live::of(V2, ONE_FILE);
    let rest = live.hold_back(2);
    live.added(Kind::Auto);
    live.checkpoint_whole(|it| it.epoch = Epoch::new(2));
    let path = live.log_file(1);
    let begun = fs::read(&path).expect("a log file");
    fs::remove_file(&path).expect("a log file");
    let records = live.added(Kind::Auto);
    assert_eq!(names(&records), ["backup_full_0002.grafeo"]);
    assert_eq!(offered(&live), [(1, 0, 2), (2, 2, 2)]);

    fs::write(&path, begun).expect("a log file");
    append(&path, &rest);
    let next = live.added(Kind::Incremental);
    assert!(!does_span(&next[0]));
    assert_eq!(offered(&live), [(1, 0, 2), (2, 2, 5)]);
}

/// Until a backup of ours finds that the log goes on across it, a full backup of the engine has a
/// timeline of its own. That number never means another one.
#[test]
fn a_full_backup_of_the_engine_leaves_the_number_that_it_had() {
    let live = Live::of(V2, ONE_FILE);
    let rest = live.hold_back(2);
    let frame = live.hold_back(1);
    live.append(&frame);
    live.added(Kind::Auto);
    live.checkpoint_whole(|it| it.epoch = Epoch::new(2));
    let image = fs::read(live.database()).expect("a database");
    live.add_full_of_engine("backup_full_0002.grafeo", &image);
    assert_eq!(offered(&live), [(1, 0, 2), (2, 2, 2)]);

    let path = live.log_file(1);
    append(&path, &rest);
    let next = live.added(Kind::Incremental);
    assert!(does_span(&next[0]));
    assert_eq!(offered(&live), [(1, 0, 5)]);
    // A crash gives an epoch out again.
    append(&path, &moved(frame, live.log().files()[1].part().end()));
    live.added(Kind::Incremental);
    assert_eq!(offered(&live), [(1, 0, 5), (3, 2, 2)]);
}

/// What an epoch meant that was given out again before it, the image has not.
#[test]
fn a_full_backup_of_the_engine_after_epochs_that_were_given_out_again_is_of_its_own() {
    let live = Live::of(V2, ONE_FILE);
    live.hold_back(2);
    live.added(Kind::Auto);
    live.append_group(2, 1);
    live.checkpoint_whole(|it| it.epoch = Epoch::new(2));
    let image = fs::read(live.database()).expect("a database");
    live.add_full_of_engine("backup_full_0002.grafeo", &image);
    let captured = live.capture(Kind::Incremental).expect("an answer");
    assert!(matches!(captured, Captured::UpToDate { .. }));
    assert_eq!(offered(&live), [(1, 0, 2), (2, 2, 2)]);
}

/// A frame at another place of the log.
fn moved(mut frame: Vec<u8>, to: LogPosition) -> Vec<u8> {
    let lsn = to.lsn().expect("a position").get();
    frame[8..16].copy_from_slice(&lsn.to_le_bytes());
    seal_frame(&mut frame);
    frame
}

/// The database file has changed since, and the marker is gone. The log that was captured before
/// the full backup is still there.
#[test]
fn a_full_backup_in_the_middle_of_a_log_is_proved_by_the_log_before_it() {
    let chain = || {
        let live = Live::of(V2, ONE_FILE);
        let rest = live.hold_back(2);
        let first = live.added(Kind::Auto);
        let (_, end) = range(&first[1]);
        live.checkpoint_whole(|it| it.epoch = first[1].segment.end_epoch);
        let records = live.added(Kind::Full);
        assert_eq!(
            names(&records),
            ["backup_full_0002.grafeo", "backup_incr_0003.wal"]
        );
        assert_eq!(range(&records[1]), (end, end));
        live.remove_marker();
        live.checkpoint(|_| {});
        append(&live.log_file(1), &rest);
        (live, end.lsn().expect("a position"))
    };
    let (live, end) = chain();
    check_goes_on(&live, end);
    let (live, _) = chain();
    create_anew(&live, 0);
    check_broken(&live, OTHER_BYTES);
    let (live, _) = chain();
    fs::remove_file(live.log_file(0)).expect("a log file");
    check_broken(&live, UNMARKED);
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
    seal_frame(&mut frame);
    live.append(&frame);
    assert_eq!(live.commits(), ends);
    check_broken(&live, OTHER_BYTES);
}

#[test]
fn a_captured_commit_that_contradicts_itself_is_told_with_its_defect() {
    let live = Live::of(V2, ONE_FILE);
    live.added(Kind::Auto);
    let ends = live.commits();
    let mut frame = live.hold_back(ends.len() - 1);
    frame[50] = 0;
    seal_frame(&mut frame);
    live.append(&frame);
    let (code, words) = live.refused(Kind::Incremental);
    assert_eq!(code, "wal-damaged");
    assert!(words.ends_with("a record has kind 0"), "{words}");
}

/// So much was captured of the file that not all of it is read again. What is left of it agrees
/// with the end of the chain.
#[test]
fn a_log_file_that_was_cut_off_is_damaged_whatever_is_left_of_it() {
    let live = Live::of(V2, ONE_FILE);
    let path = live.log_file(0);
    let mut frame = live.hold_back(live.commits().len() - 1);
    let value = vec![0; 70 << 10];
    let length = u32::try_from(value.len()).expect("a length");
    frame.extend([&[16, 1], length.to_le_bytes().as_slice(), &value].concat());
    *frame.last_mut().expect("a value") = fs::read(&path).expect("a log file")[FRONT];
    seal_frame(&mut frame);
    live.append(&frame);
    live.added(Kind::Auto);

    let log = live.log();
    let end = log.files()[0].part().end();
    let header = log.files()[0].header().expect("a header");
    let next = header.beginning_at(end.lsn().expect("a position"));
    fs::write(live.log_folder().join(log_file_name(end)), next.bytes()).expect("a log file");
    live.capture(Kind::Incremental)
        .expect("a chain that goes on");
    let bytes = fs::read(&path).expect("a log file");
    for left in [0, 1] {
        fs::write(&path, &bytes[..FRONT + left]).expect("a log file");
        let (code, words) = live.refused(Kind::Auto);
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

/// A database of [`SOURCE`] after so many checkpoints, the last of which a backup has seen, and its
/// file as it was after each of them.
fn checkpointed(checkpoints: usize) -> (Live, Vec<Vec<u8>>) {
    let live = Live::of(V2, SOURCE);
    let rest = live.hold_back(2);
    live.added(Kind::Auto);
    let read = || fs::read(live.database()).expect("a database");
    let mut images = vec![read()];
    for _ in 0..checkpoints {
        live.checkpoint(|_| {});
        images.push(read());
    }
    live.append(&rest);
    live.added(Kind::Incremental);
    (live, images)
}

#[test]
fn the_image_is_no_older_one_and_no_other_with_as_many_checkpoints() {
    const REPLACED: &str = "the database file is another one than at the last backup";
    for has_history in [true, false] {
        let (live, images) = checkpointed(2);
        if !has_history {
            // The marker tells of it too.
            fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
        }
        for older in [0, 1] {
            fs::write(live.database(), &images[older]).expect("a database");
            check_broken(&live, REPLACED);
        }
        fs::write(live.database(), &images[2]).expect("a database");
        live.checkpoint(|it| {
            it.iteration -= 1;
            it.written_at = UnixMillis::new(it.written_at.get() + 1);
        });
        check_broken(&live, REPLACED);
        fs::write(live.database(), &images[2]).expect("a database");
        live.capture(Kind::Incremental)
            .expect("a chain that goes on");
        live.checkpoint(|_| {});
        live.capture(Kind::Incremental)
            .expect("a chain that goes on");
    }
}

#[test]
fn the_image_ends_where_a_log_file_begins() {
    const OFF: &str = "the database file and the log are of different histories: the file is at";
    let live = Live::of(V2, ONE_FILE);
    live.added(Kind::Auto);
    let end = live.begin_log_file().lsn().expect("a position").get();
    for (position, resume) in [
        (0, true),
        (end, true),
        (1, false),
        (end - 1, false),
        (end + 1, false),
        (end + 1_000, false),
    ] {
        let image = fs::read(live.database()).expect("a database");
        live.checkpoint(|it| it.log_start = Some(Lsn::new(position)));
        if resume {
            live.capture(Kind::Incremental)
                .expect("a chain that goes on");
        } else {
            check_broken(&live, OFF);
        }
        fs::write(live.database(), image).expect("a database");
    }
}

/// The image names the file, which is there a moment later.
#[test]
fn a_checkpoint_that_is_under_way_is_waited_for() {
    let live = Live::of(V2, ONE_FILE);
    live.added(Kind::Auto);
    let end = live.log().files()[0].part().end();
    live.checkpoint(|it| it.log_start = end.lsn());
    let act = || {
        live.begin_log_file();
    };
    let later = Later::new(&act);
    live.capture_heard(&RealDisk, Kind::Incremental, &later)
        .expect("a chain that goes on");
}

/// The engine's segments hold what ours do: the header of their log file, and its bytes.
#[test]
fn an_increment_of_the_engine_needs_no_marker() {
    const CHAIN: &str = "12_crash_in_chain";
    let chain = || {
        let live = Live::with_backups(V2, CHAIN);
        live.remove_cursor();
        live
    };
    let captured = chain().capture(Kind::Incremental).expect("an answer");
    assert!(matches!(captured, Captured::UpToDate { .. }));
    let live = chain();
    create_anew(&live, 2);
    check_broken(&live, OTHER_BYTES);
    let live = chain();
    let path = live.log_file(2);
    let length = fs::metadata(&path).expect("a log file").len();
    flip(&path, usize::try_from(length).expect("a length") - 1);
    assert_eq!(live.refused(Kind::Incremental).0, "wal-damaged");
}

//! Full backups: of closed and of open databases, and where the log after them begins.

use std::fs;

use apograph_capture::{Captured, Kind};
use apograph_format::{
    Epoch, Generation, LogPosition, LogSequence, Lsn, Point, Timeline, log_folder,
};
use apograph_io::RealDisk;
use apograph_manifest::{HISTORY_FILE_NAME, Keep};
use apograph_repository::Repository;
use apograph_testing::context::every_core;
use apograph_testing::disk::SimDisk;
use apograph_testing::encoding::v1::{COMMIT, control, empty_commit, process_end};
use apograph_testing::fixtures::{V1, V2};

use crate::captured::{added, full, increment, names, range, why};
use crate::changed_files::append;
use crate::live::Live;
use crate::monitors::Phases;

const LIVE: &str = "10_live/source";

fn log_file(number: u64) -> LogPosition {
    LogPosition::in_file(LogSequence::new(number), 0)
}

#[test]
fn a_closed_database_is_its_image_alone() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, LIVE).closed();
        let epoch = live.headers().checkpoint.epoch;
        let records = live.added(Kind::Auto);
        assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
        let first = full(&records[0]);
        assert_eq!(
            (first.base.timeline, first.base.epoch),
            (Timeline::FIRST, epoch)
        );
        assert!(!first.continues);

        let end_epoch = epoch;
        for kind in [Kind::Auto, Kind::Incremental] {
            let again = live.capture(kind).expect("an answer");
            assert_eq!(again, Captured::UpToDate { end_epoch });
        }
        // The same image goes on where the one before ended; another one begins a timeline.
        let again = live.capture(Kind::Full);
        assert_eq!(why(again), "a full backup was asked for");
        live.checkpoint(|_| {});
        let (code, words) = live.refused(Kind::Incremental);
        assert_eq!(code, "chain-broken");
        assert!(words.contains("was closed since"), "{words}");
        let other = live.added(Kind::Auto);
        assert_eq!(names(&other), ["backup_full_0002.grafeo"]);
        let other = full(&other[0]);
        assert!(!other.continues);
        assert_ne!(other.base.timeline, Timeline::FIRST);
        let again = live.added(Kind::Full);
        let again = full(&again[0]);
        assert!(again.continues);
        assert_eq!(again.base, other.base);
    }
}

#[test]
fn a_first_backup_reads_its_log_once() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "04_rotation/source");
        let phases = Phases::default();
        added(live.capture_heard(&RealDisk, Kind::Auto, &phases));
        let expected = [
            "copying the database",
            "checking the copy",
            "reading the log",
            "writing the increment",
        ];
        assert_eq!(phases.names(), expected, "{fixtures:?}");
    }
}

#[test]
fn a_database_that_is_opened_while_it_is_copied_is_not_taken_for_closed() {
    for fixtures in [V1, V2] {
        let closed = Live::of(fixtures, LIVE).closed();
        let probe = SimDisk::new(closed.path("").as_path());
        closed.capture_on(&probe, Kind::Auto).expect("a backup");
        let operations = probe.operations();
        let copy = operations.iter().position(|it| it.name == "copy");
        let copy = copy.expect("a copy");

        let live = Live::of(fixtures, LIVE);
        let (log, away) = (live.log_folder(), live.path("away"));
        fs::rename(&log, &away).expect("a rename");
        let disk = SimDisk::new(live.path("").as_path());
        let disk = disk.meanwhile(move |index| {
            if index == copy {
                fs::rename(&away, &log).expect("a rename");
            }
        });
        let mut records = added(live.capture_on(&disk, Kind::Auto));
        // In generation 1 it was closed when it was looked at, with this image. What comes after it
        // is for the next backup.
        if fixtures.generation() == Generation::One {
            assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
            records = live.added(Kind::Auto);
        }
        let [of_image, of_log] = &records[..] else {
            panic!("{:?}", names(&records));
        };
        assert_eq!(
            full(of_image).image.iteration,
            live.headers().checkpoint.iteration
        );
        assert!(increment(of_log).commits > 0);
    }
}

/// The engine checkpointed what its log had, and writes a new one.
#[test]
fn an_image_that_is_ahead_of_its_log_is_a_backup_of_its_own() {
    let live = Live::of(V2, LIVE);
    let end = live.log().files()[0].part().end().lsn().expect("an LSN");
    let start = Lsn::new(end.get() + 1);
    live.checkpoint(|it| it.log_start = Some(start));
    let records = live.added(Kind::Auto);
    assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
    assert_eq!(full(&records[0]).log_start(), Some(start.into()));
}

#[test]
fn an_image_that_is_exactly_at_the_end_of_its_log_is_followed_by_nothing() {
    let live = Live::of(V2, LIVE);
    let (file, end) = (
        live.log().files()[0].start(),
        live.log().files()[0].part().end(),
    );
    live.checkpoint(|it| it.log_start = end.lsn());
    let records = live.added(Kind::Auto);
    assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
    assert_eq!(full(&records[0]).log_start(), Some(end));
    assert_eq!(
        live.cursor().expect("a cursor").keep,
        Keep::FromLsn(file.lsn())
    );
}

/// What is known of an image and of the log after it, and whether the log may be ahead of it.
#[track_caller]
fn check(live: &Live, start: LogPosition, reopened: bool, catches_up: bool) {
    let records = live.added(Kind::Auto);
    assert_eq!(
        names(&records),
        ["backup_full_0000.grafeo", "backup_incr_0001.wal"]
    );
    let image = full(&records[0]);
    assert_eq!(image.log_start(), Some(start));
    assert_eq!(live.segment_header(&records[1]).flags.reopened, reopened);
    assert_eq!(increment(&records[1]).catches_up, catches_up);
    assert_eq!(range(&records[1]).0, start);
}

#[test]
fn an_image_of_generation_2_is_exactly_at_its_position() {
    for source in [LIVE, "10_live/source_precheckpoint"] {
        let live = Live::of(V2, source);
        let start = live.headers().checkpoint.log_start;
        check(&live, start.expect("a position").into(), false, false);
    }
}

#[test]
fn an_empty_image_is_exactly_where_its_log_begins() {
    check(
        &Live::of(V1, "08_torn_tail/source"),
        log_file(0),
        false,
        false,
    );
}

#[test]
fn an_image_of_a_checkpoint_may_hold_some_of_the_log_after_it() {
    check(&Live::of(V1, LIVE), log_file(1), false, true);
}

/// A database that was closed and opened again: its log begins at the image.
fn reopened(files: &[&[u8]]) -> Live {
    let live = Live::of(V1, LIVE).closed();
    open(&live, files);
    live
}

fn open(live: &Live, files: &[&[u8]]) {
    let folder = log_folder(&live.database());
    fs::create_dir(&folder).expect("a folder");
    for (number, bytes) in files.iter().enumerate() {
        let name = format!("wal_{number:08}.log");
        fs::write(folder.join(name), bytes).expect("a log file");
    }
}

#[test]
fn a_log_that_has_seen_no_checkpoint_begins_at_the_image_of_another_process() {
    let log = Live::of(V1, "08_torn_tail/source");
    let bytes = fs::read(log.log_file(0)).expect("a log file");
    let half = log.commits()[1];
    let sealed = [&process_end()[..], &bytes[half..]].concat();
    check(&reopened(&[&bytes]), log_file(0), true, false);
    check(
        &reopened(&[&bytes[..half], &sealed]),
        log_file(0),
        true,
        false,
    );
    // A checkpoint that is under way has begun the second file.
    check(
        &reopened(&[&bytes[..half], &bytes[half..]]),
        log_file(0),
        false,
        true,
    );
}

/// A restored copy has such a log: its first epoch tells whose it is.
#[test]
fn a_log_that_goes_on_from_the_image_was_begun_by_its_process() {
    let image = Live::of(V1, LIVE).headers().checkpoint.epoch.get();
    let schema = control(COMMIT, 1);
    let next = empty_commit(image + 1);
    let restart = [empty_commit(1), empty_commit(2)].concat();
    let rows = [
        (vec![&next, &restart], false, [(1, image), (2, 0)]),
        (vec![&schema, &next, &restart], false, [(1, image), (2, 0)]),
        (vec![&schema, &restart, &restart], true, [(2, 0), (3, 0)]),
    ];
    for (groups, reopened, bases) in rows {
        let bytes = groups.into_iter().flatten().copied().collect::<Vec<_>>();
        let live = self::reopened(&[&bytes]);
        check(&live, log_file(0), reopened, false);
        let history = live.history();
        let stretches = &increment(&history.records[1]).stretches;
        let found = stretches
            .iter()
            .map(|it| (it.timeline.get(), it.base.get()));
        assert_eq!(found.collect::<Vec<_>>(), bases);
        // Each timeline has the epochs of one process.
        let highest = stretches.iter().map(|it| it.epochs.last());
        let one = if reopened { 2 } else { image + 1 };
        assert_eq!(highest.collect::<Vec<_>>(), [Some(one), Some(2)]);
    }
}

/// The log of a process that has logged nothing is an increment too, or nothing but a record would
/// tell of it. After the same image another log may follow.
#[test]
fn a_process_that_has_logged_nothing_is_told_by_an_increment() {
    let live = reopened(&[&[]]);
    check(&live, log_file(0), true, false);
    let next = live.headers().checkpoint.epoch.get() + 1;
    fs::remove_dir_all(live.log_folder()).expect("a log folder");
    open(&live, &[&empty_commit(next)]);
    let records = live.added(Kind::Auto);
    let base = full(&records[0]).base;
    assert_eq!(
        (
            base.timeline.get(),
            base.epoch.get(),
            full(&records[0]).continues
        ),
        (2, next - 1, false)
    );
    let offered = || {
        let repository = Repository::open(live.repository(), every_core()).expect("a repository");
        repository.chain().restorable()
    };
    let before = offered();
    fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
    assert_eq!(offered(), before);
}

/// A process that crashed, and one that checkpointed before it logged anything: it counts from
/// anew.
#[test]
fn an_image_after_a_seal_is_in_the_timeline_that_the_seal_opens() {
    let live = Live::of(V1, LIVE);
    live.added(Kind::Auto);
    append(&live.log_file(0), &process_end());
    live.checkpoint_whole(|it| it.epoch = Epoch::default());

    let records = live.added(Kind::Full);
    assert_eq!(
        names(&records),
        [
            "backup_incr_0002.wal",
            "backup_full_0003.grafeo",
            "backup_incr_0004.wal"
        ]
    );
    let image = full(&records[1]);
    assert!(image.continues);
    assert_eq!(image.base, Point::new(Timeline::new(2), Epoch::default()));
    assert_eq!(increment(&records[2]).commits, 0);
}

/// No seal tells of it: its process ended between two commits.
#[test]
fn an_image_that_counts_from_anew_begins_a_timeline() {
    let live = Live::of(V1, LIVE);
    live.added(Kind::Auto);
    live.checkpoint_whole(|it| it.epoch = Epoch::default());
    let records = live.added(Kind::Full);
    assert_eq!(names(&records), ["backup_full_0002.grafeo"]);
    let image = full(&records[0]);
    assert!(!image.continues);
    assert_eq!(image.base, Point::new(Timeline::new(2), Epoch::default()));
}

#[test]
fn an_image_is_in_the_timeline_before_those_that_begin_after_it() {
    let live = Live::of(V1, LIVE);
    let first = live.added(Kind::Auto);
    let other = fs::read(Live::of(V1, "08_torn_tail/source").log_file(0));
    append(&live.log_file(0), &process_end());
    append(&live.log_file(0), &other.expect("a log file"));
    let records = live.added(Kind::Full);
    assert_eq!(names(&records).len(), 3);
    assert!(full(&records[1]).continues);
    assert_eq!(full(&records[1]).base, full(&first[0]).base);
    assert_eq!(increment(&records[2]).stretches.len(), 2);
}

/// Also where nobody has a record of it, its header tells.
#[test]
fn the_rest_of_a_log_says_that_another_process_began_it() {
    let log = Live::of(V1, "08_torn_tail/source");
    let log = fs::read(log.log_file(0)).expect("a log file");
    for bytes in [&log[..], &[]] {
        let live = Live::of(V1, LIVE).closed();
        live.added(Kind::Auto);
        open(&live, &[bytes]);
        let records = live.added(Kind::Full);
        assert_eq!(names(&records)[0], "backup_incr_0001.wal");
        assert!(live.segment_header(&records[0]).flags.reopened);
    }
}

#[test]
fn a_full_backup_between_increments_goes_on_with_their_timeline() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, LIVE);
        let first = live.added(Kind::Auto);
        let records = live.added(Kind::Full);
        assert_eq!(names(&records)[0], "backup_full_0002.grafeo");
        let (before, image) = (full(&first[0]), full(&records[0]));
        assert!(image.continues);
        assert_eq!(image.base, before.base);
        assert!(increment(&records[1]).repeats);
        assert!(image.base.epoch > Epoch::default());
    }
}

//! Where a chain goes on in a live log, and where it does not.

use std::fs;

use apograph_capture::{Captured, Kind};
use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Epoch, Lsn, Timeline, UnixMillis, migrated_original};
use apograph_io::RealDisk;
use apograph_manifest::{Cursor, Keep, PointRange, Unknown};
use apograph_repository::Repository;
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{V1, V2};

use crate::captured::{added, does_span, full, increment, names, range, why};
use crate::changed_files::flip;
use crate::history::assert_is_whole;
use crate::live::Live;
use crate::monitors::Heard;

/// A full backup of the engine and two increments, and the log after it in the end: in generation
/// 2 its files begin at 0, 222, 444 and 666, as the segments do.
const CHAIN: &str = "12_crash_in_chain";
pub(crate) const ONE_FILE: &str = "08_torn_tail/source";
pub(crate) const OTHER_BYTES: &str = "does not hold the bytes that were captured of it";
pub(crate) const UNMARKED: &str = "the backup left in it is not there";

/// What an incremental backup that has to be refused says.
#[track_caller]
pub(crate) fn check_broken(live: &Live, words: &str) {
    let (code, told) = live.refused(Kind::Incremental);
    assert_eq!(code, "chain-broken", "{told}");
    assert!(told.contains(words), "{told}");
}

/// A chain of generation 2 that ends at 444, and a log that ends at 666.
fn with_rest() -> Live {
    let live = Live::of(V2, &format!("{CHAIN}/source"));
    let (path, last) = (live.log_file(2), live.log_file(3));
    let (rest, header) = (fs::read(&path), fs::read(&last));
    let (rest, header) = (rest.expect("a log file"), header.expect("a log file"));
    fs::write(&path, &rest[..WAL_SEGMENT_HEADER_BYTES]).expect("a log file");
    fs::remove_file(&last).expect("a log file");
    let records = live.added(Kind::Auto);
    assert_eq!(range(&records[1]).1, Lsn::new(444).into());
    fs::write(&path, &rest).expect("a log file");
    fs::write(&last, &header).expect("a log file");
    live
}

/// The same after a full backup that the engine took, with its image at a position and an epoch.
fn with_full_of_engine(log_start: u64, epoch: u64) -> Live {
    let live = with_rest();
    live.checkpoint(|it| {
        it.log_start = Some(Lsn::new(log_start));
        it.epoch = Epoch::new(epoch);
    });
    let image = fs::read(live.database()).expect("a database");
    live.add_full_of_engine("backup_full_0002.grafeo", &image);
    live
}

#[test]
fn an_increment_bridges_what_a_full_backup_of_the_engine_left_out() {
    for (log_start, epoch, start, spans) in [
        (666, 9, 444, true),
        (444, 6, 444, true),
        // An image ahead of its log.
        (444, 7, 444, false),
        // One that is older than the increment before it.
        (222, 3, 222, false),
    ] {
        let live = with_full_of_engine(log_start, epoch);
        let records = live.added(Kind::Incremental);
        assert_eq!(names(&records), ["backup_incr_0003.wal"]);
        let expected = (Lsn::new(start).into(), Lsn::new(666).into());
        assert_eq!(range(&records[0]), expected);
        assert_eq!(does_span(&records[0]), spans, "{log_start} {epoch}");
        let header = live.segment_header(&records[0]);
        assert_eq!(header.flags.spans, spans, "{log_start} {epoch}");

        let live = with_full_of_engine(log_start, epoch);
        let records = live.added(Kind::Full);
        let flags = live.segment_header(&records[0]).flags;
        assert_eq!(flags.spans, spans, "{log_start} {epoch}");
    }
}

/// What was written down of it before is not what is known now.
#[test]
fn a_full_backup_of_the_engine_that_was_bridged_is_recorded_anew() {
    let live = with_full_of_engine(666, 9);
    live.added(Kind::Incremental);
    assert!(!full(&live.history().records[2]).continues);
    live.added(Kind::Full);
    assert!(full(&live.history().records[2]).continues);
    assert_is_whole(&live);
}

/// It is a file of its own, whose first checkpoint it is: nothing of it is in the database.
#[test]
fn a_full_backup_of_the_engine_has_an_image_of_its_own() {
    for checkpoints in [0, 1, 2] {
        let live = with_rest();
        let image = live.checkpointed(|it| {
            it.iteration = 1;
            it.written_at = UnixMillis::new(it.written_at.get() + 1);
            it.log_start = Some(Lsn::new(666));
            it.epoch = Epoch::new(9);
        });
        for _ in 0..checkpoints {
            live.checkpoint(|_| {});
        }
        live.add_full_of_engine("backup_full_0002.grafeo", &image);
        let records = live.added(Kind::Incremental);
        assert_eq!(range(&records[0]).0, Lsn::new(444).into());
        assert!(does_span(&records[0]));
    }
}

/// No restore writes a marker, and the engine's cursor is of its last backup.
#[test]
fn a_full_backup_of_the_engine_needs_a_marker_from_before_it_and_its_cursor() {
    let changes: [fn(&Live); 4] = [
        |live| live.remove_marker(),
        |live| live.remove_cursor(),
        |live| live.set_cursor(&cursor_of_engine(9, Some(444))),
        |live| live.set_cursor(&cursor_of_engine(9, None)),
    ];
    for change in changes {
        let live = with_full_of_engine(666, 9);
        change(&live);
        check_broken(&live, "the marker");
        assert!(why(live.capture(Kind::Auto)).contains("the marker"));
    }
}

/// The cursor that an engine of generation 2 writes.
fn cursor_of_engine(epoch: u64, lsn: Option<u64>) -> Cursor {
    Cursor {
        backed_up_epoch: Epoch::new(epoch),
        keep: Keep::FromLsn(lsn.map(Lsn::new)),
        written_at: UnixMillis::new(1_795_246_036_884),
        is_wide: false,
        unknown: Unknown::new(),
    }
}

#[test]
fn nothing_is_bridged_from_a_segment_that_is_damaged_or_of_another_log() {
    let live = with_full_of_engine(666, 9);
    let segment = live.repository().join("backup_incr_0001.wal");
    let bytes = fs::read(&segment).expect("a segment");
    flip(&segment, bytes.len() - 1);
    let captured = live.capture(Kind::Incremental).expect("an answer");
    let end_epoch = Epoch::new(9);
    assert_eq!(captured, Captured::UpToDate { end_epoch });

    let live = with_full_of_engine(666, 9);
    create_anew(&live, 1);
    let captured = live.capture(Kind::Incremental).expect("an answer");
    assert_eq!(captured, Captured::UpToDate { end_epoch });
}

/// Has a log file of generation 2 be created at another time, as that of a restored copy.
pub(crate) fn create_anew(live: &Live, index: usize) {
    let path = live.log_file(index);
    let mut bytes = fs::read(&path).expect("a log file");
    let header = WalSegmentHeader::decode(&bytes).expect("a header");
    let other = header.created(UnixMillis::new(header.created_at.get() + 1));
    bytes[..other.bytes().len()].copy_from_slice(other.bytes());
    fs::write(path, bytes).expect("a log file");
}

#[test]
fn a_log_with_other_bytes_is_another_log() {
    let live = Live::of(V2, ONE_FILE);
    live.added(Kind::Auto);
    create_anew(&live, 0);
    check_broken(&live, OTHER_BYTES);

    // The same commits in another order.
    let live = Live::of(V1, ONE_FILE);
    live.added(Kind::Auto);
    let (path, ends) = (live.log_file(0), live.commits());
    let bytes = fs::read(&path).expect("a log file");
    let (before, last) = bytes.split_at(ends[ends.len() - 2]);
    fs::write(&path, [last, before].concat()).expect("a log file");
    check_broken(&live, OTHER_BYTES);
}

#[test]
fn a_log_that_was_cut_off_is_no_log_to_go_on_with() {
    for (fixtures, words) in [
        (V1, "is shorter than what was captured of it"),
        (V2, "the log ends before commits that were captured"),
    ] {
        let live = Live::of(fixtures, ONE_FILE);
        live.added(Kind::Auto);
        live.hold_back(3);
        check_broken(&live, words);
        assert!(why(live.capture(Kind::Auto)).contains(words));
    }
}

#[test]
fn log_files_that_were_removed_before_they_were_captured_break_the_chain() {
    let live = with_full_of_engine(222, 3);
    live.keep_segments(2);
    for index in [2, 1, 0] {
        fs::remove_file(live.log_file(index)).expect("a log file");
    }
    check_broken(&live, "removed log files");

    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    let (path, next) = (live.log_file(0), live.log_folder().join("wal_00000002.log"));
    fs::rename(path, next).expect("a rename");
    check_broken(&live, "wal_00000001.log is not there any more");
}

/// The image is the state at the close, or it is as old as it was while the log lay beside it.
#[test]
fn a_log_that_is_gone_was_removed_by_a_close_or_is_lost() {
    for fixtures in [V1, V2] {
        let chain = || {
            let live = Live::of(fixtures, ONE_FILE);
            live.added(Kind::Auto);
            live.closed()
        };
        let live = chain();
        live.checkpoint(|_| {});
        check_broken(&live, "was closed since");
        assert!(why(live.capture(Kind::Auto)).contains("was closed since"));

        let live = chain();
        let before = live.manifest();
        let lost = "its log was lost, or the file was put back";
        check_broken(&live, lost);
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "chain-broken");
        assert!(words.contains(lost), "{words}");
        assert_eq!(live.manifest(), before);
    }
}

/// While the backups before it are still good.
#[test]
fn damage_in_what_was_captured_is_told() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, ONE_FILE);
        let (path, ends) = (live.log_file(0), live.commits());
        let whole = fs::read(&path).expect("a log file");
        live.hold_back(1);
        live.added(Kind::Auto);
        for end in &ends[1..] {
            fs::write(&path, &whole[..*end]).expect("a log file");
            live.added(Kind::Incremental);
        }
        for end in &ends {
            flip(&path, end - 1);
            let (code, words) = live.refused(Kind::Incremental);
            assert_eq!(code, "wal-damaged", "{words}");
            flip(&path, end - 1);
        }
        live.capture(Kind::Incremental).expect("a sound log");
        // A full backup that is asked for has what an open would find.
        let (before, last) = (ends[ends.len() - 2], ends[ends.len() - 1]);
        let torn = [&whole[..before], &vec![0; last - before]].concat();
        fs::write(&path, torn).expect("a log file");
        assert_eq!(live.refused(Kind::Incremental).0, "wal-damaged");
        let heard = Heard::default();
        added(live.capture_heard(&RealDisk, Kind::Full, &heard));
        let words = heard.words();
        let tells = |it: &String| it.contains("and may not be in this backup");
        assert!(words.iter().any(tells), "{words:?}");
    }
}

#[test]
fn a_chain_whose_end_is_lost_does_not_go_on() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "10_live/source").closed();
        let first = live.added(Kind::Auto);
        let last = live.added(Kind::Full);
        let file = |records: &[_]| live.repository().join(names(records)[0]);
        fs::remove_file(file(&last)).expect("a segment");
        check_broken(
            &live,
            "backup_full_0001.grafeo, the last segment, cannot be used: it is missing",
        );
        assert!(file(&first).exists());

        let live = Live::of(fixtures, ONE_FILE);
        let records = live.added(Kind::Auto);
        let path = live.repository().join(names(&records)[0]);
        fs::remove_file(path).expect("a segment");
        check_broken(&live, "the end of the chain cannot be restored");
        assert!(why(live.capture(Kind::Auto)).contains("cannot be restored"));
    }
}

/// The engine keeps the file of generation 1; it tells that both are one database.
#[test]
fn a_database_that_was_migrated_goes_on_with_a_full_backup() {
    let before = Live::with_backups(V1, CHAIN);
    let live = Live::of(V2, ONE_FILE);
    fs::rename(before.repository(), live.repository()).expect("a rename");
    assert_eq!(live.refused(Kind::Auto).0, "foreign-database");
    let original = migrated_original(&live.database());
    fs::copy(before.database(), &original).expect("a copy");
    check_broken(&live, "migrated from Grafeo 0.5 to 0.6");
    assert!(why(live.capture(Kind::Auto)).contains("migrated"));
    // The repository has seen it.
    fs::remove_file(original).expect("a file");
    live.capture(Kind::Incremental)
        .expect("a chain that goes on");
}

/// Then nothing but the marker shows that they were captured.
#[test]
fn an_engine_may_remove_the_log_files_that_were_captured_whole() {
    for fixtures in [V1, V2] {
        let chain = || {
            let live = Live::of(fixtures, ONE_FILE);
            live.added(Kind::Auto);
            live.checkpoint_whole(|_| {});
            // After its image there is nothing.
            live.added(Kind::Full);
            fs::remove_file(live.log_file(0)).expect("a log file");
            live
        };
        let captured = chain().capture(Kind::Incremental).expect("an answer");
        assert!(matches!(captured, Captured::UpToDate { .. }));
        let live = chain();
        live.remove_marker();
        check_broken(&live, UNMARKED);
    }
}

/// Its log begins with the first epoch of another process, unless the image has none.
#[test]
fn a_closed_database_that_is_opened_goes_on_from_its_image() {
    let log = fs::read(Live::of(V1, ONE_FILE).log_file(0)).expect("a log file");
    for (source, timelines) in [(ONE_FILE, [1, 1]), ("10_live/source", [1, 2])] {
        let live = Live::of(V1, source).closed();
        let first = live.added(Kind::Auto);
        fs::create_dir(live.log_folder()).expect("a folder");
        let path = live.log_folder().join("wal_00000000.log");
        fs::write(path, &log).expect("a log file");
        let next = live.added(Kind::Incremental);
        let found = [
            full(&first[0]).base.timeline,
            increment(&next[0]).stretches[0].timeline,
        ];
        assert_eq!(found.map(Timeline::get), timelines, "{source}");
        let flags = live.segment_header(&next[0]).flags;
        assert_eq!(flags.reopened, timelines == [1, 2], "{source}");
    }
}

/// The headers of its log files cannot be made anew, so a copy has those of its source.
#[test]
fn an_encrypted_log_needs_the_marker() {
    let live = Live::of(V2, ONE_FILE).encrypted();
    let rest = live.hold_back(2);
    let records = live.added(Kind::Auto);
    let captured = records[1].segment.end_lsn.expect("a position").get();

    // Its header is of the place where the file begins, so a piece begins there too.
    live.append(&rest);
    let records = live.added(Kind::Incremental);
    let (start, _) = range(&records[0]);
    assert_eq!(start, Lsn::new(0).into());
    assert_eq!(increment(&records[0]).overlap_bytes, captured);

    // However much that is.
    let mut captured = records;
    for (epoch, records) in [(6, 3_000), (7, 1)] {
        live.append_group(epoch, records);
        let before = captured[0].segment.end_lsn.expect("a position").get();
        captured = live.added(Kind::Incremental);
        assert_eq!(increment(&captured[0]).overlap_bytes, before);
    }
    live.remove_cursor();
    live.capture(Kind::Incremental)
        .expect("a chain that goes on");
    live.remove_marker();
    check_broken(&live, UNMARKED);
}

#[test]
fn a_full_backup_of_the_engine_is_bridged_in_a_repository_of_both_generations_too() {
    let before = Live::with_backups(V1, CHAIN);
    let live = Live::of(V2, ONE_FILE);
    fs::rename(before.repository(), live.repository()).expect("a rename");
    let original = migrated_original(&live.database());
    fs::copy(before.database(), original).expect("a copy");
    let rest = live.hold_back(2);
    let first = live.added(Kind::Auto);
    let (_, start) = range(&first[1]);
    live.append(&rest);
    let end = live.log().files()[0].part().end();
    live.checkpoint_whole(|it| it.epoch = Epoch::new(5));
    let image = fs::read(live.database()).expect("a database");
    live.add_full_of_engine("backup_full_0005.grafeo", &image);
    let records = live.added(Kind::Incremental);
    assert_eq!(range(&records[0]), (start, end));
    assert!(does_span(&records[0]));
    let repository = Repository::open(live.repository(), every_core()).expect("a repository");
    let whole = PointRange {
        timeline: full(&first[0]).base.timeline,
        from: Epoch::default(),
        to: Epoch::new(5),
    };
    assert_eq!(repository.chain().restorable().last(), Some(&whole));
}

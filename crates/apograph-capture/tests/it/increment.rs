//! Increments: what of a log they hold, and what is said where they end.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use apograph_capture::{Captured, Kind};
use apograph_format::{Generation, LogPosition, LogSequence, Lsn};
use apograph_io::{Folder, Monitor, RealDisk};
use apograph_manifest::Keep;
use apograph_repository::IncrementFile;
use apograph_testing::disk::{Fault, Operation, SimDisk};
use apograph_testing::encoding::v1::process_end;
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_wal::{GroupReader, LogEvent, LogPart};

use crate::captured::{added, full, increment, names, range};
use crate::changed_files::{append, flip};
use crate::live::Live;

const SOURCE: &str = "08_torn_tail/source";

/// A position after so many bytes of the first log file of [`SOURCE`].
fn position(fixtures: Fixtures, offset: usize) -> LogPosition {
    let offset = offset as u64;
    match fixtures.generation() {
        Generation::One => LogPosition::in_file(LogSequence::new(0), offset),
        Generation::Two => Lsn::new(offset - 128).into(),
    }
}

#[test]
fn an_increment_needs_a_full_backup() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let (code, words) = live.refused(Kind::Incremental);
        assert_eq!(code, "no-full-backup");
        assert_eq!(
            words,
            "there is no full backup that an increment could follow"
        );
        assert!(!live.repository().exists());
        assert_eq!(live.cursor(), None);
    }
}

#[test]
fn each_increment_holds_what_was_committed_since_the_one_before() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let ends = live.commits();
        let rest = live.hold_back(2);
        let first = live.added(Kind::Auto);
        assert_eq!(
            names(&first),
            ["backup_full_0000.grafeo", "backup_incr_0001.wal"]
        );
        assert_eq!(increment(&first[1]).commits, 2);
        let at = |offset| position(fixtures, offset);
        assert_eq!(range(&first[1]).1, at(ends[1]));

        for (index, kind) in [(2, Kind::Auto), (3, Kind::Incremental)] {
            let (from, to) = (ends[index - 1], ends[index]);
            live.append(&rest[from - ends[1]..to - ends[1]]);
            let records = live.added(kind);
            assert_eq!(names(&records), [format!("backup_incr_000{index}.wal")]);
            assert_eq!(increment(&records[0]).commits, 1);
            assert_eq!(range(&records[0]), (at(from), at(to)));

            let end_epoch = records[0].segment.end_epoch;
            for kind in [Kind::Auto, Kind::Incremental] {
                let again = live.capture(kind).expect("an answer");
                assert_eq!(again, Captured::UpToDate { end_epoch });
            }
        }
    }
}

#[test]
fn a_torn_tail_is_left_for_the_next_increment() {
    for (fixtures, cut) in [
        (V1, "source_cut23"),
        (V2, "source_cut9"),
        (V2, "source_cut23"),
    ] {
        let live = Live::of(fixtures, &format!("08_torn_tail/{cut}"));
        let whole = fs::read(Live::of(fixtures, SOURCE).log_file(0)).expect("a log file");
        let torn = fs::metadata(live.log_file(0)).expect("a log file").len();
        let torn = usize::try_from(torn).expect("a length");
        let ends = live.commits();
        let last = *ends.last().expect("a commit");
        let first = live.added(Kind::Auto);
        let captured = increment(&first[1]);
        assert_eq!(captured.commits, ends.len() as u64);
        assert_eq!(range(&first[1]).1, position(fixtures, last));

        live.append(&whole[torn..]);
        let next = live.added(Kind::Incremental);
        assert_eq!(
            range(&next[0]),
            (position(fixtures, last), position(fixtures, whole.len()))
        );
    }
}

#[test]
fn garbage_after_the_last_commit_is_damage_or_left_out() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "08_torn_tail/source_garbage");
        let ends = live.commits();
        match live.capture(Kind::Auto) {
            Ok(Captured::Added { segments, .. }) => {
                assert_eq!(increment(&segments[1]).commits, ends.len() as u64);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_cursor_says_what_the_last_backup_left_to_be_kept() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "11_checkpoints_cursor/source_before_incr");
        live.remove_cursor();
        let records = live.added(Kind::Auto);
        let last = records.last().expect("a segment");
        let cursor = live.cursor().expect("a cursor");
        assert_eq!(cursor.backed_up_epoch, last.segment.end_epoch);
        let expected = match fixtures.generation() {
            Generation::One => Keep::FilesAfter(LogSequence::new(3)),
            Generation::Two => Keep::FromLsn(Some(Lsn::new(296))),
        };
        assert_eq!(cursor.keep, expected);
    }
    let live = Live::of(V1, SOURCE);
    live.added(Kind::Auto);
    assert_eq!(live.cursor().expect("a cursor").keep, Keep::AllFiles);
}

/// The header says where it comes from also to whoever has no record of it.
#[test]
fn the_header_of_an_increment_says_what_it_follows() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let rest = live.hold_back(2);
        let first = live.added(Kind::Auto);
        let flags = live.segment_header(&first[1]).flags;
        assert!(flags.continues && !flags.repeats && !flags.spans);

        live.append(&rest);
        let records = live.added(Kind::Incremental);
        let flags = live.segment_header(&records[0]).flags;
        assert!(flags.continues && !flags.spans && !flags.reopened);
    }
    let live = Live::of(V1, SOURCE);
    let rest = live.hold_back(2);
    live.added(Kind::Auto);
    live.append(&rest);
    live.begin_log_file();
    append(&live.log_file(1), &process_end());
    let records = live.added(Kind::Incremental);
    assert_eq!(live.segment_header(&records[0]).count, 2, "log files");
}

/// As many commits are read back as the log has.
#[test]
fn an_increment_of_several_log_files_holds_all_of_them() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "04_rotation/source");
        live.remove_cursor();
        let records = live.added(Kind::Auto);
        let image = full(&records[0]);
        let log = live.log();
        let tail = log.from(image.log_start().expect("a position"));
        let parts = tail.expect("a log").parts;
        assert!(parts.len() > 2);

        let repository = Folder::open(&live.repository()).expect("a repository");
        let at = repository.at(&records[1].segment.file);
        let file = IncrementFile::open(at).expect("an increment");
        let written = file.parts(0);
        let groups = |parts: &[LogPart<'_>]| {
            let groups = GroupReader::new(parts);
            groups
                .filter(|it| matches!(it, Ok(LogEvent::Group(_))))
                .count()
        };
        assert_eq!(groups(&written), groups(&parts));
        // In generation 2 a part for each of them that has something.
        let filled = parts.iter().filter(|part| !part.bytes.is_empty()).count();
        if fixtures.generation() == Generation::Two {
            assert_eq!(written.len(), filled);
        }
    }
}

#[test]
fn the_rest_of_a_log_goes_before_a_full_backup() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let rest = live.hold_back(2);
        live.added(Kind::Auto);
        live.append(&rest);
        let records = live.added(Kind::Full);
        let expected = [
            "backup_incr_0002.wal",
            "backup_full_0003.grafeo",
            "backup_incr_0004.wal",
        ];
        assert_eq!(names(&records), expected);
        let flags = |index: usize| live.segment_header(&records[index]).flags;
        assert!(flags(0).continues && !flags(0).repeats);
        assert!(flags(2).continues && flags(2).repeats);
        assert_eq!(increment(&records[2]).commits, live.commits().len() as u64);
    }
}

#[test]
fn an_increment_that_is_not_as_it_was_written_is_not_published() {
    for fixtures in [V1, V2] {
        let sound = Live::of(fixtures, SOURCE);
        let disk = SimDisk::new(sound.path("").as_path());
        sound.capture_on(&disk, Kind::Auto).expect("a backup");
        let operations = disk.operations();
        let is_increment = |it: &Operation| it.path.to_string_lossy().contains("incr");
        let writes = (0..operations.len()).filter(|&index| {
            let operation = &operations[index];
            is_increment(operation) && ["write", "copy"].contains(&operation.name)
        });
        assert!(writes.clone().count() > 1);
        for index in writes {
            let live = Live::of(fixtures, SOURCE);
            let disk = SimDisk::new(live.path("").as_path());
            let disk = disk.with_fault(index, Fault::WritesWrong);
            let error = live.capture_on(&disk, Kind::Auto).expect_err("a wrong bit");
            assert_eq!(error.code(), "io", "{error}");
            assert!(!live.repository().exists());
        }
    }
}

/// Appends what is in flight once the log is read for the first time.
struct InFlight {
    path: PathBuf,
    rest: Mutex<Option<Vec<u8>>>,
}

impl InFlight {
    fn new(live: &Live, rest: Vec<u8>) -> Self {
        let (path, rest) = (live.log_file(0), Mutex::new(Some(rest)));
        Self { path, rest }
    }
}

impl Monitor for InFlight {
    fn phase(&self, name: &'static str, _total_bytes: u64) {
        if name == "reading the log"
            && let Some(rest) = self.rest.lock().expect("a lock").take()
        {
            append(&self.path, &rest);
        }
    }
}

#[test]
fn a_write_in_flight_is_waited_for() {
    // In generation 1 the epoch of a commit is a frame of its own after it, of 10 bytes here.
    let rows = [
        (V1, false, 9),
        (V1, false, 10),
        (V1, false, 23),
        (V2, false, 9),
        (V2, false, 23),
        (V2, true, 9),
        (V2, true, 23),
    ];
    for (fixtures, is_encrypted, cut) in rows {
        let live_of = || {
            let live = Live::of(fixtures, SOURCE);
            if is_encrypted { live.encrypted() } else { live }
        };
        let whole = fs::read(live_of().log_file(0)).expect("a log file");
        let (torn, in_flight) = whole.split_at(whole.len() - cut);
        let in_flight = in_flight.to_vec();
        let end = position(fixtures, whole.len());

        let live = live_of();
        fs::write(live.log_file(0), torn).expect("a log file");
        let monitor = InFlight::new(&live, in_flight.clone());
        let records = added(live.capture_heard(&RealDisk, Kind::Auto, &monitor));
        assert_eq!(range(&records[1]).1, end);

        let live = live_of();
        live.hold_back(2);
        live.added(Kind::Auto);
        fs::write(live.log_file(0), torn).expect("a log file");
        let monitor = InFlight::new(&live, in_flight);
        let records = added(live.capture_heard(&RealDisk, Kind::Incremental, &monitor));
        assert_eq!(range(&records[0]).1, end);
    }
}

/// For a moment only.
#[test]
fn an_increment_ends_before_a_torn_tail_that_stays() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "08_torn_tail/source_cut23");
        let torn = fs::read(live.log_file(0)).expect("a log file");
        let end = *live.commits().last().expect("a commit");
        live.hold_back(2);
        live.added(Kind::Auto);
        fs::write(live.log_file(0), torn).expect("a log file");
        let records = live.added(Kind::Incremental);
        assert_eq!(range(&records[0]).1, position(fixtures, end));
    }
}

/// Generation 1 logs epochs out of order: one that is missing may be about to be logged.
#[test]
fn an_epoch_that_is_missing_after_an_image_is_waited_for() {
    let live = Live::of(V1, SOURCE);
    let ends = live.commits();
    let path = live.log_file(0);
    let whole = fs::read(&path).expect("a log file");
    let late = whole[ends[1]..ends[2]].to_vec();
    fs::write(&path, [&whole[..ends[1]], &whole[ends[2]..]].concat()).expect("a log file");
    let monitor = InFlight::new(&live, late);
    let records = added(live.capture_heard(&RealDisk, Kind::Auto, &monitor));
    assert_eq!(increment(&records[1]).commits, ends.len() as u64);
}

/// Where nothing in the log says that it was durable, bad bytes at its end are taken for torn; but
/// these were captured, and only the last of them are compared each time.
#[test]
fn captured_commits_that_look_torn_are_not_left_out_of_a_full_backup() {
    let live = Live::of(V2, SOURCE);
    live.added(Kind::Auto);
    live.append_group(6, 3_000);
    live.added(Kind::Incremental);
    let ends = live.commits();
    assert!(ends[5] - ends[4] > 64 << 10);

    flip(&live.log_file(0), ends[1] - 1);
    let (code, words) = live.refused(Kind::Full);
    assert_eq!(code, "wal-damaged");
    let path = live.log_file(0);
    let place = format!("{} is damaged at byte {}: ", path.display(), ends[0]);
    assert!(words.starts_with(&place), "{words}");
}

/// A checkpoint removes log files while they are looked for, not all at once.
#[test]
fn a_log_file_that_is_missing_for_a_moment_is_looked_for_again() {
    for fixtures in [V1, V2] {
        // Hidden from the start, and back before the operation with an index.
        let capture = |back: Option<usize>| {
            let live = Live::of(fixtures, "04_rotation/source");
            live.remove_cursor();
            let log = live.log();
            let start = log.recovery_start(live.headers().checkpoint.log_start);
            let path = log.named(start).expect("a log file").path.clone();
            let away = live.path("away");
            let disk = SimDisk::new(&live.path("")).meanwhile(move |index| {
                if index == 0 {
                    fs::rename(&path, &away).expect("a rename");
                } else if Some(index) == back {
                    fs::rename(&away, &path).expect("a rename");
                }
            });
            (live.capture_on(&disk, Kind::Auto), disk.operations())
        };
        let (refused, operations) = capture(None);
        assert_eq!(refused.expect_err("a gap").code(), "wal-damaged");
        let mut copies = (0..operations.len()).filter(|&index| {
            let name = operations[index].path.to_string_lossy();
            operations[index].name == "remove" && name.contains("backup_full")
        });
        let records = added(capture(copies.next()).0);
        assert_eq!(names(&records).len(), 2);
        assert!(copies.next().is_some());
    }
}

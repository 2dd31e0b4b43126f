//! Increments: what of a log they hold, and what is said where they end.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use apograph_capture::{Captured, Kind};
use apograph_format::{Generation, LogPosition, LogSequence, Lsn};
use apograph_manifest::Keep;
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::live::{Live, increment, names, range};

const SOURCE: &str = "08_torn_tail/source";

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new()
        .append(true)
        .open(path)
        .expect("a log file");
    file.write_all(bytes).expect("a log file");
}

/// A position behind so many bytes of the first log file of [`SOURCE`].
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
            append(&live.log_file(0), &rest[from - ends[1]..to - ends[1]]);
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

        append(&live.log_file(0), &whole[torn..]);
        let next = live.added(Kind::Incremental);
        assert_eq!(
            range(&next[0]),
            (position(fixtures, last), position(fixtures, whole.len()))
        );
    }
}

#[test]
fn garbage_behind_the_last_commit_is_damage_or_left_out() {
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

//! A database whose log is not beside it: closed and unchanged, closed since, or its log is lost.

use std::fs;

use apograph_capture::{Captured, Kind};
use apograph_io::RealDisk;
use apograph_manifest::HISTORY_FILE_NAME;
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::captured::{added, full, names, why};
use crate::continuity::check_broken;
use crate::live::Live;
use crate::monitors::Heard;

const SOURCE: &str = "10_live/source";
const LOST: &str = "its log was lost, or the file was put back";
const CLOSED: &str = "was closed since";

/// A database after a backup, with commits in its log, or with none yet.
fn backed_up(fixtures: Fixtures, has_commits: bool) -> Live {
    let live = Live::of(fixtures, SOURCE);
    if !has_commits {
        live.take_log();
    }
    live.added(Kind::Auto);
    live
}

#[test]
fn a_database_without_log_is_as_the_last_backup_left_it_where_nothing_was_captured_after_it() {
    for fixtures in [V1, V2] {
        let live = backed_up(fixtures, false).closed();
        for kind in [Kind::Auto, Kind::Incremental] {
            let captured = live.capture(kind).expect("an answer");
            assert!(matches!(captured, Captured::UpToDate { .. }));
        }
        // An image that was looked at later is known too.
        let live = Live::of(fixtures, SOURCE);
        let rest = live.take_log();
        live.added(Kind::Auto);
        live.append(&rest);
        live.checkpoint_whole(|_| {});
        live.added(Kind::Incremental);
        let live = live.closed();
        let captured = live.capture(Kind::Incremental).expect("an answer");
        assert!(matches!(captured, Captured::UpToDate { .. }));
    }
}

#[test]
fn a_log_that_was_lost_is_an_error_and_a_full_backup_takes_what_is_left() {
    for fixtures in [V1, V2] {
        // Also where nothing but the segments tells.
        for has_history in [true, false] {
            let live = backed_up(fixtures, true).closed();
            if !has_history {
                fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
            }
            check_broken(&live, LOST);
            let (code, words) = live.refused(Kind::Auto);
            assert_eq!(code, "chain-broken");
            assert!(words.contains(LOST), "{words}");

            let heard = Heard::default();
            let records = added(live.capture_heard(&RealDisk, Kind::Full, &heard));
            let [record] = &records[..] else {
                panic!("{:?}", names(&records));
            };
            assert!(!full(record).continues);
            let heard = heard.words();
            let [warning] = &heard[..] else {
                panic!("{heard:?}");
            };
            let expected = "the database is at epoch 4 of its image, and commits up to 1:8 are in \
                            the repository: ";
            assert!(warning.starts_with(expected), "{warning}");
            // From there on it goes on.
            let captured = live.capture(Kind::Auto).expect("an answer");
            assert!(matches!(captured, Captured::UpToDate { .. }));
        }
    }
}

#[test]
fn another_image_without_log_is_that_of_a_close() {
    for fixtures in [V1, V2] {
        for has_commits in [true, false] {
            let live = backed_up(fixtures, has_commits).closed();
            live.checkpoint(|_| {});
            check_broken(&live, CLOSED);
            assert!(why(live.capture(Kind::Auto)).contains(CLOSED));
        }
    }
}

/// A folder without a log file says nothing.
#[test]
fn a_log_folder_that_is_empty_is_none() {
    for fixtures in [V1, V2] {
        let live = backed_up(fixtures, true);
        while !live.log().files().is_empty() {
            fs::remove_file(live.log_file(0)).expect("a log file");
        }
        check_broken(&live, LOST);
        assert_eq!(live.refused(Kind::Auto).0, "chain-broken");
        live.checkpoint(|_| {});
        assert!(why(live.capture(Kind::Auto)).contains(CLOSED));
    }
}

//! The log of a first backup, which is kept from before it is read.

use std::fs;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use apograph_capture::Kind;
use apograph_format::{LogSequence, Lsn};
use apograph_manifest::{CURSOR_FILE_NAME, Keep, read_cursor};
use apograph_testing::disk::{Fault, SimDisk};
use apograph_testing::fixtures::{V1, V2};

use crate::live::Live;

const SOURCE: &str = "10_live/source";

/// How often a capture writes a cursor, and whether it is done.
fn cursors(live: &Live, kind: Kind) -> (usize, bool) {
    let disk = SimDisk::new(&live.path(""));
    let is_done = live.capture_on(&disk, kind).is_ok();
    let operations = disk.operations().into_iter();
    // In generation 1 in its place, in generation 2 beside it.
    let writing = ["create", "rewrite", "publish", "exchange"];
    let written =
        operations.filter(|it| it.path.ends_with(CURSOR_FILE_NAME) && writing.contains(&it.name));
    (written.count(), is_done)
}

#[test]
fn nothing_is_written_for_a_first_backup_before_its_log_is_kept() {
    // Where the first log file begins.
    for (fixtures, all) in [
        (V1, Keep::FilesAfter(LogSequence::new(0))),
        (V2, Keep::FromLsn(Some(Lsn::new(296)))),
    ] {
        let live = Live::of(fixtures, SOURCE);
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (heard, log) = (Arc::clone(&kept), live.log().folder().clone());
        let disk = SimDisk::new(&live.path("")).meanwhile(move |_| {
            // One that is being created cannot be read.
            let cursor = read_cursor(&log).unwrap_or_default();
            heard.lock().expect("a lock").push(cursor.map(|it| it.keep));
        });
        live.capture_on(&disk, Kind::Auto).expect("a backup");
        let segment = disk.operations().iter().position(|it| {
            let name = it.path.file_name().unwrap_or_default();
            it.name == "create" && name.to_string_lossy().starts_with(".backup_full")
        });
        let kept = kept.lock().expect("a lock");
        let kept = &kept[segment.expect("a full backup")..];
        assert_eq!(kept.first(), Some(&Some(all)));
        assert!(kept.iter().all(Option::is_some));
    }
}

#[test]
fn only_a_log_that_nothing_keeps_is_kept_for_a_chain_that_begins() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        assert_eq!(live.cursor(), None);
        assert_eq!(cursors(&live, Kind::Incremental), (0, false));
        assert_eq!(cursors(&live, Kind::Auto), (2, true));
        // In another repository it is a first backup again, of a log that has a cursor.
        fs::remove_dir_all(live.repository()).expect("a repository");
        assert_eq!(cursors(&live, Kind::Auto), (0, true));
        // After a backup there is one mostly.
        live.remove_cursor();
        assert_eq!(cursors(&live, Kind::Full), (1, true));
    }
}

#[test]
fn a_first_backup_that_fails_keeps_no_log() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let operations = (0..).take_while(|index| {
            let fault = Fault::Fails(ErrorKind::Other);
            let disk = SimDisk::new(&live.path("")).with_fault(*index, fault);
            let failed = live.capture_on(&disk, Kind::Auto).is_err();
            let last = disk.operations().pop();
            assert!(!failed || live.cursor().is_none(), "{last:?}");
            if live.cursor().is_some() {
                live.remove_cursor();
            }
            if live.repository().exists() {
                fs::remove_dir_all(live.repository()).expect("a repository");
            }
            disk.is_struck()
        });
        assert!(operations.count() > 10);
    }
}

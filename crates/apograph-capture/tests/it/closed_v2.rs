//! A closed database of generation 2: with our marker and cursor beside it, the engine keeps the
//! log from its next open on.

use std::fs;
use std::io::ErrorKind;

use apograph_capture::{Captured, Kind};
use apograph_format::{Lsn, log_file_name};
use apograph_manifest::{CURSOR_FILE_NAME, Keep, marker_name};
use apograph_testing::disk::{Fault, SimDisk};
use apograph_testing::fixtures::{V1, V2};

use crate::captured::{added, names, range};
use crate::continuity::{UNMARKED, check_broken};
use crate::live::Live;

const SOURCE: &str = "10_live/source";
/// Where the image of [`SOURCE`] ends.
const IMAGE: Lsn = Lsn::new(296);

/// The names in its log folder.
fn beside(live: &Live) -> Vec<String> {
    let entries = fs::read_dir(live.log_folder()).expect("a log folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|it| it.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn closed() -> Live {
    let live = Live::of(V2, SOURCE).closed();
    let records = live.added(Kind::Auto);
    assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
    live
}

/// Opens it and commits.
fn open(live: &Live) {
    let log = fs::read(Live::of(V2, SOURCE).log_file(0)).expect("a log file");
    let name = log_file_name(IMAGE.into());
    fs::write(live.log_folder().join(name), log).expect("a log file");
}

#[test]
fn a_closed_database_gets_a_log_folder_with_a_marker_and_a_cursor() {
    let live = closed();
    let marker = marker_name(live.repository_id());
    assert_eq!(beside(&live), [marker, CURSOR_FILE_NAME.to_owned()]);
    let cursor = live.cursor().expect("a cursor");
    assert_eq!(cursor.keep, Keep::FromLsn(Some(IMAGE)));
    assert_eq!(live.evidence().end, Some(IMAGE.into()));
    for kind in [Kind::Auto, Kind::Incremental] {
        let captured = live.capture(kind).expect("an answer");
        assert!(matches!(captured, Captured::UpToDate { .. }));
    }
    // Generation 1 would keep nothing.
    let live = Live::of(V1, SOURCE).closed();
    live.added(Kind::Auto);
    assert!(!live.log_folder().exists());
}

#[test]
fn a_database_that_was_closed_at_its_backup_goes_on_with_an_increment() {
    type Row = (fn(&Live), bool);
    let changes: [Row; 4] = [
        (|_| {}, true),
        (|live| live.remove_cursor(), true),
        (|live| drop(live.added(Kind::Full)), true),
        (|live| live.remove_marker(), false),
    ];
    for (change, resume) in changes {
        let live = closed();
        change(&live);
        open(&live);
        if resume {
            let records = live.added(Kind::Incremental);
            assert_eq!(range(&records[0]).0, IMAGE.into());
            // It was closed again: the engine keeps the log.
            live.capture(Kind::Incremental).expect("an answer");
        } else {
            check_broken(&live, UNMARKED);
        }
    }
}

/// The spare slot is overwritten each time.
#[test]
fn full_backups_that_fail_after_their_slot_leave_the_one_that_the_repository_knows() {
    let live = closed();
    live.added(Kind::Full);
    let probe = closed();
    probe.added(Kind::Full);
    let disk = SimDisk::new(&probe.path(""));
    probe.capture_on(&disk, Kind::Full).expect("a backup");
    let operations = disk.operations();
    let slot = operations.iter().position(|it| it.name == "sync rewritten");
    for _ in 0..3 {
        let fault = Fault::Fails(ErrorKind::StorageFull);
        let behind = slot.expect("a marker") + 1;
        let disk = SimDisk::new(&live.path("")).with_fault(behind, fault);
        live.capture_on(&disk, Kind::Full).expect_err("a full disk");
    }
    open(&live);
    let records = live.added(Kind::Incremental);
    assert_eq!(range(&records[0]).0, IMAGE.into());
}

/// A backup of a closed database does not need it.
#[test]
fn a_log_folder_that_cannot_be_made_is_no_reason_to_fail() {
    let live = Live::of(V2, SOURCE).closed();
    let probe = SimDisk::new(&live.path(""));
    live.capture_on(&probe, Kind::Auto).expect("a backup");
    let is_folder = |name: &str| name == "create folder";
    let operations = probe.operations();
    let made = operations.iter().rposition(|it| is_folder(it.name));
    let made = made.expect("a log folder");
    assert!(operations[made].path.ends_with("src.grafeo.wal"));

    let live = Live::of(V2, SOURCE).closed();
    let fault = Fault::Fails(ErrorKind::PermissionDenied);
    let disk = SimDisk::new(&live.path("")).with_fault(made, fault);
    let records = added(live.capture_on(&disk, Kind::Auto));
    assert_eq!(names(&records), ["backup_full_0000.grafeo"]);
    assert!(!live.log_folder().exists());
    let captured = live.capture(Kind::Incremental).expect("an answer");
    assert!(matches!(captured, Captured::UpToDate { .. }));
}

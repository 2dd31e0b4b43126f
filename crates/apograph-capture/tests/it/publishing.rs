//! In which order a backup becomes one, and what is left where it does not.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use apograph_capture::{Captured, Kind};
use apograph_io::RealDisk;
use apograph_manifest::{
    CURSOR_FILE_NAME, HISTORY_FILE_NAME, MANIFEST_FILE_NAME, NOTES_FILE_NAME, Slot, marker_name,
};
use apograph_repository::Repository;
use apograph_testing::context::every_core;
use apograph_testing::disk::{Fault, Operation, SimDisk};
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_wal::{GroupReader, LogEvent};

use crate::captured::{added, names};
use crate::live::Live;
use crate::monitors::Heard;

const SOURCE: &str = "08_torn_tail/source";
/// What a full backup of [`with_rest`] adds, in the order of the chain.
const SEGMENTS: [&str; 3] = [
    "backup_incr_0002.wal",
    "backup_full_0003.grafeo",
    "backup_incr_0004.wal",
];

/// A database with a backup, and commits after it that are not captured yet.
fn with_rest(fixtures: Fixtures) -> Live {
    let live = Live::of(fixtures, SOURCE);
    let rest = live.hold_back(2);
    live.added(Kind::Auto);
    live.append(&rest);
    live
}

fn file_name(operation: &Operation) -> String {
    let name = operation.path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn is_renaming(operation: &Operation) -> bool {
    ["publish", "exchange"].contains(&operation.name)
}

/// What a full backup of [`with_rest`] does.
fn operations(fixtures: Fixtures) -> Vec<Operation> {
    let live = with_rest(fixtures);
    let disk = SimDisk::new(&live.path(""));
    assert_eq!(names(&added(live.capture_on(&disk, Kind::Full))), SEGMENTS);
    disk.operations()
}

/// The files in a folder and below it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, bytes);
        }
    }
    found
}

/// What the repository knows: all files, and of the marker the slot of its last publish.
fn known(live: &Live) -> (BTreeMap<PathBuf, Vec<u8>>, Slot) {
    let mut files = files(&live.path(""));
    files.remove(&live.marker_path());
    let nonce = live.evidence().nonce;
    let slots = live.marker().slots.into_iter().flatten();
    let mut known = slots.filter(|slot| slot.evidence.nonce == nonce);
    (files, known.next().expect("the slot of the last publish"))
}

/// An image without the increment that belongs to it would be taken for a state of its own. What
/// proves that the log is the same lies beside it before the manifest names what was captured, and
/// log may go once it does.
#[test]
fn every_step_of_a_publish_is_durable_before_the_next() {
    for fixtures in [V1, V2] {
        let live = with_rest(fixtures);
        let disk = SimDisk::new(&live.path(""));
        assert_eq!(names(&added(live.capture_on(&disk, Kind::Full))), SEGMENTS);
        let operations = disk.operations();
        let is_step = |it: &&Operation| is_renaming(it) || it.name == "sync rewritten";
        let steps = operations.iter().filter(is_step);
        let steps = steps.map(file_name).filter(|name| !name.starts_with('.'));
        let marker = marker_name(live.repository_id());
        let expected = [
            SEGMENTS[0],
            SEGMENTS[2],
            SEGMENTS[1],
            &marker,
            MANIFEST_FILE_NAME,
            HISTORY_FILE_NAME,
            CURSOR_FILE_NAME,
            NOTES_FILE_NAME,
        ];
        assert_eq!(steps.collect::<Vec<_>>(), expected);
    }
}

/// All but the slot that the repository does not know.
#[test]
fn a_backup_that_fails_leaves_everything_as_it_was() {
    for fixtures in [V1, V2] {
        let mut failed = 0;
        for (index, operation) in operations(fixtures).iter().enumerate() {
            let live = with_rest(fixtures);
            let before = known(&live);
            let fault = Fault::Fails(ErrorKind::StorageFull);
            let disk = SimDisk::new(&live.path("")).with_fault(index, fault);
            match live.capture_on(&disk, Kind::Full) {
                Ok(captured) => assert_eq!(names(&added(Ok(captured))), SEGMENTS),
                Err(error) => {
                    assert_eq!(error.code(), "io", "{error}");
                    assert!(known(&live) == before, "{index}: {operation:?}");
                    failed += 1;
                }
            }
            assert!(disk.is_struck());
        }
        assert!(failed > SEGMENTS.len());
    }
}

/// Those of a repository of the engine, which has none, or none that can be read.
#[test]
fn notes_that_a_failed_backup_wrote_are_taken_back_and_others_stay() {
    for fixtures in [V1, V2] {
        for before in [None, Some(b"damaged")] {
            let prepared = || {
                let live = Live::with_backups(fixtures, "12_crash_in_chain");
                let notes = live.repository().join(NOTES_FILE_NAME);
                if let Some(bytes) = before {
                    fs::write(&notes, bytes).expect("notes");
                }
                (live, notes)
            };
            let (live, notes) = prepared();
            let probe = SimDisk::new(&live.path(""));
            added(live.capture_on(&probe, Kind::Full));
            assert_ne!(fs::read(notes).ok().as_deref(), before.map(|it| &it[..]));
            let mut failed = 0;
            for index in 0..probe.operations().len() {
                let (live, notes) = prepared();
                let fault = Fault::Fails(ErrorKind::StorageFull);
                let disk = SimDisk::new(&live.path("")).with_fault(index, fault);
                if live.capture_on(&disk, Kind::Full).is_err() {
                    assert_eq!(notes.exists(), before.is_some(), "{index}");
                    failed += 1;
                }
            }
            assert!(failed > 3);
        }
    }
}

/// What cannot be undone either is a backup that its owner was not told of.
#[test]
fn segments_that_the_manifest_names_stay_though_the_backup_failed() {
    for fixtures in [V1, V2] {
        let is_manifest = |it: &Operation| is_renaming(it) && file_name(it) == MANIFEST_FILE_NAME;
        let replaced = operations(fixtures).iter().position(is_manifest);
        let replaced = replaced.expect("a manifest");
        let live = with_rest(fixtures);
        let disk = SimDisk::new(&live.path(""));
        // The sync of the folder, and the second exchange.
        let disk = [1, 2].into_iter().fold(disk, |disk, behind| {
            disk.with_fault(replaced + behind, Fault::Fails(ErrorKind::Other))
        });
        let error = live.capture_on(&disk, Kind::Full).expect_err("no sync");
        assert_eq!(error.code(), "io", "{error}");
        let repository = Repository::open(live.repository(), every_core()).expect("a repository");
        let entries = repository.chain().entries();
        assert!(entries.iter().all(|entry| entry.unusable.is_none()));
        assert_eq!(entries.len(), 2 + SEGMENTS.len());
    }
}

/// The words of each warning of a full backup of [`with_rest`] on which a fault struck, or the
/// engine took the log away, right before the marker or the cursor was written.
fn warnings(fixtures: Fixtures, file: impl Fn(&Live) -> String, is_taken: bool) -> Vec<String> {
    let live = with_rest(fixtures);
    let disk = SimDisk::new(&live.path(""));
    live.capture_on(&disk, Kind::Full).expect("a backup");
    let name = file(&live);
    let is_written =
        |it: &Operation| ["create", "rewrite"].contains(&it.name) && file_name(it).contains(&name);
    let written = disk.operations().iter().position(is_written);
    let written = written.expect("such a file");

    let live = with_rest(fixtures);
    let disk = SimDisk::new(&live.path(""));
    let disk = if is_taken {
        let log = live.log_folder();
        disk.meanwhile(move |index| {
            if index == written {
                fs::remove_dir_all(&log).expect("a log folder");
            }
        })
    } else {
        disk.with_fault(written, Fault::Fails(ErrorKind::StorageFull))
    };
    let heard = Heard::default();
    let captured = live.capture_heard(&disk, Kind::Full, &heard);
    assert_eq!(names(&added(captured)), SEGMENTS);
    if !is_taken {
        live.capture(Kind::Incremental)
            .expect("a chain that goes on");
    }
    heard.words()
}

#[test]
fn a_log_that_the_engine_took_away_needs_no_marker_and_no_cursor() {
    let marker = |live: &Live| marker_name(live.repository_id());
    let cursor = |_: &Live| CURSOR_FILE_NAME.to_owned();
    for fixtures in [V1, V2] {
        assert_eq!(warnings(fixtures, marker, true), [""; 0]);
        assert_eq!(warnings(fixtures, cursor, true), [""; 0]);
        for (heard, expected) in [
            (
                warnings(fixtures, marker, false),
                "the log folder cannot be marked, and the next backup goes by the folder alone: ",
            ),
            (
                warnings(fixtures, cursor, false),
                "the engine may remove log that is not captured: ",
            ),
        ] {
            let [warning] = &heard[..] else {
                panic!("{heard:?}");
            };
            assert!(warning.starts_with(expected), "{warning}");
            let cause = std::io::Error::from(ErrorKind::StorageFull).to_string();
            assert!(warning.ends_with(&cause), "{warning}");
        }
    }
}

#[test]
fn the_manifest_says_from_which_commit_to_which_an_increment_goes() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let log = live.log();
        let parts = [log.files()[0].part()];
        let epochs = GroupReader::new(&parts).filter_map(|event| match event {
            Ok(LogEvent::Group(group)) => group.head.epoch(),
            _ => None,
        });
        let epochs: Vec<_> = epochs.collect();
        let expected = (epochs[0], *epochs.last().expect("a commit"));
        assert!(expected.0 < expected.1);
        let records = live.added(Kind::Auto);
        let header = live.segment_header(&records[1]);
        assert_eq!((header.start_epoch, header.end_epoch), expected);
        let segment = &live.manifest().segments[1];
        assert_eq!((segment.start_epoch, segment.end_epoch), expected);
        let again = live.capture_on(&RealDisk, Kind::Incremental);
        let end_epoch = expected.1;
        assert_eq!(again.expect("an answer"), Captured::UpToDate { end_epoch });
    }
}

//! What a publish leaves to prove the next time that the log is the same, and where it counts.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use apograph_capture::{Captured, Kind};
use apograph_manifest::{
    CURSOR_FILE_NAME, Evidence, HISTORY_FILE_NAME, MANIFEST_FILE_NAME, NOTES_FILE_NAME, Nonce,
    Slot, marker_name,
};
use apograph_testing::disk::{Fault, Operation, SimDisk};
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::captured::{names, why};
use crate::changed_files::{copy, flip, put_back};
use crate::continuity::{UNMARKED, check_broken};
use crate::live::Live;

const SOURCE: &str = "10_live/source";
const OTHER_MOMENT: &str = "is not the one that this backup left";
/// Where the second slot begins in a marker.
const SECOND_SLOT: usize = 4096;

/// A database after whose image nothing is logged yet, and what is logged next. Of a backup of it
/// nothing but the marker proves that the log is the same.
fn imaged(fixtures: Fixtures) -> (Live, Vec<u8>) {
    let live = Live::of(fixtures, SOURCE);
    let rest = live.take_log();
    (live, rest)
}

/// The same after so many backups.
fn published(fixtures: Fixtures, backups: usize) -> Live {
    let (live, rest) = imaged(fixtures);
    for _ in 0..backups {
        live.added(Kind::Full);
    }
    live.append(&rest);
    live
}

#[track_caller]
fn check_goes_on(live: &Live) {
    live.added(Kind::Incremental);
}

#[test]
fn each_publish_leaves_the_slot_of_the_one_before_it() {
    for fixtures in [V1, V2] {
        let (live, _) = imaged(fixtures);
        let mut before: Option<Evidence> = None;
        for count in 1..=5 {
            let records = live.added(Kind::Full);
            let evidence = live.evidence();
            let last = &records.last().expect("a segment").segment;
            assert_eq!(evidence.segment.file, last.file);
            assert_eq!(evidence.folder, None);
            let marker = live.marker();
            let newest = marker.newest().expect("a slot");
            assert_eq!((newest.counter, &newest.evidence), (count, &evidence));
            let mut others = marker.slots.iter().flatten();
            let other = others.find(|slot| slot.counter != count);
            assert_eq!(other.map(|slot| &slot.evidence), before.as_ref());
            assert_ne!(before.map(|before| before.nonce), Some(evidence.nonce));
            before = Some(evidence);
        }
        // Nothing new is no publish.
        let captured = live.capture(Kind::Auto).expect("an answer");
        assert!(matches!(captured, Captured::UpToDate { .. }));
        assert_eq!(Some(live.evidence()), before);
        assert_eq!(live.marker().newest().map(|slot| slot.counter), Some(5));
    }
}

/// However often it fails: the spare slot is the same each time.
#[test]
fn a_publish_that_fails_after_its_slot_leaves_the_one_that_the_repository_knows() {
    for fixtures in [V1, V2] {
        let live = published(fixtures, 2);
        let known = live.evidence();
        for _ in 0..3 {
            let is_manifest = |it: &Operation| {
                it.name == "create" && it.path.to_string_lossy().contains(MANIFEST_FILE_NAME)
            };
            let probe = published(fixtures, 2);
            let disk = SimDisk::new(&probe.path(""));
            probe.capture_on(&disk, Kind::Auto).expect("a backup");
            let manifest = disk.operations().iter().position(is_manifest);
            let fault = Fault::Fails(ErrorKind::StorageFull);
            let disk = SimDisk::new(&live.path(""));
            let disk = disk.with_fault(manifest.expect("a manifest"), fault);
            live.capture_on(&disk, Kind::Auto).expect_err("a full disk");
            assert_eq!(live.evidence(), known);
            let slots = live.marker().slots.map(|slot| slot.expect("a slot"));
            let nonces = slots.map(|slot| slot.evidence.nonce);
            assert!(nonces.contains(&known.nonce), "{nonces:?}");
            assert_ne!(nonces[0], nonces[1]);
        }
        check_goes_on(&live);
    }
}

/// However often it is tried: a marker would hold the log back for a repository that is not there.
#[test]
fn a_first_backup_that_fails_leaves_no_marker() {
    let sources: [fn() -> Live; 3] = [
        || Live::of(V1, SOURCE),
        || Live::of(V2, SOURCE),
        || Live::of(V2, SOURCE).closed(),
    ];
    for source in sources {
        let probe = source();
        let disk = SimDisk::new(&probe.path(""));
        probe.capture_on(&disk, Kind::Auto).expect("a backup");
        let operations = disk.operations();
        let marker = position(&operations, "create", &marker_name(probe.repository_id()));
        let manifest = position(&operations, "publish", MANIFEST_FILE_NAME);
        let live = source();
        let before = files(&live.path(""));
        for (index, operation) in operations
            .iter()
            .enumerate()
            .take(manifest + 1)
            .skip(marker)
        {
            let fault = Fault::Fails(ErrorKind::StorageFull);
            let disk = SimDisk::new(&live.path("")).with_fault(index, fault);
            if live.capture_on(&disk, Kind::Auto).is_err() {
                assert_eq!(files(&live.path("")), before, "{operation:?}");
            } else {
                // It was the marker itself: the backup goes by the folder.
                fs::remove_dir_all(live.repository()).expect("a repository");
                let _ = fs::remove_file(live.log_folder().join(CURSOR_FILE_NAME));
                if !before.contains(&live.log_folder()) {
                    fs::remove_dir(live.log_folder()).expect("a folder");
                }
            }
        }
    }
}

/// The files and folders below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// Writes a slot over the one of the newest publish.
fn set_newest_slot(live: &Live, change: impl Fn(&mut Slot)) {
    let (path, marker) = (live.marker_path(), live.marker());
    let mut slot = marker.newest().expect("a slot").clone();
    let index = marker
        .slots
        .iter()
        .position(|it| it.as_ref() == Some(&slot));
    let offset = index.expect("a slot") * SECOND_SLOT;
    change(&mut slot);
    let mut bytes = fs::read(&path).expect("a marker");
    bytes[offset..offset + Slot::BYTES].copy_from_slice(&slot.encode());
    fs::write(path, bytes).expect("a marker");
}

fn set_evidence(live: &Live, change: impl Fn(&mut Option<Evidence>)) {
    let mut history = live.history();
    change(&mut history.evidence);
    live.set_history(&history);
}

/// What is done to a chain of two publishes, and why it does not go on then. The repository and the
/// log folder as they were after the first publish lie in two folders.
type Row = (&'static str, fn(&Live, &Path, &Path), Option<&'static str>);

const ROWS: [Row; 18] = [
    ("nothing", |_, _, _| {}, None),
    (
        "apograph.json is lost",
        |live, _, _| fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a file"),
        None,
    ),
    (
        "apograph.json is damaged",
        |live, _, _| flip(&live.repository().join(HISTORY_FILE_NAME), 100),
        None,
    ),
    (
        "apograph.json has no evidence",
        |live, _, _| set_evidence(live, |evidence| *evidence = None),
        None,
    ),
    (
        "killed between the manifest and apograph.json",
        |live, repository, _| {
            let to = live.repository().join(HISTORY_FILE_NAME);
            fs::copy(repository.join(HISTORY_FILE_NAME), to).expect("a file");
        },
        None,
    ),
    (
        "the repository is put back by one publish",
        |live, repository, _| put_back(repository, &live.repository()),
        None,
    ),
    (
        "another nonce in apograph.json",
        |live, _, _| {
            set_evidence(live, |evidence| {
                evidence.as_mut().expect("evidence").nonce = Nonce::new(7);
            });
        },
        Some(OTHER_MOMENT),
    ),
    (
        "another nonce in the slot",
        |live, _, _| set_newest_slot(live, |slot| slot.evidence.nonce = Nonce::new(7)),
        Some(OTHER_MOMENT),
    ),
    (
        "another nonce, and the old one is not known",
        |live, _, _| {
            set_newest_slot(live, |slot| slot.evidence.nonce = Nonce::new(7));
            set_evidence(live, |evidence| *evidence = None);
        },
        None,
    ),
    (
        "the slot is of a segment with another name",
        |live, _, _| {
            let other = live.manifest().segments[0].file.clone();
            set_newest_slot(live, |slot| slot.evidence.segment.file = other.clone());
        },
        Some(OTHER_MOMENT),
    ),
    (
        "the slot is of a segment with other bytes",
        |live, _, _| {
            let other = live.history().records[0].hash;
            set_newest_slot(live, |slot| slot.evidence.segment.hash = other);
        },
        Some(OTHER_MOMENT),
    ),
    (
        "the marker is put back",
        |live, _, log| {
            let name = marker_name(live.repository_id());
            fs::copy(log.join(name), live.marker_path()).expect("a marker");
        },
        Some(OTHER_MOMENT),
    ),
    (
        "the log folder is put back",
        |live, _, log| put_back(log, &live.log_folder()),
        Some(OTHER_MOMENT),
    ),
    (
        "the slots are of another repository",
        |live, _, _| {
            set_newest_slot(live, |slot| {
                slot.repository = apograph_manifest::RepositoryId::new(7);
            });
        },
        Some(OTHER_MOMENT),
    ),
    (
        "the repository has lost its id",
        |live, _, _| fs::remove_file(live.repository().join(NOTES_FILE_NAME)).expect("a file"),
        Some(UNMARKED),
    ),
    (
        "the id of the repository cannot be read",
        |live, _, _| flip(&live.repository().join(NOTES_FILE_NAME), 40),
        Some(UNMARKED),
    ),
    (
        "the marker is empty",
        |live, _, _| fs::write(live.marker_path(), "").expect("a marker"),
        Some(OTHER_MOMENT),
    ),
    (
        "the marker is gone",
        |live, _, _| live.remove_marker(),
        Some(UNMARKED),
    ),
];

#[test]
fn a_slot_counts_that_is_of_the_publish_that_the_repository_knows() {
    for fixtures in [V1, V2] {
        for (_, change, broken) in ROWS {
            let (live, rest) = imaged(fixtures);
            live.added(Kind::Full);
            let (repository, log) = (live.path("repository.1"), live.path("log.1"));
            copy(&live.repository(), &repository);
            copy(&live.log_folder(), &log);
            live.added(Kind::Full);
            change(&live, &repository, &log);
            live.append(&rest);
            match broken {
                None => check_goes_on(&live),
                Some(words) => {
                    check_broken(&live, words);
                    assert!(why(live.capture(Kind::Auto)).contains(words));
                    // From there on it goes on again.
                    live.capture(Kind::Incremental)
                        .expect("a chain that goes on");
                }
            }
        }
    }
}

/// The slots tell of the two newest publishes alone.
#[test]
fn a_repository_that_was_put_back_by_two_publishes_does_not_go_on() {
    for fixtures in [V1, V2] {
        let (live, rest) = imaged(fixtures);
        live.added(Kind::Full);
        let before = live.path("before");
        copy(&live.repository(), &before);
        live.added(Kind::Full);
        live.added(Kind::Full);
        put_back(&before, &live.repository());
        live.append(&rest);
        check_broken(&live, OTHER_MOMENT);
    }
}

/// The index of the first operation that does something to a file.
fn position(operations: &[Operation], name: &str, file: &str) -> usize {
    let found = operations
        .iter()
        .position(|it| it.name == name && it.path.ends_with(file));
    found.unwrap_or_else(|| panic!("no {name} of {file}"))
}

/// Only where segments have their names, and no slot tells of them yet, the log that they end in is
/// not known any more.
#[test]
fn a_backup_that_was_killed_is_followed_by_an_increment() {
    for fixtures in [V1, V2] {
        let probe = published(fixtures, 2);
        let disk = SimDisk::new(&probe.path(""));
        let records = match probe.capture_on(&disk, Kind::Full).expect("a backup") {
            Captured::Added { segments, .. } => segments,
            Captured::UpToDate { .. } => panic!("nothing was captured"),
        };
        let operations = disk.operations();
        let marker = position(&operations, "rewrite", &marker_name(probe.repository_id()));
        let named = names(&records)
            .into_iter()
            .map(|name| position(&operations, "publish", name));
        let first = named.min().expect("a segment");
        assert!(first < marker);
        for (index, operation) in operations.iter().enumerate() {
            let live = published(fixtures, 2);
            let disk = SimDisk::new(&live.path("")).with_fault(index, Fault::PowerCut);
            let _ = live.capture_on(&disk, Kind::Full);
            assert!(disk.is_struck());
            let is_between = (first + 1..=marker).contains(&index);
            let next = live.capture(Kind::Incremental);
            if fixtures == V2 || !is_between {
                next.unwrap_or_else(|error| panic!("{index} {operation:?}: {error}"));
            } else {
                live.capture(Kind::Auto).expect("a backup");
            }
            live.capture(Kind::Incremental)
                .expect("a chain that goes on");
        }
    }
}

/// A database after a backup that could not write its marker.
fn unmarked(fixtures: Fixtures) -> Live {
    let (probe, _) = imaged(fixtures);
    let disk = SimDisk::new(&probe.path(""));
    probe.capture_on(&disk, Kind::Full).expect("a backup");
    let is_marker =
        |it: &Operation| it.name == "create" && it.path.to_string_lossy().ends_with(".mark");
    let at = disk.operations().iter().position(is_marker);

    let (live, rest) = imaged(fixtures);
    let fault = Fault::Fails(ErrorKind::PermissionDenied);
    let disk = SimDisk::new(&live.path("")).with_fault(at.expect("a marker"), fault);
    live.capture_on(&disk, Kind::Full).expect("a backup");
    assert!(disk.is_struck());
    assert!(live.evidence().folder.is_some());
    live.append(&rest);
    live
}

/// Its number and its birth are another's where it was made anew.
#[test]
fn a_folder_that_cannot_be_marked_is_known_by_itself() {
    for fixtures in [V1, V2] {
        check_goes_on(&unmarked(fixtures));
        // It is marked by now.
        let live = unmarked(fixtures);
        check_goes_on(&live);
        assert_eq!(live.evidence().folder, None);
        assert_eq!(live.marker().newest().map(|slot| slot.counter), Some(1));

        let live = unmarked(fixtures);
        renew(&live.log_folder());
        check_broken(&live, UNMARKED);
        let live = unmarked(fixtures);
        set_evidence(&live, |evidence| {
            let folder = &mut evidence.as_mut().expect("evidence").folder;
            folder.as_mut().expect("a folder").created_ns += 1;
        });
        check_broken(&live, UNMARKED);
        // Nothing else knows it.
        let live = unmarked(fixtures);
        fs::remove_file(live.repository().join(HISTORY_FILE_NAME)).expect("a history");
        check_broken(&live, UNMARKED);
    }
}

/// Makes a folder anew with what was in it.
fn renew(folder: &Path) {
    let away: PathBuf = folder.with_extension("away");
    copy(folder, &away);
    fs::remove_dir_all(folder).expect("a folder");
    fs::rename(away, folder).expect("a rename");
}

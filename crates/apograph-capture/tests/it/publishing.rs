//! In which order a backup becomes one, and what is left where it does not.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use apograph_capture::{Captured, Kind};
use apograph_format::UnixMillis;
use apograph_io::{Folder, Monitor, RealDisk, now};
use apograph_manifest::{
    CURSOR_FILE_NAME, HISTORY_FILE_NAME, MANIFEST_FILE_NAME, NOTES_FILE_NAME, read_notes,
};
use apograph_repository::Repository;
use apograph_testing::disk::{Fault, Operation, SimDisk};
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_wal::{GroupReader, LogEvent};

use crate::live::{Live, added, names};

const SOURCE: &str = "08_torn_tail/source";
/// What a full backup of [`with_rest`] adds, in the order of the chain.
const SEGMENTS: [&str; 3] = [
    "backup_incr_0002.wal",
    "backup_full_0003.grafeo",
    "backup_incr_0004.wal",
];

/// A database with a backup, and commits behind it that are not captured yet.
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

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Monitor for Heard {
    fn warn(&self, message: &str) {
        self.0.lock().expect("a lock").push(message.to_owned());
    }
}

/// An image without the increment that belongs to it would be taken for a state of its own.
#[test]
fn the_increments_get_their_names_before_the_image_and_all_before_the_manifest() {
    for fixtures in [V1, V2] {
        let operations = operations(fixtures);
        let named = operations.iter().filter(|it| is_renaming(it));
        let named = named.map(file_name).filter(|name| !name.starts_with('.'));
        let expected = [
            SEGMENTS[0],
            SEGMENTS[2],
            SEGMENTS[1],
            MANIFEST_FILE_NAME,
            HISTORY_FILE_NAME,
            CURSOR_FILE_NAME,
            NOTES_FILE_NAME,
        ];
        assert_eq!(named.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_backup_that_fails_leaves_everything_as_it_was() {
    for fixtures in [V1, V2] {
        let mut failed = 0;
        for (index, operation) in operations(fixtures).iter().enumerate() {
            let live = with_rest(fixtures);
            let before = files(&live.path(""));
            let fault = Fault::Fails(ErrorKind::StorageFull);
            let disk = SimDisk::new(&live.path("")).with_fault(index, fault);
            match live.capture_on(&disk, Kind::Full) {
                Ok(captured) => assert_eq!(names(&added(Ok(captured))), SEGMENTS),
                Err(error) => {
                    assert_eq!(error.code(), "io", "{error}");
                    assert!(files(&live.path("")) == before, "{index}: {operation:?}");
                    failed += 1;
                }
            }
            assert!(disk.is_struck());
        }
        assert!(failed > SEGMENTS.len());
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
        let repository = Repository::open(&live.repository()).expect("a repository");
        let entries = repository.chain().entries();
        assert!(entries.iter().all(|entry| entry.unusable.is_none()));
        assert_eq!(entries.len(), 2 + SEGMENTS.len());
    }
}

#[test]
fn a_log_that_the_engine_took_away_needs_no_cursor() {
    for fixtures in [V1, V2] {
        let is_cursor =
            |it: &Operation| it.name == "create" && file_name(it).contains(CURSOR_FILE_NAME);
        let cursor = operations(fixtures).iter().position(is_cursor);
        let cursor = cursor.expect("a cursor");

        let live = with_rest(fixtures);
        let log = live.log_folder();
        let disk = SimDisk::new(&live.path("")).meanwhile(move |index| {
            if index == cursor {
                fs::remove_dir_all(&log).expect("a log folder");
            }
        });
        let heard = Heard::default();
        let captured = live.capture_heard(&disk, Kind::Full, &heard);
        assert_eq!(names(&added(captured)), SEGMENTS);
        assert_eq!(heard.0.into_inner().expect("a lock"), [""; 0]);

        let live = with_rest(fixtures);
        let disk = SimDisk::new(&live.path(""));
        let disk = disk.with_fault(cursor, Fault::Fails(ErrorKind::StorageFull));
        let heard = Heard::default();
        let captured = live.capture_heard(&disk, Kind::Full, &heard);
        assert_eq!(names(&added(captured)), SEGMENTS);
        let heard = heard.0.into_inner().expect("a lock");
        let [warning] = &heard[..] else {
            panic!("{heard:?}");
        };
        let expected = "the engine may remove log that is not captured: ";
        assert!(warning.starts_with(expected), "{warning}");
    }
}

#[test]
fn the_manifest_says_from_which_commit_to_which_an_increment_goes() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let log = live.log();
        let parts = [log.files()[0].part()];
        let epochs = GroupReader::new(&parts).filter_map(|event| match event {
            Ok(LogEvent::Group(group)) => group.epoch,
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

/// The clock goes on.
fn tick() {
    let before = now();
    while now() == before {
        std::hint::spin_loop();
    }
}

/// When it heard of a log that is about to be read.
struct Clocked(Mutex<Vec<UnixMillis>>);

impl Monitor for Clocked {
    fn phase(&self, name: &'static str, _: u64) {
        if name == "reading the log" {
            let mut times = self.0.lock().expect("a lock");
            times.push(now());
            tick();
            times.push(now());
        }
    }
}

/// Nothing in a segment was committed behind its stamp, and everything before the noted instant is
/// captured.
#[test]
fn a_segment_is_stamped_behind_the_reading_and_the_look_before_it() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let noted = || {
            let folder = Folder::open(&live.repository()).expect("a folder");
            let notes = read_notes(&folder).expect("notes").expect("notes");
            (notes.id, notes.looked_until.expect("an instant"))
        };
        let rest = live.hold_back(2);
        for kind in [Kind::Auto, Kind::Incremental, Kind::Full] {
            let clocked = Clocked(Mutex::default());
            let begun = now();
            let captured = live.capture_heard(&RealDisk, kind, &clocked);
            let times = clocked.0.into_inner().expect("a lock");
            let (first, last) = (times[0], times[times.len() - 1]);
            for record in added(captured) {
                assert!(record.segment.created_at >= last, "{kind:?}");
            }
            let (_, until) = noted();
            assert!(
                begun <= until && until <= first,
                "{kind:?}: {begun} {until} {first}"
            );
            if kind == Kind::Auto {
                live.append(&rest);
            }
        }
        let (id, before) = noted();
        tick();
        let again = live.capture_on(&RealDisk, Kind::Auto).expect("an answer");
        assert!(matches!(again, Captured::UpToDate { .. }));
        let (same, until) = noted();
        assert!(same == id && until > before);
    }
}

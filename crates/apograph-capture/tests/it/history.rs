//! What a backup writes to `apograph.json`.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use apograph_capture::Kind;
use apograph_format::Crc32;
use apograph_manifest::{HISTORY_FILE_NAME, History, SegmentRecord};
use apograph_repository::Repository;
use apograph_testing::context::every_core;
use apograph_testing::disk::{Fault, Operation, SimDisk};
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::captured::added;
use crate::live::Live;
use crate::monitors::Heard;

const SOURCE: &str = "08_torn_tail/source";
/// More than the records of three segments and what one publish writes down.
const LINE_MAX_BYTES: usize = 4 << 10;

/// A database with a backup, and commits that are not captured yet, one after the other.
fn with_rest(fixtures: Fixtures) -> (Live, Vec<Vec<u8>>) {
    let live = Live::of(fixtures, SOURCE);
    let count = live.commits().len();
    let rest = (1..=3).map(|last| live.hold_back(count - last));
    let rest: Vec<_> = rest.collect::<Vec<_>>().into_iter().rev().collect();
    live.added(Kind::Auto);
    (live, rest)
}

fn path(live: &Live) -> PathBuf {
    live.repository().join(HISTORY_FILE_NAME)
}

fn bytes(live: &Live) -> Vec<u8> {
    fs::read(path(live)).expect("a history")
}

/// The records of the repository, as they are read from it.
fn records(live: &Live) -> Vec<SegmentRecord> {
    let repository = Repository::open(live.repository(), every_core()).expect("a repository");
    repository.records().map(SegmentRecord::from).collect()
}

/// All that is known is in the file, and can be read to its last byte.
#[track_caller]
pub(crate) fn assert_is_whole(live: &Live) {
    let history = History::decode(&bytes(live)).expect("a whole history");
    assert_eq!(history.records, records(live));
    let entries = Repository::open(live.repository(), every_core()).expect("a repository");
    assert_eq!(history.records.len(), entries.chain().entries().len());
    let last = history.records.last().expect("a record");
    let evidence = history.evidence.expect("evidence");
    assert_eq!(evidence.segment.file, last.segment.file);
}

/// The lines that a backup adds after those that were there; `None` where it wrote them anew.
fn lines_added(live: &Live, kind: Kind) -> Option<usize> {
    let before = fs::read(path(live)).ok();
    live.added(kind);
    assert_is_whole(live);
    let after = bytes(live);
    let added = after.strip_prefix(&before?[..])?;
    assert!(added.len() < LINE_MAX_BYTES, "{} bytes", added.len());
    Some(added.split_inclusive(|byte| *byte == b'\n').count())
}

#[test]
fn a_backup_adds_one_line() {
    for fixtures in [V1, V2] {
        let (live, rest) = with_rest(fixtures);
        for commit in &rest[..2] {
            live.append(commit);
            assert_eq!(lines_added(&live, Kind::Incremental), Some(1));
        }
        live.append(&rest[2]);
        assert_eq!(lines_added(&live, Kind::Full), Some(1));
    }
}

/// What becomes of a history, and its name.
type Change = (&'static str, fn(&Live));

/// Of a file that a command was killed at, or that is another one, nothing is added to.
#[test]
fn a_file_that_does_not_say_what_is_known_is_written_anew() {
    let changes: [Change; 5] = [
        ("cut", |live| {
            let bytes = bytes(live);
            fs::write(path(live), &bytes[..bytes.len() - 1]).expect("a file");
        }),
        ("gone", |live| fs::remove_file(path(live)).expect("a file")),
        ("of another format", |live| {
            let body = r#"{"format":2,"segments":[],"evidence":null}"#;
            let crc32 = Crc32::of(body.as_bytes());
            let text = format!("{{\"crc32\":\"{crc32}\",\"body\":{body}}}\n");
            fs::write(path(live), text).expect("a file");
        }),
        ("without a record in the middle", |live| {
            let mut history = live.history();
            history.records.remove(0);
            live.set_history(&history);
        }),
        ("of another opinion", |live| {
            let mut history = live.history();
            history.records[0].is_uncounted = true;
            live.set_history(&history);
        }),
    ];
    for fixtures in [V1, V2] {
        for (change, act) in changes {
            let (live, rest) = with_rest(fixtures);
            act(&live);
            live.append(&rest[0]);
            assert_eq!(lines_added(&live, Kind::Incremental), None, "{change}");
            live.append(&rest[1]);
            assert_eq!(lines_added(&live, Kind::Incremental), Some(1), "{change}");
        }
    }
}

/// An older file is added to: what it lacks is read from the segments.
#[test]
fn a_file_of_an_earlier_moment_is_added_to() {
    for fixtures in [V1, V2] {
        let (live, rest) = with_rest(fixtures);
        let older = bytes(&live);
        live.append(&rest[0]);
        live.added(Kind::Incremental);
        fs::write(path(&live), &older).expect("a file");
        live.append(&rest[1]);
        assert_eq!(lines_added(&live, Kind::Incremental), Some(1));
        assert_eq!(live.history().records.len(), records(&live).len());
    }
}

/// A copy of a repository that is made of links stays as it is.
#[test]
fn a_copy_made_of_links_does_not_change() {
    for fixtures in [V1, V2] {
        let (live, rest) = with_rest(fixtures);
        let copy = live.path("copy");
        fs::create_dir(&copy).expect("a folder");
        for entry in fs::read_dir(live.repository()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name");
            fs::hard_link(&path, copy.join(name)).expect("a link");
        }
        let chain = |path: &PathBuf| {
            let repository = Repository::open(path, every_core()).expect("a repository");
            repository.chain().restorable()
        };
        let before = chain(&copy);
        live.append(&rest[0]);
        assert_eq!(lines_added(&live, Kind::Incremental), None);
        assert_eq!(chain(&copy), before);
        live.append(&rest[1]);
        assert_eq!(lines_added(&live, Kind::Incremental), Some(1));
    }
}

/// A file that cannot be written to is replaced.
#[test]
fn a_line_that_cannot_be_added_is_written_with_all_others() {
    for fixtures in [V1, V2] {
        let is_line = |it: &Operation| it.name == "rewrite" && it.path.ends_with(HISTORY_FILE_NAME);
        let (probe, rest) = with_rest(fixtures);
        probe.append(&rest[0]);
        let disk = SimDisk::new(&probe.path(""));
        added(probe.capture_on(&disk, Kind::Incremental));
        let operation = disk.operations().iter().position(is_line);
        let operation = operation.expect("a line");
        let (live, rest) = with_rest(fixtures);
        live.append(&rest[0]);
        let fault = Fault::Fails(ErrorKind::PermissionDenied);
        let disk = SimDisk::new(&live.path("")).with_fault(operation, fault);
        let heard = Heard::default();
        added(live.capture_heard(&disk, Kind::Incremental, &heard));
        assert!(disk.is_struck());
        assert_eq!(heard.words(), [""; 0]);
        assert_is_whole(&live);
        live.append(&rest[1]);
        assert_eq!(lines_added(&live, Kind::Incremental), Some(1));
    }
}

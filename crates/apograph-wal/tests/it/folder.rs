//! Log folders on disk.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use apograph_format::v2::WAL_SEGMENT_HEADER_BYTES;
use apograph_format::{Generation, LogPosition, LogSequence, Lsn};
use apograph_io::Folder;
use apograph_testing::fixtures::{V1, V2};
use apograph_wal::{LogFile, LogFolder, WalError};

use crate::log;

/// A copy of a golden log folder.
fn copy_of(source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = V1.root().join(source).join("src.grafeo.wal");
    for entry in fs::read_dir(from).expect("a golden log folder") {
        let entry = entry.expect("an entry");
        let bytes = fs::read(entry.path()).expect("a golden file");
        fs::write(folder.path().join(entry.file_name()), bytes).expect("a copy");
    }
    folder
}

fn open(folder: &Path) -> LogFolder {
    LogFolder::open(folder, Generation::One)
        .expect("a sound folder")
        .expect("a folder")
}

fn at(number: u64, offset: u64) -> LogPosition {
    LogPosition::in_file(LogSequence::new(number), offset)
}

fn sequence(file: &LogFile) -> u64 {
    match file.start() {
        LogPosition::File(place) => place.sequence.get(),
        LogPosition::Lsn(lsn) => panic!("a file of generation 2 at {lsn}"),
    }
}

#[test]
fn a_golden_folder_is_its_files_in_order() {
    let rows = [
        ("04_rotation/source", 1..=6, Some(1)),
        ("04_rotation/source_midgroup", 0..=17, None),
        ("08_torn_tail/source", 0..=0, None),
        ("11_checkpoints_cursor/source_before_incr", 1..=4, Some(4)),
    ];
    for (source, numbers, checkpoint) in rows {
        let copy = copy_of(source);
        let folder = open(copy.path());
        let found: Vec<_> = folder.files().iter().map(sequence).collect();
        assert_eq!(found, numbers.clone().collect::<Vec<_>>(), "{source}");
        let start = checkpoint.unwrap_or(*numbers.start());
        let start = at(start, 0);
        assert_eq!(folder.recovery_start(None), start, "{source}");
        let named = folder.checkpoint().map(|it| it.log_sequence.get());
        assert_eq!(named, checkpoint, "{source}");
    }
}

#[test]
fn a_closed_database_has_no_folder() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for generation in [Generation::One, Generation::Two] {
        let none = LogFolder::open(&copy.path().join("src.grafeo.wal"), generation);
        assert!(none.expect("no error").is_none());
    }
}

#[test]
fn a_log_is_read_from_any_position() {
    let copy = copy_of("04_rotation/source");
    let folder = open(copy.path());
    let rows = [
        (
            1,
            0,
            "3@2x5 4@3x5 5@4x5 6@5x5 7@6x5 8@7x5 9@8x5 10@9x5 11@10x5",
        ),
        (1, 87, "4@3x5 5@4x5 6@5x5 7@6x5 8@7x5 9@8x5 10@9x5 11@10x5"),
        (3, 0, "8@7x5 9@8x5 10@9x5 11@10x5"),
        (5, 77, "@10"),
        (5, 87, ""),
        (6, 0, ""),
    ];
    for (number, offset, groups) in rows {
        let tail = folder.from(at(number, offset)).expect("a position");
        assert_eq!(tail.files.len(), tail.parts.len());
        assert_eq!(log::text(&tail.parts).0, groups, "{number}+{offset}");
    }
}

#[test]
fn a_position_that_is_not_there_is_an_error() {
    let copy = copy_of("04_rotation/source");
    let rows = [
        (0, 0, "missing: wal_00000000.log"),
        (7, 0, "missing: wal_00000007.log"),
        (1, 175, "wal_00000001.log has 174 bytes, not 175"),
        (
            1,
            u64::MAX,
            "wal_00000001.log has 174 bytes, not 18446744073709551615",
        ),
        (6, 1, "wal_00000006.log has 0 bytes, not 1"),
    ];
    for (number, offset, expected) in rows {
        let folder = open(copy.path());
        let error = folder.from(at(number, offset)).expect_err(expected);
        assert_eq!(text(&error), expected);
        assert_eq!(error.code(), "wal-damaged");
    }
}

#[test]
fn a_log_without_files_ends_where_it_begins() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let folder = open(copy.path());
    let tail = folder.from(at(1, 0)).expect("its end");
    assert!(tail.files.is_empty() && tail.parts.is_empty());
    let error = folder.from(at(1, 1)).expect_err("a file that has a byte");
    assert_eq!(text(&error), "missing: wal_00000001.log");
}

#[test]
fn a_file_is_found_by_its_number() {
    let copy = copy_of("04_rotation/source");
    let folder = open(copy.path());
    for number in 0..8 {
        let found = folder.file(LogSequence::new(number));
        let expected = (1..=6).contains(&number).then_some(number);
        assert_eq!(found.map(sequence), expected, "{number}");
    }
}

#[test]
fn a_gap_in_the_numbers_is_a_missing_file() {
    let copy = copy_of("04_rotation/source");
    fs::remove_file(copy.path().join("wal_00000003.log")).expect("a file");
    let folder = open(copy.path());
    let error = folder.from(at(1, 0)).expect_err("a gap");
    assert_eq!(text(&error), "missing: wal_00000003.log");
    assert!(folder.from(at(4, 0)).is_ok());
}

#[test]
fn files_that_the_engine_would_replay_too_are_refused() {
    for name in ["zzz.log", "wal_x.log", "wal_3.log", "wal_000000003.log"] {
        let copy = copy_of("04_rotation/source");
        fs::write(copy.path().join(name), b"").expect("a file");
        let error = LogFolder::open(copy.path(), Generation::One).expect_err(name);
        assert!(
            matches!(error, WalError::StrayFile { .. }),
            "{name}: {error}"
        );
    }
    let copy = copy_of("04_rotation/source");
    for name in [
        "backup_cursor.meta.tmp",
        "wal_00000003.log.bak",
        "notes.txt",
    ] {
        fs::write(copy.path().join(name), b"x").expect("a file");
    }
    assert_eq!(open(copy.path()).files().len(), 6);
}

#[test]
fn numbers_of_nine_digits_are_numbers() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for name in ["wal_100000000.log", "wal_99999999.log"] {
        fs::write(copy.path().join(name), b"").expect("a file");
    }
    let folder = open(copy.path());
    let found: Vec<_> = folder.files().iter().map(sequence).collect();
    assert_eq!(found, [99_999_999, 100_000_000]);
}

#[test]
fn a_damaged_checkpoint_record_is_an_error() {
    let copy = copy_of("04_rotation/source");
    for bytes in [&b""[..], b"\x01", b"\xff\xff\xff\xff", b"\x01\x01\xfd\x29"] {
        fs::write(copy.path().join("checkpoint.meta"), bytes).expect("a file");
        let error = LogFolder::open(copy.path(), Generation::One).expect_err("a damaged record");
        assert_eq!(error.code(), "corrupt-wal", "{bytes:02x?}");
    }
    fs::write(copy.path().join("checkpoint.meta"), [1; 65]).expect("a file");
    let error = LogFolder::open(copy.path(), Generation::One).expect_err("a large record");
    assert_eq!(error.code(), "io");
}

#[test]
fn links_are_not_followed() {
    let copy = copy_of("04_rotation/source");
    let log = copy.path().join("wal_00000003.log");
    fs::remove_file(&log).expect("a file");
    std::os::unix::fs::symlink("wal_00000002.log", &log).expect("a link");
    let error = LogFolder::open(copy.path(), Generation::One).expect_err("a link");
    assert!(matches!(error, WalError::Io(_)), "{error}");
}

fn text(error: &WalError) -> String {
    let name = |path: &Path| path.file_name().map(|it| it.to_string_lossy().into_owned());
    match error {
        WalError::MissingFile { path } => format!("missing: {}", name(path).unwrap_or_default()),
        WalError::PastEnd { path, offset, size } => {
            let name = name(path).unwrap_or_default();
            format!("{name} has {size} bytes, not {offset}")
        }
        other => other.to_string(),
    }
}

#[test]
fn a_folder_is_the_one_that_was_opened() {
    let copy = copy_of("04_rotation/source");
    let (place, away) = (copy.path().join("log"), copy.path().join("away"));
    let put = |text: &str| {
        fs::create_dir(&place).expect("a folder");
        fs::write(place.join("wal_00000001.log"), text).expect("a log file");
    };
    let found = || {
        let found = LogFolder::open(&place, Generation::One).expect("no error");
        found.expect("a folder")
    };
    put("first");
    let folder = found();
    fs::rename(&place, &away).expect("a rename");
    put("other");
    let again = LogFolder::of(folder.folder().clone(), Generation::One, None);
    let again = again.expect("no error").expect("a folder");
    assert_eq!(*again.files()[0].bytes().read().expect("bytes"), *b"first");
    assert!(folder.refreshed(None).expect("no error").is_none());

    fs::remove_dir_all(&place).expect("a removal");
    fs::rename(&away, &place).expect("a rename");
    let folder = again
        .refreshed(None)
        .expect("no error")
        .expect("the same one");
    fs::remove_dir_all(&place).expect("a removal");
    let handle = folder.folder().clone();
    assert!(folder.refreshed(None).expect("no error").is_none());
    let removed = LogFolder::of(handle, Generation::One, None);
    assert!(removed.expect("no error").is_none());
}

#[test]
fn a_file_that_a_checkpoint_removed_is_read_to_its_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |number: u8| folder.path().join(format!("wal_0000000{number}.log"));
    fs::write(file(1), "first").expect("a log file");
    fs::write(file(2), "second").expect("a log file");
    let found = open(folder.path());
    // A write in flight ends, and then the file goes.
    let mut first = fs::OpenOptions::new().append(true).open(file(1));
    let written = first.as_mut().expect("the file").write_all(b", and more");
    written.expect("a write");
    fs::remove_file(file(1)).expect("a removal");
    let refreshed = found
        .refreshed(None)
        .expect("no error")
        .expect("the same log");
    let bytes = refreshed.files().iter().map(|it| it.bytes().read());
    let bytes: Vec<_> = bytes.collect::<Result<_, _>>().expect("bytes");
    assert_eq!(bytes, [&b"first, and more"[..], b"second"]);
}

/// A folder with the one log file of generation 2.
fn copy_of_v2() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = "wal_00000000000000000000.log";
    let golden = V2.read(&format!("08_torn_tail/source/src.grafeo.wal/{name}"));
    fs::write(folder.path().join(name), &golden.bytes).expect("a copy");
    (folder, golden.bytes)
}

#[test]
fn what_stands_before_a_position_in_the_newest_file_need_not_be_read() {
    let (folder, whole) = copy_of_v2();
    let front = WAL_SEGMENT_HEADER_BYTES;
    let frames = whole.len() - front;
    for from in [0, 88, 90, frames, usize::MAX] {
        let handle = Folder::open(folder.path()).expect("a folder");
        let lsn = Lsn::new(from as u64);
        let log = LogFolder::of(handle, Generation::Two, Some(lsn));
        let log = log.expect("no error").expect("a folder");
        let mut expected = whole.clone();
        expected[front..front + from.min(frames)].fill(0);
        assert!(log.files()[0].header().is_some());
        assert_eq!(
            *log.files()[0].bytes().read().expect("bytes"),
            *expected,
            "{from}"
        );
        let again = log
            .refreshed(Some(lsn))
            .expect("no error")
            .expect("a folder");
        assert_eq!(
            *again.files()[0].bytes().read().expect("bytes"),
            *expected,
            "{from}"
        );
    }
}

#[test]
fn a_header_of_zeros_is_damaged_also_where_the_frames_after_it_are_not_read() {
    let (folder, mut bytes) = copy_of_v2();
    bytes[..WAL_SEGMENT_HEADER_BYTES].fill(0);
    let path = folder.path().join("wal_00000000000000000000.log");
    for (len, is_damaged) in [(bytes.len(), true), (WAL_SEGMENT_HEADER_BYTES, false)] {
        fs::write(&path, &bytes[..len]).expect("a log file");
        let handle = Folder::open(folder.path()).expect("a folder");
        let log = LogFolder::of(handle, Generation::Two, Some(Lsn::new(u64::MAX)));
        assert_eq!(matches!(log, Err(WalError::Header { .. })), is_damaged);
        assert_eq!(log.is_err(), is_damaged);
    }
}

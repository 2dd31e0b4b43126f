//! Log folders on disk.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_format::{DatabaseId, Generation, LogPosition, Lsn};
use apograph_testing::encoding::v2::seal_log_header;
use apograph_testing::fixtures::V2;
use apograph_wal::{LogFile, LogFolder, PartOf, WalError};

use crate::log;

const SOURCE: &str = "11_checkpoints_cursor/source_before_incr";
/// Where its files begin.
const FILES: [u64; 4] = [74, 148, 222, 296];

/// A copy of a golden log folder.
fn copy_of(source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for golden in V2.logs_of(source) {
        fs::write(folder.path().join(golden.file_name()), &golden.bytes).expect("a copy");
    }
    folder
}

fn file(folder: &tempfile::TempDir, lsn: u64) -> PathBuf {
    folder.path().join(format!("wal_{lsn:020}.log"))
}

fn open(folder: &Path) -> LogFolder {
    LogFolder::open(folder, Generation::Two)
        .expect("a sound folder")
        .expect("a folder")
}

fn refused(folder: &tempfile::TempDir) -> WalError {
    LogFolder::open(folder.path(), Generation::Two).expect_err("a folder that is not sound")
}

fn at(lsn: u64) -> LogPosition {
    LogPosition::Lsn(Lsn::new(lsn))
}

fn starts(folder: &LogFolder) -> Vec<LogPosition> {
    folder.files().iter().map(LogFile::start).collect()
}

/// Changes the header of a log file, and makes its checksum right.
fn with_header(path: &Path, offset: usize, field: &[u8]) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[offset..offset + field.len()].copy_from_slice(field);
    seal_log_header(&mut bytes);
    fs::write(path, bytes).expect("a file");
}

#[test]
fn a_golden_folder_is_its_files_in_order() {
    let rows: [(&str, &[u64]); 4] = [
        (SOURCE, &FILES),
        ("04_rotation/source", &[0, 74, 290, 614, 938, 1046]),
        ("08_torn_tail/source_garbage", &[0]),
        ("10_live/source", &[296]),
    ];
    for (source, files) in rows {
        let copy = copy_of(source);
        let folder = open(copy.path());
        assert_eq!(folder.generation(), Generation::Two);
        let expected: Vec<_> = files.iter().map(|&lsn| at(lsn)).collect();
        assert_eq!(starts(&folder), expected, "{source}");
        assert!(folder.checkpoint().is_none() && !folder.is_encrypted());
        let log_start = Lsn::new(250);
        assert_eq!(folder.recovery_start(Some(log_start)), at(250), "{source}");
        assert_eq!(folder.recovery_start(None), at(files[0]), "{source}");
    }
}

#[test]
fn a_log_is_read_from_any_position() {
    let copy = copy_of("04_rotation/source");
    let folder = open(copy.path());
    let rows = [
        (
            0,
            6,
            "2@1x1 3@2x1 4@3x1 5@4x1 6@5x1 7@6x1 8@7x1 9@8x1 10@9x1 11@10x1",
        ),
        (
            74,
            5,
            "3@2x1 4@3x1 5@4x1 6@5x1 7@6x1 8@7x1 9@8x1 10@9x1 11@10x1",
        ),
        (182, 5, "4@3x1 5@4x1 6@5x1 7@6x1 8@7x1 9@8x1 10@9x1 11@10x1"),
        (614, 3, "8@7x1 9@8x1 10@9x1 11@10x1"),
        (938, 2, "11@10x1"),
        (1046, 1, ""),
    ];
    for (lsn, files, groups) in rows {
        let tail = folder.from(at(lsn)).expect("a position");
        assert_eq!(
            (tail.files.len(), tail.parts.len()),
            (files, files),
            "{lsn}"
        );
        assert_eq!(tail.parts[0].start(), at(lsn));
        assert_eq!(log::text(&tail.parts).0, groups, "{lsn}");
    }
    // Group and file meet: the byte at LSN 182 is at offset 128 + 108 of its file.
    let tail = folder.from(at(182)).expect("a position");
    assert_eq!(tail.parts[0].file_offset, 128 + 108);
    assert_eq!(tail.files[0].start(), at(74));
}

#[test]
fn a_position_that_is_not_there_is_an_error() {
    let copy = copy_of(SOURCE);
    let folder = open(copy.path());
    let rows = [
        (0, "missing: wal_00000000000000000000.log"),
        (73, "missing: wal_00000000000000000073.log"),
        (297, "wal_00000000000000000296.log has 128 bytes, not 129"),
        (
            u64::MAX,
            "wal_00000000000000000296.log has 128 bytes, not 18446744073709551447",
        ),
    ];
    for (lsn, expected) in rows {
        let error = folder.from(at(lsn)).expect_err(expected);
        assert_eq!(text(&error), expected);
        assert_eq!(error.code(), "wal-damaged");
    }
}

#[test]
fn a_removed_file_is_missed() {
    let copy = copy_of(SOURCE);
    fs::remove_file(file(&copy, 148)).expect("a file");
    let folder = open(copy.path());
    let error = folder.from(at(74)).expect_err("a gap");
    assert_eq!(
        text(&error),
        "wal_00000000000000000074.log ends at lsn 148, the next begins at lsn 222"
    );
    assert_eq!(error.code(), "wal-damaged");
    assert!(folder.from(at(148)).is_err());
    assert!(folder.from(at(222)).is_ok());

    let copy = copy_of(SOURCE);
    fs::remove_file(file(&copy, 74)).expect("a file");
    let error = open(copy.path()).from(at(74)).expect_err("no first file");
    assert_eq!(text(&error), "missing: wal_00000000000000000074.log");
}

#[test]
fn a_file_that_is_shorter_or_longer_than_the_next_says_leaves_a_gap() {
    for length in [128, 201, 203] {
        let copy = copy_of(SOURCE);
        let mut bytes = fs::read(file(&copy, 148)).expect("a file");
        bytes.resize(length, 0);
        fs::write(file(&copy, 148), bytes).expect("a file");
        let error = open(copy.path()).from(at(74)).expect_err("a gap");
        assert!(matches!(error, WalError::Gap { .. }), "{length}: {error}");
    }
}

#[test]
fn a_log_without_files_is_missing_its_first() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let folder = open(copy.path());
    assert!(folder.files().is_empty());
    let tail = folder.from(at(74)).expect("the log ends where it begins");
    assert!(tail.parts.is_empty());
}

#[test]
fn a_file_under_another_name_is_refused() {
    let copy = copy_of(SOURCE);
    fs::rename(file(&copy, 148), file(&copy, 149)).expect("a file");
    let error = refused(&copy);
    assert_eq!(
        text(&error),
        "wal_00000000000000000149.log begins at lsn 148"
    );
    assert_eq!(error.code(), "wal-damaged");
}

#[test]
fn files_of_another_database_are_refused() {
    let copy = copy_of(SOURCE);
    let folder = open(copy.path());
    let header = folder.files()[0].header().expect("a header");
    assert!(folder.check_database(header.database).is_ok());
    let error = folder.check_database(DatabaseId::new(7)).expect_err("none");
    assert_eq!(text(&error), "foreign: wal_00000000000000000074.log");

    with_header(&file(&copy, 222), 16, &[9; 16]);
    let folder = open(copy.path());
    let error = folder.check_database(header.database).expect_err("one");
    assert_eq!(text(&error), "foreign: wal_00000000000000000222.log");
    assert_eq!(error.code(), "wal-damaged");
}

#[test]
fn an_unfinished_newest_file_is_no_file_yet() {
    for bytes in [
        &b""[..],
        b"GRAFWAL",
        &[0; 1],
        &[0; 127],
        &[0; 128],
        &[0; 4096],
    ] {
        let copy = copy_of(SOURCE);
        fs::write(file(&copy, 296), bytes).expect("a file");
        let folder = open(copy.path());
        assert_eq!(starts(&folder), [at(74), at(148), at(222)]);
        let tail = folder.from(at(74)).expect("a log");
        assert_eq!(log::text(&tail.parts).0, "3@2x1 4@3x1 5@4x1");
        assert!(
            folder.from(at(296)).expect("its end").parts[0]
                .bytes
                .is_empty()
        );
    }
    // Any other file that is unfinished is damaged.
    for (bytes, code) in [(&[0; 128][..], "wrong-magic"), (b"", "too-short")] {
        let copy = copy_of(SOURCE);
        fs::write(file(&copy, 222), bytes).expect("a file");
        let WalError::Header { source, .. } = refused(&copy) else {
            panic!("an unfinished file");
        };
        assert_eq!(source.code(), code);
    }
    // Zeros with anything after them are a damaged header.
    let copy = copy_of(SOURCE);
    let mut bytes = [0; 129];
    bytes[128] = 1;
    fs::write(file(&copy, 296), bytes).expect("a file");
    assert!(matches!(refused(&copy), WalError::Header { .. }));
}

#[test]
fn the_newest_file_stays_as_it_was_read() {
    let copy = copy_of("04_rotation/source");
    let golden = fs::read(file(&copy, 938)).expect("a file");
    fs::remove_file(file(&copy, 1046)).expect("the newest file, which is empty");
    let folder = open(copy.path());
    // The engine cuts off a group that it could not write, and writes another in its place.
    let newest = fs::OpenOptions::new().write(true).open(file(&copy, 938));
    let newest = newest.expect("the newest file");
    newest.set_len(128).expect("a cut");
    newest.set_len(golden.len() as u64).expect("other bytes");
    let held = folder.files().last().expect("the newest file");
    assert_eq!(*held.bytes().read().expect("bytes"), *golden);
}

#[test]
fn every_changed_byte_of_a_header_is_refused() {
    let copy = copy_of(SOURCE);
    let golden = fs::read(file(&copy, 148)).expect("a file");
    for offset in 0..128 {
        let mut bytes = golden.clone();
        bytes[offset] ^= 1 << (offset % 8);
        fs::write(file(&copy, 148), &bytes).expect("a file");
        let error = refused(&copy);
        let expected = match bytes[8] {
            // A greater version says so before its checksum is looked at.
            version if version > 2 || bytes[9] > 0 => "unsupported-version",
            _ => "wal-damaged",
        };
        assert_eq!(error.code(), expected, "byte {offset}: {error}");
    }
}

#[test]
fn an_encrypted_log_says_so_in_its_newest_header() {
    let copy = copy_of(SOURCE);
    with_header(&file(&copy, 296), 12, &[1]);
    let folder = open(copy.path());
    assert!(folder.is_encrypted());
    let tail = folder.from(at(222)).expect("a log");
    let sealed = tail.parts.iter().map(|part| match part.of {
        PartOf::Two { is_encrypted, .. } => is_encrypted,
        PartOf::One { .. } => panic!("a part of generation 1"),
    });
    assert_eq!(sealed.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn files_of_generation_1_are_refused_and_other_names_left_alone() {
    for name in [
        "wal_00000003.log",
        "wal_000000000000000000148.log",
        "wal_x.log",
    ] {
        let copy = copy_of(SOURCE);
        fs::write(copy.path().join(name), b"").expect("a file");
        let error = refused(&copy);
        assert!(
            matches!(error, WalError::StrayFile { .. }),
            "{name}: {error}"
        );
    }
    let copy = copy_of(SOURCE);
    for name in ["zzz.log", "checkpoint.meta", "LOCK", "notes.txt"] {
        fs::write(copy.path().join(name), b"x").expect("a file");
    }
    fs::create_dir(copy.path().join("damaged-00000000000000000148")).expect("a folder");
    assert_eq!(open(copy.path()).files().len(), 4);
}

#[test]
fn files_that_vanish_are_kept_and_others_of_the_same_name_are_another_log() {
    let copy = copy_of(SOURCE);
    let folder = open(copy.path());
    fs::remove_file(file(&copy, 74)).expect("a file");
    let folder = folder.refreshed(None).expect("no error").expect("the log");
    assert_eq!(starts(&folder), FILES.map(at));
    let tail = folder.from(at(74)).expect("a log");
    assert_eq!(log::text(&tail.parts).0, "3@2x1 4@3x1 5@4x1");

    let bytes = fs::read(file(&copy, 222)).expect("a file");
    let held = open(copy.path());
    fs::remove_file(file(&copy, 222)).expect("a file");
    fs::write(copy.path().join("kept"), b"").expect("a file in its place");
    fs::write(file(&copy, 222), bytes).expect("a file");
    assert!(held.refreshed(None).expect("no error").is_none());
}

#[test]
fn links_are_not_followed() {
    let copy = copy_of(SOURCE);
    let log = file(&copy, 148);
    fs::rename(&log, copy.path().join("elsewhere")).expect("a file");
    std::os::unix::fs::symlink("elsewhere", &log).expect("a link");
    assert!(matches!(refused(&copy), WalError::Io(_)));
}

fn text(error: &WalError) -> String {
    let name = |path: &Path| match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => String::new(),
    };
    match error {
        WalError::MissingFile { path } => format!("missing: {}", name(path)),
        WalError::ForeignFile { path } => format!("foreign: {}", name(path)),
        WalError::Renamed { path, first } => format!("{} begins at lsn {first}", name(path)),
        WalError::Gap { path, end, next } => {
            format!("{} ends at {end}, the next begins at {next}", name(path))
        }
        WalError::PastEnd { path, offset, size } => {
            format!("{} has {size} bytes, not {offset}", name(path))
        }
        other => other.to_string(),
    }
}

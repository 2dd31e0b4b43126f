//! File names.

use std::ffi::OsStr;
use std::path::Path;

use apograph_format::{
    Generation, LogFolderEntry, LogPosition, LogSequence, SegmentKind, SegmentName,
    checkpoint_image, log_file_name, log_folder,
};
use apograph_testing::fixtures::V1;

#[test]
fn golden_files_have_the_names_that_are_written() {
    for golden in V1.logs() {
        let name = golden.file_name();
        match LogFolderEntry::of(OsStr::new(name), Generation::One) {
            LogFolderEntry::Log(start) => assert_eq!(log_file_name(start), name),
            other => panic!("{}: {other:?}", golden.path),
        }
    }
    let fulls = V1.database_files().into_iter();
    let fulls = fulls.filter(|golden| golden.path.contains("/backup/"));
    let increments = V1.segments().into_iter();
    let both = fulls
        .map(|golden| (golden, SegmentKind::Full))
        .chain(increments.map(|golden| (golden, SegmentKind::Incremental)));
    for (golden, kind) in both {
        let name = SegmentName::parse(golden.file_name()).expect(&golden.path);
        assert_eq!(
            (name.kind, name.to_string()),
            (kind, golden.file_name().into())
        );
    }
}

#[test]
fn paths_are_appended_to() {
    let rows = [
        (
            "/d/db.grafeo",
            "/d/db.grafeo.wal",
            "/d/db.grafeo.checkpoint",
        ),
        ("db", "db.wal", "db.checkpoint"),
        ("a.b/c.d", "a.b/c.d.wal", "a.b/c.d.checkpoint"),
    ];
    for (database, log, image) in rows {
        assert_eq!(log_folder(Path::new(database)), Path::new(log));
        assert_eq!(checkpoint_image(Path::new(database)), Path::new(image));
    }
}

#[test]
fn log_numbers_have_at_least_8_digits() {
    let rows = [
        (0, "wal_00000000.log"),
        (99_999_999, "wal_99999999.log"),
        (100_000_000, "wal_100000000.log"),
        (u64::MAX, "wal_18446744073709551615.log"),
    ];
    for (number, name) in rows {
        let start = LogPosition::in_file(LogSequence::new(number), 0);
        assert_eq!(log_file_name(start), name);
        assert_eq!(
            LogFolderEntry::of(OsStr::new(name), Generation::One),
            LogFolderEntry::Log(start)
        );
    }
}

#[test]
fn hostile_log_names_are_no_log_files() {
    let rows = [
        ("", LogFolderEntry::Other),
        (".log", LogFolderEntry::Other),
        ("log", LogFolderEntry::Other),
        ("wal_1.LOG", LogFolderEntry::Other),
        ("wal_.log", LogFolderEntry::StrayLog),
        ("wal_-1.log", LogFolderEntry::StrayLog),
        ("wal_+1.log", LogFolderEntry::StrayLog),
        ("wal_ 1.log", LogFolderEntry::StrayLog),
        ("wal_0x1.log", LogFolderEntry::StrayLog),
        ("wal_1.log.log", LogFolderEntry::StrayLog),
        ("WAL_1.log", LogFolderEntry::StrayLog),
        ("wal_18446744073709551616.log", LogFolderEntry::StrayLog),
        ("wal_٧.log", LogFolderEntry::StrayLog),
        ("wal_1\0.log", LogFolderEntry::StrayLog),
    ];
    for (name, expected) in rows {
        assert_eq!(
            LogFolderEntry::of(OsStr::new(name), Generation::One),
            expected,
            "{name:?}"
        );
    }
}

#[test]
fn hostile_segment_names_are_no_segments() {
    for name in [
        "",
        ".",
        "..",
        "/backup_full_0000.grafeo",
        "../backup_full_0000.grafeo",
        "a/backup_full_0000.grafeo",
        "backup_full_0000.grafeo/",
        "backup_full_0000.grafeo\0",
        "backup_full_.grafeo",
        "backup_full_000.grafeo",
        "backup_full_01234.grafeo",
        "backup_full_+001.grafeo",
        "backup_full_-001.grafeo",
        "backup_full_ 001.grafeo",
        "backup_full_0000.wal",
        "backup_incr_0000.grafeo",
        "BACKUP_FULL_0000.GRAFEO",
        "backup_incr_18446744073709551616.wal",
        "backup_incr_٠٠٠١.wal",
        ".hidden",
    ] {
        assert_eq!(SegmentName::parse(name), None, "{name:?}");
    }
}

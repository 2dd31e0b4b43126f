//! File names.

use std::ffi::OsStr;
use std::path::Path;

use apograph_format::{
    Generation, LogFolderEntry, LogPosition, Lsn, SegmentKind, SegmentName, log_file_name,
    migrated_original,
};
use apograph_testing::fixtures::V2;

fn entry(name: &str) -> LogFolderEntry {
    LogFolderEntry::of(OsStr::new(name), Generation::Two)
}

#[test]
fn golden_files_have_the_names_that_are_written() {
    for golden in V2.logs() {
        match entry(golden.file_name()) {
            LogFolderEntry::Log(start) => assert_eq!(log_file_name(start), golden.file_name()),
            other => panic!("{}: {other:?}", golden.path),
        }
    }
    let backups = [
        (V2.segments(), SegmentKind::Incremental),
        (V2.database_files(), SegmentKind::Full),
    ];
    for (files, kind) in backups {
        for golden in files.iter().filter(|it| it.path.contains("/backup/")) {
            let name = SegmentName::parse(golden.file_name()).expect(&golden.path);
            let found = (name.kind, name.to_string());
            assert_eq!(found, (kind, golden.file_name().to_owned()));
        }
    }
}

#[test]
fn an_lsn_has_20_digits() {
    for (lsn, name) in [
        (0, "wal_00000000000000000000.log"),
        (148, "wal_00000000000000000148.log"),
        (u64::MAX, "wal_18446744073709551615.log"),
    ] {
        let start = LogPosition::Lsn(Lsn::new(lsn));
        assert_eq!(log_file_name(start), name);
        assert_eq!(entry(name), LogFolderEntry::Log(start));
    }
}

#[test]
fn other_names_are_no_log_files() {
    let rows = [
        // The engine takes what has the shape of a name for damage, and leaves the rest alone.
        ("wal_00000007.log", LogFolderEntry::StrayLog),
        ("wal_.log", LogFolderEntry::StrayLog),
        ("wal_0000000000000000148.log", LogFolderEntry::StrayLog),
        ("wal_000000000000000000148.log", LogFolderEntry::StrayLog),
        ("wal_18446744073709551616.log", LogFolderEntry::StrayLog),
        ("wal_+0000000000000000148.log", LogFolderEntry::StrayLog),
        ("wal_0x000000000000000148.log", LogFolderEntry::StrayLog),
        ("wal_٠٠٠٠٠٠٠٠٠٠.log", LogFolderEntry::StrayLog),
        ("zzz.log", LogFolderEntry::Other),
        (".log", LogFolderEntry::Other),
        ("WAL_00000000000000000148.log", LogFolderEntry::Other),
        ("wal_00000000000000000148.LOG", LogFolderEntry::Other),
        ("wal_00000000000000000148.log.tmp", LogFolderEntry::Other),
        ("damaged-00000000000000000148", LogFolderEntry::Other),
        ("backup_cursor.meta", LogFolderEntry::Other),
        ("LOCK", LogFolderEntry::Other),
    ];
    for (name, expected) in rows {
        assert_eq!(entry(name), expected, "{name:?}");
    }
}

#[test]
fn the_migrated_original_has_a_suffix() {
    let original = migrated_original(Path::new("/d/db.grafeo"));
    assert_eq!(original, Path::new("/d/db.grafeo.pre-0.6"));
}

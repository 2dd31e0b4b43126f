//! What the tests of Grafeo's own backup module ask, asked of ours under its names.

use std::fs;

use apograph::grafeo::{
    BACKUP_HEADER_SIZE, BACKUP_MAGIC, BACKUP_VERSION, BackupCursor, BackupKind, BackupManifest,
    BackupSegment, read_backup_cursor, read_backup_header, read_manifest, write_backup_cursor,
    write_backup_header, write_manifest,
};
use apograph::manifest::{FileName, Keep, Unknown};
use apograph::{Epoch, Repository, Target, UnixMillis};
use apograph_testing::fixtures::V1;
use apograph_testing::stage::Stage;

fn segment(kind: BackupKind, file: &str, epochs: (u64, u64)) -> BackupSegment {
    BackupSegment {
        kind,
        file: FileName::try_from(file.to_owned()).unwrap(),
        start_epoch: Epoch::new(epochs.0),
        end_epoch: Epoch::new(epochs.1),
        checksum: "00003039".parse().unwrap(),
        size_bytes: 1024,
        created_at: UnixMillis::new(1000),
        end_lsn: None,
        unknown: Unknown::new(),
    }
}

fn full_and_increment() -> BackupManifest {
    BackupManifest {
        segments: vec![
            segment(BackupKind::Full, "backup_full_0000.grafeo", (0, 100)),
            segment(BackupKind::Incremental, "backup_incr_0001.wal", (101, 200)),
        ],
        ..BackupManifest::default()
    }
}

#[test]
fn a_new_manifest_has_no_segments() {
    let manifest = BackupManifest::default();
    assert!(manifest.segments.is_empty());
    assert!(manifest.latest_full().is_none());
    assert!(manifest.epoch_range().is_none());
}

#[test]
fn a_manifest_knows_its_full_backup_and_what_follows() {
    let manifest = full_and_increment();
    let full = manifest.latest_full().unwrap();
    assert_eq!(full.end_epoch, Epoch::new(100));
    let increments: Vec<_> = manifest.incrementals_after(Epoch::new(100)).collect();
    assert_eq!(increments.len(), 1);
    assert_eq!(increments[0].start_epoch, Epoch::new(101));
    let range = manifest.epoch_range().unwrap();
    assert_eq!(range, (Epoch::new(0), Epoch::new(200)));
}

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let created = folder.path().join("not/there/yet");
    let manifest = full_and_increment();
    write_manifest(&created, &manifest).unwrap();
    assert_eq!(read_manifest(&created).unwrap(), Some(manifest));
}

#[test]
fn a_folder_without_a_manifest_has_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read_manifest(folder.path()).unwrap().is_none());
}

#[test]
fn a_cursor_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep::FilesAfter(apograph::format::LogSequence::new(7));
    let cursor = BackupCursor::note(Epoch::new(42), keep, UnixMillis::new(12345));
    write_backup_cursor(folder.path(), &cursor).unwrap();
    assert_eq!(read_backup_cursor(folder.path()).unwrap(), Some(cursor));
}

#[test]
fn a_folder_without_a_cursor_has_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read_backup_cursor(folder.path()).unwrap().is_none());
}

#[test]
fn a_header_is_read_as_it_was_written() {
    let mut buffer = Vec::new();
    write_backup_header(&mut buffer, Epoch::new(101), Epoch::new(200), 500);
    assert_eq!(buffer.len(), BACKUP_HEADER_SIZE);
    assert_eq!(buffer[..4], BACKUP_MAGIC);
    assert_eq!(buffer[4..8], BACKUP_VERSION.to_le_bytes());
    let found = read_backup_header(&buffer).unwrap();
    assert_eq!(found, (Epoch::new(101), Epoch::new(200), 500));
}

#[test]
fn a_header_of_another_magic_is_refused() {
    let mut bytes = vec![0; BACKUP_HEADER_SIZE];
    bytes[..4].fill(0xff);
    assert!(read_backup_header(&bytes).is_err());
}

#[test]
fn a_header_that_is_too_short_is_refused() {
    assert!(read_backup_header(&[0; 4]).is_err());
}

#[test]
fn both_kinds_are_written_as_the_engine_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    write_manifest(folder.path(), &full_and_increment()).unwrap();
    let kinds = read_manifest(folder.path()).unwrap().unwrap().segments;
    let kinds: Vec<_> = kinds.into_iter().map(|segment| segment.kind).collect();
    assert_eq!(kinds, [BackupKind::Full, BackupKind::Incremental]);
}

#[test]
fn a_database_that_is_there_is_not_overwritten() {
    let stage = Stage::new(V1);
    let output = stage.path("live.grafeo");
    fs::write(&output, b"another database").unwrap();
    let repository = Repository::open(stage.repository()).unwrap();
    let error = repository.restore(Target::Latest).to(&output).unwrap_err();
    assert_eq!(error.code(), "output-exists");
    assert_eq!(fs::read(&output).unwrap(), b"another database");
}

#[test]
fn a_log_folder_that_is_there_is_not_overwritten() {
    let stage = Stage::new(V1);
    let log = stage.path("live.grafeo.wal");
    fs::create_dir(&log).unwrap();
    let repository = Repository::open(stage.repository()).unwrap();
    let restore = repository.restore(Target::Latest);
    let error = restore.to(stage.path("live.grafeo")).unwrap_err();
    assert_eq!(error.code(), "output-exists");
    assert!(log.is_dir());
}

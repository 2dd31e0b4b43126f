//! The same files on disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use apograph_format::{Epoch, UnixMillis};
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, HISTORY_FILE_NAME, History, Keep, MANIFEST_FILE_NAME, Manifest,
    read_cursor, read_history, read_manifest, write_cursor, write_history, write_manifest,
};
use apograph_testing::fixtures::V1;
use tempfile::TempDir;

use crate::marker::evidence;

fn opened(folder: &TempDir) -> Folder {
    Folder::open(folder.path()).expect("a folder")
}

#[test]
fn golden_repositories_are_read() {
    for golden in V1.manifests() {
        let repository = V1.root().join(golden.fixture()).join("backup");
        let repository = Folder::open(&repository).expect("a repository");
        let manifest = read_manifest(&repository)
            .expect("no error")
            .expect("a manifest");
        assert_eq!(manifest.encode(), golden.bytes);
        assert_eq!(
            read_history(&repository).expect("no error"),
            History::default()
        );
        assert_eq!(read_cursor(&repository).expect("no error"), None);
    }
}

#[test]
fn files_are_replaced_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, folder) = (folder.path(), opened(&folder));
    let golden = V1.read("02_chain40/backup/backup_manifest.json");
    let manifest = Manifest::decode(&golden.bytes, path).expect("a golden manifest");
    let cursor = Cursor::note(Epoch::new(4), Keep::AllFiles, UnixMillis::new(7));
    let increment = manifest.segments[1].file.clone();
    let history = History {
        records: Vec::new(),
        evidence: Some(evidence(increment)),
    };
    for _ in 0..2 {
        write_manifest(&RealDisk, &folder, Mode::PRIVATE, &manifest).expect("a manifest");
        write_cursor(&RealDisk, &folder, Mode::PRIVATE, &cursor).expect("a cursor");
        write_history(&RealDisk, &folder, Mode::PRIVATE, &history).expect("a history");
    }
    assert_eq!(read_manifest(&folder).expect("no error"), Some(manifest));
    assert_eq!(read_cursor(&folder).expect("no error"), Some(cursor));
    assert_eq!(read_history(&folder).expect("no error"), history);

    let mut names: Vec<_> = fs::read_dir(path)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    let mut expected = [MANIFEST_FILE_NAME, CURSOR_FILE_NAME, HISTORY_FILE_NAME];
    expected.sort_unstable();
    assert_eq!(names, expected);
    let mode = fs::metadata(path.join(MANIFEST_FILE_NAME)).expect("a manifest");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_damaged_history_is_an_empty_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(HISTORY_FILE_NAME), b"{\"crc32\":").expect("a file");
    assert_eq!(
        read_history(&opened(&folder)).expect("no error"),
        History::default()
    );
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, folder) = (folder.path(), opened(&folder));
    symlink("elsewhere", path.join(MANIFEST_FILE_NAME)).expect("a link");
    fs::create_dir(path.join(HISTORY_FILE_NAME)).expect("a folder");
    fs::write(path.join(CURSOR_FILE_NAME), vec![0; 64 * 1024 + 1]).expect("a file");
    assert_eq!(read_manifest(&folder).expect_err("a link").code(), "io");
    assert_eq!(read_history(&folder).expect_err("a folder").code(), "io");
    assert_eq!(read_cursor(&folder).expect_err("a large file").code(), "io");
}

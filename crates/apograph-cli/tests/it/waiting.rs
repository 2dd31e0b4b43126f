//! A busy repository is waited for, where that was asked.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use apograph_io::{FileLock, Folder};
use tempfile::TempDir;

/// A database, and a repository of it.
fn place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/v1/02_chain40/backup/backup_full_0000.grafeo");
    fs::copy(source, folder.path().join("people.grafeo")).unwrap();
    let made = start(&folder, "backup people.grafeo -r r").wait().unwrap();
    assert!(made.success());
    folder
}

fn start(folder: &TempDir, words: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
    command.current_dir(folder.path()).args(words.split(' '));
    command.spawn().unwrap()
}

#[test]
fn a_busy_repository_is_waited_for_as_long_as_was_asked() {
    let folder = place();
    let repository = Folder::open(&folder.path().join("r")).unwrap();
    let lock = FileLock::acquire_folder(&repository).unwrap();
    let full = "backup people.grafeo -r r --full";
    assert_eq!(start(&folder, full).wait().unwrap().code(), Some(7));
    let begun = Instant::now();
    let mut given_up = start(&folder, &format!("{full} --wait 1s"));
    assert_eq!(given_up.wait().unwrap().code(), Some(7));
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let mut waiting = start(&folder, &format!("--wait 10m {full}"));
    sleep(Duration::from_millis(500));
    assert_eq!(waiting.try_wait().unwrap(), None, "it waits");
    drop(lock);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    // What is wrong for another reason is told at once.
    let wrong = "backup nowhere.grafeo -r r --wait 10m";
    assert_eq!(start(&folder, wrong).wait().unwrap().code(), Some(1));
}

//! The log of a first backup, which is kept from before it is read.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};

use apograph::capture::{Captured, Options, capture};
use apograph::format::Lsn;
use apograph::io::{Folder, Silent};
use apograph::manifest::{CURSOR_FILE_NAME, Keep, read_cursor};
use apograph_faults::stage::{Stage, contents};
use apograph_testing::disk::{Fault, SimDisk};

const DATABASE: &str = "live/src.grafeo";
const LOG: &str = "live/src.grafeo.wal";

/// The stage, with a database that was never backed up.
fn unknown(generation: u8) -> Stage {
    let stage = Stage::new(generation).expect("a stage");
    let cursor = stage.path(LOG).join(CURSOR_FILE_NAME);
    if cursor.exists() {
        std::fs::remove_file(cursor).expect("a file");
    }
    stage
}

fn first_backup(stage: &Stage, disk: &SimDisk) -> apograph::capture::Result<Captured> {
    let (database, repository) = (stage.path(DATABASE), stage.path("first"));
    capture(disk, &database, &repository, &Options::default(), &Silent)
}

fn kept(log: &Path) -> Option<Keep> {
    let log = Folder::open(log).expect("a log folder");
    read_cursor(&log).expect("a cursor").map(|it| it.keep)
}

#[test]
fn nothing_is_read_for_a_first_backup_before_its_log_is_kept() {
    for generation in [1, 2] {
        let stage = unknown(generation);
        let log = stage.path(LOG);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&seen);
        let disk = SimDisk::new(&stage.path(""));
        let disk = disk.meanwhile(move |_| heard.lock().expect("a lock").push(kept(&log)));
        first_backup(&stage, &disk).expect("a backup");
        let seen = seen.lock().expect("a lock");
        let operations = disk.operations();
        let is_segment = |path: &Path| path.display().to_string().contains("backup_");
        let first = operations
            .iter()
            .position(|it| is_segment(&it.path) && !it.path.starts_with("live"));
        let first = first.expect("a segment");
        assert!(seen[first..].iter().all(Option::is_some), "{operations:?}");
        let all = match generation {
            1 => Keep::AllFiles,
            _ => Keep::FromLsn(Some(Lsn::default())),
        };
        assert_eq!(seen[first], Some(all));
    }
}

#[test]
fn a_first_backup_that_fails_keeps_nothing() {
    for generation in [1, 2] {
        let stage = unknown(generation);
        let before = contents(&stage.path("live")).expect("files");
        for index in 0.. {
            let root = stage.path("");
            let disk = SimDisk::new(&root).with_fault(index, Fault::Fails(ErrorKind::Other));
            let done = first_backup(&stage, &disk);
            if !disk.is_struck() {
                break;
            }
            if done.is_err() {
                let after = contents(&stage.path("live")).expect("files");
                assert_eq!(after, before, "{:?}", disk.operations().last());
            }
            let repository = stage.path("first");
            if repository.exists() {
                std::fs::remove_dir_all(repository).expect("a folder");
            }
            let cursor = stage.path(LOG).join(CURSOR_FILE_NAME);
            if cursor.exists() {
                std::fs::remove_file(cursor).expect("a file");
            }
        }
    }
}

#[test]
fn a_log_that_is_kept_already_is_not_kept_anew() {
    for generation in [1, 2] {
        let stage = unknown(generation);
        let cursors = || {
            let disk = SimDisk::new(&stage.path(""));
            first_backup(&stage, &disk).expect("a backup");
            std::fs::remove_dir_all(stage.path("first")).expect("a folder");
            let operations = disk.operations().into_iter();
            let written = operations.filter(|it| it.path.ends_with(CURSOR_FILE_NAME));
            written.count()
        };
        assert_eq!((cursors(), cursors()), (2, 1));
    }
}

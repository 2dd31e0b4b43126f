//! A folder that is moved while a command works in it, and another that is put in its place.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use apograph::capture::CaptureError;
use apograph::io::{Context, FileLock, Folder, Mode, RealDisk};
use apograph::repository::init;
use apograph_faults::act::{Act, ActFolder, code_of};
use apograph_faults::check::{Ended, check};
use apograph_faults::scratch::scratch;
use apograph_faults::stage::{FaultStage, contents};

use crate::watched::WatchedDisk;

/// What is moved: the folder of everything, or one in it.
const MOVED: [&str; 3] = ["", "live", "repository"];

/// Does an act, and moves a folder before one of its operations; `None` where the act has fewer.
fn moved(
    stage: &FaultStage,
    act: Act,
    name: &str,
    index: usize,
    goes_by_path: bool,
) -> Result<Option<()>> {
    let scratch = scratch()?;
    let root = scratch.path().join("root");
    fs::create_dir(&root)?;
    let place = ActFolder::prepared(&root, stage, act)?;
    let (path, away) = (root.join(name), scratch.path().join("away"));
    let swap = |operation| {
        if operation == index && path.exists() {
            fs::rename(&path, &away).expect("a rename");
            fs::create_dir(&path).expect("a folder");
        }
    };
    let disk = if goes_by_path {
        WatchedDisk::by_path(&swap)
    } else {
        WatchedDisk::new(&swap)
    };
    let performed = act.perform(&disk, &place);
    if disk.count() <= index {
        performed?;
        return Ok(None);
    }
    if away.exists() {
        let touched = contents(&path)?;
        ensure!(touched.is_empty(), "touched {:?}", touched.keys());
        fs::remove_dir_all(&path)?;
        // What was moved away is not followed.
        let is_empty = contents(&away)?
            .keys()
            .eq([Path::new("apograph-notes.json")]);
        if act == Act::First && is_empty {
            fs::remove_dir_all(&away)?;
        } else {
            fs::rename(&away, &path)?;
        }
    }
    let ended = match performed {
        Ok(()) => Ended::Acknowledged,
        Err(_) => Ended::Failed,
    };
    check(stage, act, &place, ended).map(Some)
}

/// What did not hold, of every act and operation; of a command that goes by paths, in each
/// generation what did not hold first.
fn violations(goes_by_path: bool) -> Vec<String> {
    let mut violations = Vec::new();
    for generation in [1, 2] {
        let stage = FaultStage::new(generation).expect("a stage");
        let before = violations.len();
        for (act, name) in Act::ALL
            .into_iter()
            .flat_map(|act| MOVED.map(|it| (act, it)))
        {
            if goes_by_path && violations.len() > before {
                break;
            }
            for index in 0.. {
                match moved(&stage, act, name, index, goes_by_path) {
                    Ok(Some(())) => {}
                    Ok(None) => break,
                    Err(error) => violations.push(format!(
                        "generation {generation}, {act:?}, {name:?} moved before {index}: {error:#}"
                    )),
                }
            }
        }
    }
    violations
}

#[test]
fn a_command_stays_in_the_folders_that_it_opened() {
    assert_eq!(violations(false), Vec::<String>::new());
}

#[test]
fn a_command_that_goes_by_paths_does_not() {
    assert!(!violations(true).is_empty());
}

fn is_locked(repository: &Path, with_engine: bool) -> bool {
    let folder = Folder::open(repository).expect("a repository");
    let is_busy = |lock: apograph::io::Result<Option<FileLock>>| {
        lock.is_err_and(|error| error.code() == "busy")
    };
    let engine = || FileLock::acquire(folder.at("backup.lock"), Mode::PRIVATE);
    is_busy(FileLock::acquire_folder(&folder)) && (!with_engine || is_busy(engine()))
}

#[test]
fn the_lock_is_held_from_the_first_operation_to_the_last() {
    for generation in [1, 2] {
        let stage = FaultStage::new(generation).expect("a stage");
        for act in [Act::First, Act::Incremental, Act::Full, Act::Adopting] {
            let scratch = scratch().expect("a folder");
            let place = ActFolder::prepared(scratch.path(), &stage, act).expect("a place");
            let repository = place.repository();
            let aside = scratch.path().join(".repository.apograph-tmp");
            let watch = |operation| {
                let what = format!("generation {generation}, {act:?}, {operation}");
                let with_engine = repository.join("backup.lock").exists();
                if repository.exists() {
                    assert!(is_locked(&repository, with_engine), "{what}");
                } else if operation > 0 {
                    // The first operation of a first backup makes the folder that is then locked.
                    assert!(is_locked(&aside, false), "{what}");
                }
            };
            let disk = WatchedDisk::new(&watch);
            act.perform(&disk, &place).expect("a backup");
            assert!(disk.count() > 3);
            assert!(!is_locked(&repository, false));
        }
    }
}

/// Two first backups: the other one creates the folder, or locks the one that this one created.
#[test]
fn of_two_first_backups_one_is_told_that_the_other_is_busy() {
    for generation in [1, 2] {
        let stage = FaultStage::new(generation).expect("a stage");
        for is_created_by_other in [true, false] {
            let scratch = scratch().expect("a folder");
            let place = ActFolder::prepared(scratch.path(), &stage, Act::First).expect("a place");
            let repository = place.repository();
            let other = Mutex::new(None);
            let lock = |folder: &Folder| {
                let lock = FileLock::acquire_folder(folder).expect("the other's lock");
                *other.lock().expect("no panic") = Some(lock);
            };
            let nothing = |_| {};
            let create = |operation| {
                if operation == 0 {
                    init(&repository, Context::default()).expect("a repository");
                    lock(&Folder::open(&repository).expect("a folder"));
                }
            };
            let disk = if is_created_by_other {
                WatchedDisk::new(&create)
            } else {
                WatchedDisk::new(&nothing).telling(&lock)
            };
            let error = Act::First.perform(&disk, &place).expect_err("the other");
            let error = error.downcast::<CaptureError>().expect("of the capture");
            assert_eq!(error.code(), "repository-busy");
            let others = if is_created_by_other {
                repository
            } else {
                scratch.path().join(".repository.apograph-tmp")
            };
            assert!(others.is_dir(), "the other one works in it");
            drop(other);
            if is_created_by_other {
                fs::remove_dir_all(others).expect("no other any more");
            }
            check(&stage, Act::First, &place, Ended::Failed).expect("the next command");
        }
    }
}

/// An engine may have opened the lock file in the meantime: it has to stay where its name can be
/// locked again, and goes only with the folder, or from one that is no repository.
#[test]
fn a_failed_backup_leaves_the_lock_file_where_an_engine_may_have_it() {
    let lock = Path::new("backup.lock");
    for generation in [1, 2] {
        let stage = FaultStage::new(generation).expect("a stage");
        let scratch = scratch().expect("a folder");
        let place = ActFolder::prepared(scratch.path(), &stage, Act::First).expect("a place");
        let repository = place.repository();
        let fail = |code: &str| {
            let error = Act::Incremental.perform(&RealDisk, &place);
            let error = error.expect_err("there is no full backup");
            assert_eq!(code_of(&error), Some(code));
        };
        fail("no-full-backup");
        assert!(!repository.exists(), "it was not there before");

        fs::create_dir(&repository).expect("a folder");
        fs::write(repository.join("letter"), "").expect("a file");
        fail("not-a-repository");
        assert!(!repository.join(lock).exists());

        fs::remove_file(repository.join("letter")).expect("a file");
        fail("not-a-repository");
        init(&repository, Context::default()).expect("a repository");
        let folder = Folder::open(&repository).expect("a folder");
        let engine = || FileLock::acquire(folder.at(lock), Mode::PRIVATE);
        fail("no-full-backup");
        assert_eq!(repository.join(lock).exists(), generation == 2);
        if generation == 2 {
            let held = engine().expect("the engine's lock");
            fail("repository-busy");
            assert!(engine().is_err(), "the file is the one that is locked");
            drop(held);
        }
        Act::First.perform(&RealDisk, &place).expect("a backup");
    }
}

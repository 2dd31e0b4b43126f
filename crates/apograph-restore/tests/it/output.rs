//! What is in the way of a restored database, and what a restore leaves that did not come to its
//! end.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use apograph_format::{checkpoint_image, log_folder};
use apograph_io::{Disk, FileLock, Folder, RealDisk, temporary_name};
use apograph_manifest::Target;
use apograph_restore::{Options, RestoreError, Restored, Result, restore};
use apograph_testing::context::{every_core, every_core_on};
use apograph_testing::disk::{ContendedDisk, Fault, Operation, SimDisk};
use apograph_testing::errors::told;
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::stage::Stage;

use crate::forge::log_files;

const OUTPUT: &str = "output.grafeo";

fn restore_to(disk: &dyn Disk, stage: &Stage, output: &Path) -> Result<Restored> {
    let options = Options::to(Target::Latest);
    restore(stage.repository(), output, &options, every_core_on(disk))
}

fn restore_by(disk: &dyn Disk, stage: &Stage) -> Result<Restored> {
    restore_to(disk, stage, &stage.path(OUTPUT))
}

fn plan_to(stage: &Stage, output: &Path) -> Result<Restored> {
    let options = Options {
        dry_run: true,
        ..Options::to(Target::Latest)
    };
    restore(stage.repository(), output, &options, every_core())
}

fn sim(stage: &Stage) -> SimDisk {
    SimDisk::new(&stage.path(""))
}

/// What lies beside the repository: bytes of files, nothing for folders.
fn found(stage: &Stage) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![stage.path("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path == stage.repository() {
                continue;
            }
            let bytes = if path.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else {
                fs::read(&path).expect("a file")
            };
            found.insert(path, bytes);
        }
    }
    found
}

/// What lies there after a restore: the database and its log, and nothing else. Log files of
/// generation 2 say when they were created, and are left out.
fn check_restored(stage: &Stage) {
    let output = stage.path(OUTPUT);
    let names: Vec<PathBuf> = found(stage).into_keys().collect();
    let log = log_folder(&output);
    assert!(
        names.iter().all(|it| *it == output || it.starts_with(&log)),
        "{names:?}"
    );
    assert_eq!(names.len(), 2 + log_files(&output).len());
    let (again, before) = (stage.path("again"), log_files(&output));
    restore_to(&RealDisk, stage, &again).expect("a database");
    let bytes = |path: &Path| fs::read(path).expect("a file");
    assert!(bytes(&output) == bytes(&again));
    let lengths = |files: &[Vec<u8>]| files.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&before), lengths(&log_files(&again)));
}

#[test]
fn nothing_is_overwritten() {
    type Occupy = fn(&Path) -> PathBuf;
    let occupants: [Occupy; 4] = [
        |output| {
            fs::write(output, "somebody else's").expect("a file");
            output.to_owned()
        },
        |output| {
            fs::create_dir(output).expect("a folder");
            output.to_owned()
        },
        |output| {
            fs::create_dir(log_folder(output)).expect("a folder");
            log_folder(output)
        },
        // The engine installs it over the database.
        |output| {
            fs::write(checkpoint_image(output), "an image").expect("a file");
            checkpoint_image(output)
        },
    ];
    for fixtures in [V1, V2] {
        for occupy in occupants {
            let stage = Stage::new(fixtures);
            let output = stage.path(OUTPUT);
            let occupied = occupy(&output);
            let before = found(&stage);
            let disk = sim(&stage);
            for outcome in [restore_by(&disk, &stage), plan_to(&stage, &output)] {
                let error = outcome.expect_err("something is in the way");
                assert_eq!(error.code(), "output-exists");
                let expected = format!("{} exists already", occupied.display());
                assert_eq!(told(&error), expected);
            }
            assert_eq!(found(&stage), before);
            assert_eq!(disk.operations(), []);
        }
    }
}

#[test]
fn a_folder_is_not_taken_for_a_name_in_it() {
    let stage = Stage::new(V1);
    fs::create_dir(stage.path("folder")).expect("a folder");
    for outcome in [
        restore_to(&RealDisk, &stage, &stage.path("folder/..")),
        plan_to(&stage, &stage.path("folder/..")),
    ] {
        assert_eq!(outcome.expect_err("a folder").code(), "output-exists");
    }
    let outcome = restore_to(&RealDisk, &stage, &stage.path("nowhere/.."));
    assert_eq!(outcome.expect_err("no folder").code(), "io");
}

#[test]
fn a_restore_and_its_plan_need_the_folder_and_room_in_it() {
    let stage = Stage::new(V1);
    let output = stage.path("nowhere").join(OUTPUT);
    for outcome in [
        plan_to(&stage, &output),
        restore_to(&RealDisk, &stage, &output),
    ] {
        let error = outcome.expect_err("no folder");
        assert_eq!(error.code(), "io");
        let expected = format!("cannot restore into {}: ", stage.path("nowhere").display());
        assert!(told(&error).starts_with(&expected), "{error}");
    }
    assert_eq!(found(&stage), BTreeMap::new());
    let planned = plan_to(&stage, &stage.path(OUTPUT)).expect("a plan");
    assert!(planned.bytes_free > Some(planned.bytes_written));

    fs::write(stage.path("nowhere"), "a file").expect("a file");
    for outcome in [
        plan_to(&stage, &output),
        restore_to(&RealDisk, &stage, &output),
    ] {
        assert_eq!(outcome.expect_err("a file").code(), "io");
    }
}

#[test]
fn a_restore_that_failed_leaves_nothing() {
    for fixtures in [V1, V2] {
        for index in 0.. {
            let stage = Stage::new(fixtures);
            let disk = sim(&stage).with_fault(index, Fault::Fails(ErrorKind::StorageFull));
            let outcome = restore_by(&disk, &stage);
            if !disk.is_struck() {
                assert!(index > 10, "it took {index} operations");
                check_restored(&stage);
                break;
            }
            match outcome {
                Err(error) => {
                    assert_eq!(error.code(), "io", "operation {index}");
                    assert_eq!(found(&stage), BTreeMap::new(), "operation {index}");
                }
                // What is left of the making of a whole database is in nobody's way.
                Ok(restored) => assert!(restored.output.exists(), "operation {index}"),
            }
        }
    }
}

#[test]
fn what_a_killed_restore_left_is_cleared() {
    for fixtures in [V1, V2] {
        for index in 0.. {
            let stage = Stage::new(fixtures);
            let disk = sim(&stage).with_fault(index, Fault::PowerCut);
            let _ = restore_by(&disk, &stage);
            if !disk.is_struck() {
                break;
            }
            if stage.path(OUTPUT).exists() {
                let outcome = restore_by(&RealDisk, &stage);
                assert_eq!(outcome.expect_err("a database").code(), "output-exists");
            } else {
                plan_to(&stage, &stage.path(OUTPUT)).expect("a plan");
                restore_by(&RealDisk, &stage).expect("a database");
            }
            check_restored(&stage);
        }
    }
}

/// How many operations a restore takes to the one that gives the database its name.
fn operations_before_the_name(fixtures: Fixtures) -> usize {
    let stage = Stage::new(fixtures);
    let disk = sim(&stage);
    restore_by(&disk, &stage).expect("a database");
    let operations = disk.operations();
    let name = |it: &Operation| it.name == "publish" && it.path == Path::new(OUTPUT);
    operations.iter().position(name).expect("a name")
}

#[test]
fn a_log_that_was_left_and_written_to_is_somebody_elses() {
    let changes: [fn(&Path); 3] = [
        |log| fs::write(log.join("wal_99999999.log"), "").expect("a file"),
        |log| {
            let file = fs::read_dir(log)
                .expect("a folder")
                .map(|it| it.expect("an entry"));
            let file = file
                .map(|it| it.path())
                .find(|it| it.extension() == Some(OsStr::new("log")));
            let file = OpenOptions::new()
                .append(true)
                .open(file.expect("a log file"));
            file.and_then(|mut file| file.write_all(b"more"))
                .expect("a file");
        },
        |log| fs::write(log.join("notes"), "mine").expect("a file"),
    ];
    for fixtures in [V1, V2] {
        let index = operations_before_the_name(fixtures);
        for change in changes {
            let stage = Stage::new(fixtures);
            let disk = sim(&stage).with_fault(index, Fault::PowerCut);
            restore_by(&disk, &stage).expect_err("no power");
            let log = log_folder(&stage.path(OUTPUT));
            change(&log);
            let of_log = |stage: &Stage| {
                let mut found = found(stage);
                found.retain(|path, _| path.starts_with(&log));
                found
            };
            let theirs = of_log(&stage);
            let error = restore_by(&RealDisk, &stage).expect_err("somebody else's log");
            assert!(matches!(error, RestoreError::OutputExists { path } if path == log));
            assert_eq!(of_log(&stage), theirs);
            // What was its own is gone.
            assert_eq!(found(&stage), theirs);
        }
    }
}

/// The name comes to be taken, and then the folder cannot be synced: whether the log is back where
/// it was made is not known.
#[test]
fn what_was_moved_back_stays_until_that_is_durable() {
    for fixtures in [V1, V2] {
        let index = operations_before_the_name(fixtures);
        let stage = Stage::new(fixtures);
        let fails = Fault::Fails(ErrorKind::StorageFull);
        let disk = sim(&stage)
            .with_fault(index, fails)
            .with_fault(index + 2, fails);
        restore_by(&disk, &stage).expect_err("no name");
        let operations = disk.operations();
        assert_eq!(operations[index + 2].name, "sync folder");
        assert_eq!(operations.len(), index + 3);
        assert!(!log_folder(&stage.path(OUTPUT)).exists());
        assert_ne!(found(&stage), BTreeMap::new());
        restore_by(&RealDisk, &stage).expect("a database");
        check_restored(&stage);
    }
}

fn staging(stage: &Stage) -> PathBuf {
    stage.path("").join(temporary_name(OsStr::new(OUTPUT)))
}

fn check_busy(outcome: Result<Restored>, stage: &Stage) {
    let error = outcome.expect_err("a lock");
    assert_eq!(error.code(), "repository-busy");
    let output = stage.path(OUTPUT);
    let expected = format!("another command is restoring to {}", output.display());
    assert_eq!(told(&error), expected);
    assert!(staging(stage).exists() && !output.exists());
}

#[test]
fn a_restore_that_runs_is_not_cleared_away() {
    let stage = Stage::new(V1);
    fs::create_dir(staging(&stage)).expect("a folder");
    let folder = Folder::open(&staging(&stage)).expect("a folder");
    let lock = FileLock::acquire_folder(&folder).expect("a lock");
    check_busy(restore_by(&RealDisk, &stage), &stage);
    drop(lock);
    restore_by(&RealDisk, &stage).expect("a database");
    check_restored(&stage);
}

#[test]
fn a_folder_that_another_restore_takes_for_a_left_over_is_left_to_it() {
    let stage = Stage::new(V1);
    check_busy(restore_by(&ContendedDisk::default(), &stage), &stage);
}

/// In a repository it would be adopted as a backup, and in a log folder the engine would remove it.
#[test]
fn where_it_would_not_last_or_be_taken_for_a_backup_nothing_is_restored() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let repository = stage.repository();
        let database = stage.path("database");
        restore(
            &repository,
            &database,
            &Options::to(Target::Latest),
            every_core(),
        )
        .expect("a database");
        let log = log_folder(&database);
        fs::create_dir(log.join("deep")).expect("a folder");
        symlink(&repository, stage.path("link")).expect("a link");
        let places = [
            repository.join("copy.grafeo"),
            repository.join("backup_full_0007.grafeo"),
            stage.path("link/copy.grafeo"),
            log.join("copy.grafeo"),
            log.join("deep/copy.grafeo"),
            log.join("deep/../copy.grafeo"),
        ];
        let count = |folder: &Path| fs::read_dir(folder).expect("a folder").count();
        let before = [count(&repository), count(&log)];
        for output in places {
            for dry_run in [true, false] {
                let options = Options {
                    dry_run,
                    ..Options::to(Target::Latest)
                };
                let outcome = restore(&repository, &output, &options, every_core());
                let error = outcome.expect_err("a place that does not last");
                assert_eq!(error.code(), "usage", "{error}");
            }
        }
        assert_eq!([count(&repository), count(&log)], before);
    }
}

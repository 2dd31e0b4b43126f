//! What other backup tools lost data by, one test each.
//!
//! Three of them are rows of `apograph-faults` too, at every operation: a lock that is looked at,
//! let go and then relied on (`busy`), files that are never synced, and folders that are not
//! (`power`, `device`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use apograph::capture::{Kind, Options as Backup, capture};
use apograph::io::{FileLock, Folder};
use apograph::manifest::Target;
use apograph::restore::{Options, restore as restore_on};
use apograph_interop::{Engine, EngineGeneration};
use apograph_testing::context::every_core_on;
use apograph_testing::disk::{Fault, SimDisk};
use serde_json::Value;

use crate::command::{backup, contents, restorable, restore};
use crate::fixtures;
use crate::stage::{ChainStage, insert};

for_each_generation!(
    a_log_that_is_used_again_under_its_name_is_not_nothing_new,
    a_checkpoint_between_the_copy_of_the_file_and_of_its_log,
    a_checkpoint_while_no_backup_runs,
    a_restore_that_fails_has_not_removed_the_old_database,
    a_lock_is_held_until_all_is_done,
    a_log_beside_the_output_is_not_replayed_onto_it,
    a_copy_that_is_not_synced_is_not_acknowledged,
    a_folder_that_is_not_synced_is_not_acknowledged,
    an_io_error_is_not_the_end_of_a_file,
    segments_that_vanish_under_a_restore,
);

fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (database, repository) = (folder.path().join("db.grafeo"), folder.path().join("repo"));
    (folder, database, repository)
}

/// The content of the state that a restore gives.
fn restored(judge: &mut Engine, repository: &Path, target: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.grafeo");
    restore(repository, &output, target).ok();
    judge.dump(&output).unwrap().content
}

fn nodes(content: &Value) -> usize {
    content["nodes"].as_array().unwrap().len()
}

/// The engine of generation 1 begins its log with the same name, and with the same bytes if the
/// same is done.
fn a_log_that_is_used_again_under_its_name_is_not_nothing_new(generation: EngineGeneration) {
    let (_folder, database, repository) = place();
    let mut engine = fixtures::engine(generation);
    for round in 1..4 {
        engine.open(&database).unwrap();
        engine.run("INSERT (:Same {i:1})").unwrap();
        let report = backup(&database, &repository, None).ok();
        assert_ne!(report["outcome"], "up-to-date", "{report}");
        engine.close().unwrap();
        let content = restored(&mut fixtures::engine(generation), &repository, &[]);
        assert_eq!(nodes(&content), round);
    }
}

/// A checkpoint, and a commit after it, right before each operation of a backup.
fn a_checkpoint_between_the_copy_of_the_file_and_of_its_log(generation: EngineGeneration) {
    for kind in [Kind::Full, Kind::Incremental] {
        let mut operations = 1;
        let mut index = 0;
        while index < operations {
            let (folder, database, repository) = place();
            let mut engine = fixtures::engine(generation);
            engine.open(&database).unwrap();
            insert(&mut engine, 0..2);
            backup(&database, &repository, None).ok();
            insert(&mut engine, 2..4);
            let engine = Arc::new(Mutex::new(engine));
            let meanwhile = Arc::clone(&engine);
            let disk = SimDisk::new(folder.path()).meanwhile(move |now| {
                if now == index {
                    let mut engine = meanwhile.lock().unwrap();
                    engine.checkpoint().unwrap();
                    insert(&mut engine, 4..5);
                }
            });
            let options = Backup {
                kind,
                ..Backup::default()
            };
            capture(&database, &repository, &options, every_core_on(&disk)).unwrap();
            operations = disk.operations().len();
            drop(disk);
            backup(&database, &repository, None).ok();
            drop(engine);
            let mut judge = fixtures::engine(generation);
            let points = restorable(&repository);
            assert_eq!(points.last(), Some(&(1, 5)), "{kind:?}, {index}");
            for (timeline, epoch) in points {
                let target = ["--epoch", &format!("{timeline}:{epoch}")];
                let content = restored(&mut judge, &repository, &target);
                assert_eq!(nodes(&content) as u64, epoch, "{kind:?}, {index}");
            }
            index += 1;
        }
        assert!(index > 3, "a backup has more operations than {index}");
    }
}

fn a_checkpoint_while_no_backup_runs(generation: EngineGeneration) {
    let (_folder, database, repository) = place();
    let mut engine = fixtures::engine(generation);
    engine.open(&database).unwrap();
    insert(&mut engine, 0..2);
    backup(&database, &repository, None).ok();
    for round in 1..4 {
        insert(&mut engine, round * 2..round * 2 + 1);
        engine.checkpoint().unwrap();
        insert(&mut engine, round * 2 + 1..round * 2 + 2);
    }
    backup(&database, &repository, None).ok();
    let mut judge = fixtures::engine(generation);
    for epoch in 2..9 {
        let target = ["--epoch", &format!("1:{epoch}")];
        assert_eq!(nodes(&restored(&mut judge, &repository, &target)), epoch);
    }
}

fn a_restore_that_fails_has_not_removed_the_old_database(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    std::fs::create_dir(stage.path("kept")).unwrap();
    let old = stage.path("kept/db.grafeo");
    restore(&stage.repository(), &old, &["--epoch", "1:3"]).ok();
    let before = contents(&stage.path("kept"));
    assert_eq!(
        restore(&stage.repository(), &old, &[]).code(),
        "output-exists"
    );
    std::fs::remove_file(stage.repository().join("backup_full_0000.grafeo")).unwrap();
    assert_eq!(
        restore(&stage.repository(), &old, &[]).code(),
        "output-exists"
    );
    assert_eq!(contents(&stage.path("kept")), before);
}

/// Somebody tries to take the lock before each operation of a backup.
fn a_lock_is_held_until_all_is_done(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let repository = stage.repository();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let disk = {
        let (repository, taken) = (repository.clone(), Arc::clone(&taken));
        SimDisk::new(&stage.path("")).meanwhile(move |index| {
            let folder = Folder::open(&repository).unwrap();
            if FileLock::acquire_folder(&folder).is_ok() {
                taken.lock().unwrap().push(index);
            }
        })
    };
    let options = Backup::default();
    capture(
        &stage.database(),
        &repository,
        &options,
        every_core_on(&disk),
    )
    .unwrap();
    assert!(disk.operations().len() > 3);
    assert_eq!(*taken.lock().unwrap(), Vec::<usize>::new());
}

fn a_log_beside_the_output_is_not_replayed_onto_it(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let (output, log) = (stage.path("out.grafeo"), stage.path("out.grafeo.wal"));
    std::fs::create_dir(&log).unwrap();
    let name = stage.log_file().file_name().unwrap().to_owned();
    std::fs::copy(stage.log_file(), log.join(name)).unwrap();
    let before = contents(&log);
    let outcome = restore(&stage.repository(), &output, &["--epoch", "1:3"]);
    assert_eq!(outcome.code(), "output-exists");
    assert_eq!(contents(&log), before);
    assert!(!output.exists());
}

fn a_copy_that_is_not_synced_is_not_acknowledged(generation: EngineGeneration) {
    a_sync_that_fails_is_an_error(generation, "sync");
}

fn a_folder_that_is_not_synced_is_not_acknowledged(generation: EngineGeneration) {
    a_sync_that_fails_is_an_error(generation, "sync folder");
}

/// So each is waited for, and none is left out: those of a restore too.
fn a_sync_that_fails_is_an_error(generation: EngineGeneration, sync: &str) {
    let stage = ChainStage::new(generation);
    let restore_with = |fault: Option<usize>| {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.grafeo");
        let mut disk = SimDisk::new(folder.path());
        if let Some(index) = fault {
            disk = disk.with_fault(index, Fault::Fails(std::io::ErrorKind::Other));
        }
        let options = Options::to(Target::Latest);
        let restored = restore_on(stage.repository(), &output, &options, every_core_on(&disk));
        (disk.operations(), restored.is_ok(), output.exists())
    };
    let (operations, ..) = restore_with(None);
    let syncs = operations
        .iter()
        .enumerate()
        .filter(|(_, it)| it.name == sync);
    let syncs: Vec<usize> = syncs.map(|(index, _)| index).collect();
    assert!(syncs.len() >= 2, "{operations:?}");
    for index in syncs {
        let (_, is_acknowledged, is_there) = restore_with(Some(index));
        assert!(!is_acknowledged && !is_there, "{sync} at {index}");
    }
}

/// The kernel has a file that cannot be read at its start, and that says so.
fn an_io_error_is_not_the_end_of_a_file(generation: EngineGeneration) {
    const UNREADABLE: &str = "/proc/self/mem";
    let stage = ChainStage::new(generation);
    let link = stage.path("unreadable.grafeo");
    std::os::unix::fs::symlink(UNREADABLE, &link).unwrap();
    let error = std::fs::read(&link).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5), "{error}");
    let outcome = backup(&link, &stage.path("other"), None);
    assert_eq!(outcome.code(), "io", "{}", outcome.json);
}

/// As a retention would that does not know of the restore. (There is none here.)
fn segments_that_vanish_under_a_restore(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let truth = restored(&mut stage.engine(), &stage.repository(), &[]);
    let segments: Vec<String> = std::fs::read_dir(stage.repository())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("backup_full") || name.starts_with("backup_incr"))
        .collect();
    assert!(segments.len() >= 4);
    for segment in segments {
        let mut operations = 1;
        let mut index = 0;
        while index < operations {
            let folder = tempfile::tempdir().unwrap();
            let (repository, output) = (folder.path().join("repo"), folder.path().join("out"));
            std::fs::create_dir(&repository).unwrap();
            for (name, bytes) in contents(&stage.repository()) {
                std::fs::write(repository.join(name.file_name().unwrap()), bytes).unwrap();
            }
            let vanishing = repository.join(&segment);
            let disk = SimDisk::new(folder.path()).meanwhile(move |now| {
                if now == index {
                    std::fs::remove_file(&vanishing).unwrap();
                }
            });
            let options = Options::to(Target::Latest);
            match restore_on(&repository, &output, &options, every_core_on(&disk)) {
                Ok(_) => {
                    let content = stage.engine().dump(&output).unwrap().content;
                    assert_eq!(content, truth, "{segment}, {index}");
                }
                Err(_) => assert!(!output.exists(), "{segment}, {index}"),
            }
            operations = disk.operations().len();
            index += 1;
        }
    }
}

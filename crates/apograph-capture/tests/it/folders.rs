//! The folder of a repository: found, created, and taken back.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use apograph_capture::{Kind, Options, capture};
use apograph_io::{Context, FileLock, Folder};
use apograph_repository::{Repository, init};
use apograph_testing::context::every_core;
use apograph_testing::disk::{ContendedDisk, Fault, SimDisk};
use apograph_testing::fixtures::{V1, V2};

use crate::live::Live;

const SOURCE: &str = "08_torn_tail/source";

#[test]
fn a_repository_that_is_created_is_durable_before_anything_is_in_it() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let disk = SimDisk::new(live.path("").as_path());
        live.capture_on(&disk, Kind::Auto).expect("a backup");
        let operations = disk.operations();
        let is_of = |index: usize, name: &str, path: &str| {
            operations[index].name == name && operations[index].path.as_os_str() == path
        };
        let mut indexes = 0..operations.len();
        let named = indexes.find(|&index| is_of(index, "publish", "repository"));
        let named = named.expect("a name");
        assert!(is_of(named + 1, "sync folder", ""));
        let aside = |index: usize| {
            operations[index]
                .path
                .starts_with(".repository.apograph-tmp")
        };
        assert!((0..named).all(aside), "all of it before that is aside");
        assert!(is_of(named - 1, "sync folder", ".repository.apograph-tmp"));
    }
}

/// Up to the first segment that is published.
#[test]
fn a_capture_that_fails_takes_back_what_it_created() {
    for fixtures in [V1, V2] {
        let sound = Live::of(fixtures, SOURCE);
        let disk = SimDisk::new(sound.path("").as_path());
        sound.capture_on(&disk, Kind::Auto).expect("a backup");
        let operations = disk.operations();
        let is_segment =
            |name: &str| name.starts_with("backup_full") || name.starts_with("backup_incr");
        let published = operations.iter().position(|it| {
            let name = it.path.file_name().unwrap_or_default().to_string_lossy();
            it.name == "publish" && is_segment(&name)
        });
        for index in 0..published.expect("a segment") {
            let live = Live::of(fixtures, SOURCE);
            let disk = SimDisk::new(live.path("").as_path());
            let disk = disk.with_fault(index, Fault::Fails(ErrorKind::StorageFull));
            let outcome = live.capture_on(&disk, Kind::Auto);
            assert!(disk.is_struck());
            // A log that cannot be kept is no reason to fail; see `retention_hold.rs`.
            if let Err(error) = outcome {
                assert_eq!(error.code(), "io", "{error}");
                assert!(!live.repository().exists(), "{index}: {error}");
                assert_eq!(live.cursor(), None, "{index}: {error}");
            }
        }
    }
}

#[test]
fn what_was_there_is_left_as_it_was() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "04_rotation/source");
        fs::remove_file(live.log_file(2)).expect("a log file");
        live.initialized();
        assert_eq!(live.refused(Kind::Auto).0, "wal-damaged");
        assert!(live.repository().exists());
        fs::remove_file(live.repository().join("apograph-notes.json")).expect("the notes");

        let mine = live.repository().join("mine");
        fs::write(&mine, "").expect("a file");
        let locked = live.repository().join("backup.lock");
        let _ = fs::remove_file(&locked);
        let (code, _) = live.refused(Kind::Auto);
        assert_eq!(code, "not-a-repository");
        assert!(mine.exists());
        assert!(!locked.exists());
    }
}

#[test]
fn what_is_no_folder_is_no_repository() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        fs::write(live.repository(), "").expect("a file");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "not-a-repository", "{words}");
        fs::remove_file(live.repository()).expect("a file");
        symlink("nowhere", live.repository()).expect("a link");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "not-a-repository", "{words}");
        fs::remove_file(live.repository()).expect("a link");
    }
}

#[test]
fn a_folder_that_another_command_created_meanwhile_is_the_repository() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let path = live.repository();
        let disk = SimDisk::new(live.path("").as_path());
        let disk = disk.meanwhile(move |index| {
            if index == 0 {
                init(&path, Context::default()).expect("a repository");
            }
        });
        live.capture_on(&disk, Kind::Auto).expect("a backup");
        Repository::open(live.repository(), every_core()).expect("a repository");
    }
}

#[test]
fn a_folder_that_cannot_be_created_is_an_error() {
    let live = Live::of(V1, SOURCE);
    let path = live.repository();
    let disk = SimDisk::new(live.path("").as_path());
    let disk = disk.with_fault(0, Fault::Fails(ErrorKind::PermissionDenied));
    let disk = disk.meanwhile(move |_| fs::create_dir(&path).expect("a folder"));
    let error = live.capture_on(&disk, Kind::Auto).expect_err("a refusal");
    assert_eq!(error.code(), "io");
    assert_eq!(disk.operations().len(), 1);
}

#[test]
fn a_repository_that_is_locked_is_busy() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        live.initialized();
        let folder = Folder::open(&live.repository()).expect("a folder");
        let _lock = FileLock::acquire_folder(&folder).expect("a lock");
        assert_eq!(live.refused(Kind::Auto).0, "repository-busy");
    }
}

#[test]
fn a_folder_that_another_command_locks_as_soon_as_it_is_there_is_left_to_it() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let disk = ContendedDisk::default();
        let error = live.capture_on(&disk, Kind::Auto).expect_err("a lock");
        assert_eq!(error.code(), "repository-busy");
        assert!(live.path(".repository.apograph-tmp").exists());
    }
}

/// It may be where a disk is not mounted.
#[test]
fn an_empty_folder_is_no_repository_until_somebody_says_so() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        fs::create_dir(live.repository()).expect("a folder");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "not-a-repository", "{words}");
        assert!(words.contains("it is empty"), "{words}");
        let names = fs::read_dir(live.repository()).expect("a folder").count();
        assert_eq!(names, 0, "it is left as it was");
        live.initialized();
        live.added(Kind::Auto);
    }
}

#[test]
fn a_repository_that_has_to_be_there_is_not_made() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let options = Options {
            existing: true,
            ..Options::default()
        };
        let (database, repository) = (live.database(), live.repository());
        let captured = || capture(&database, &repository, &options, every_core());
        let refused = || captured().expect_err("a refusal").code();
        assert_eq!(refused(), "not-a-repository");
        assert!(!repository.exists());
        fs::create_dir(&repository).expect("a folder");
        assert_eq!(refused(), "not-a-repository");
        live.initialized();
        captured().expect("a backup");
    }
}

/// A command that is killed while it makes a repository leaves none, and the next one makes it.
#[test]
fn a_repository_that_was_half_made_is_made_by_the_next_backup() {
    for fixtures in [V1, V2] {
        let sound = Live::of(fixtures, SOURCE);
        let disk = SimDisk::new(sound.path("").as_path());
        sound.capture_on(&disk, Kind::Auto).expect("a backup");
        let operations = disk.operations();
        let mut paths = operations.iter().map(|it| it.path.as_os_str());
        let named = paths.position(|path| path == "repository");
        for index in 0..=named.expect("a name") {
            let live = Live::of(fixtures, SOURCE);
            let disk = SimDisk::new(live.path("").as_path());
            let disk = disk.with_fault(index, Fault::PowerCut);
            live.capture_on(&disk, Kind::Auto).expect_err("a cut");
            live.added(Kind::Auto);
            assert!(!live.path(".repository.apograph-tmp").exists());
        }
    }
}

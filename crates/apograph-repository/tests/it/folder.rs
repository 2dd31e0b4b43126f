//! A repository is the folder that was opened, and nothing in it leads out of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use apograph_format::Generation;
use apograph_io::{Context, FileLock, Folder, Mode};
use apograph_manifest::{HISTORY_FILE_NAME, MANIFEST_FILE_NAME, Unusable};
use apograph_repository::{Repository, Writer, plan_rebuild};
use apograph_testing::context::every_core;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};
use rustix::fs::{CWD, FileType, mknodat};

type Make = fn(&Path, &Path);

/// What can stand in the place of a file, made of the file that was there.
const KINDS: [(&str, Make); 6] = [
    ("a symbolic link", |file, at| link(file, at)),
    ("a symbolic link", |file, at| {
        link(
            Path::new("..").join(file.file_name().unwrap()).as_path(),
            at,
        );
    }),
    ("a symbolic link", |_, at| link(Path::new("/dev/zero"), at)),
    ("a device or pipe", |_, at| {
        mknodat(CWD, at, FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    }),
    ("a socket, device or pipe", |_, at| {
        UnixListener::bind(at).expect("a socket");
    }),
    ("a folder", |_, at| fs::create_dir(at).expect("a folder")),
];

fn link(to: &Path, at: &Path) {
    symlink(to, at).expect("a link");
}

fn replaced(stage: &Stage, name: &str, make: Make) {
    let (file, at) = (stage.path("file"), stage.repository().join(name));
    if at.exists() {
        fs::rename(&at, &file).expect("a rename");
    } else {
        fs::write(&file, "").expect("a file");
    }
    make(&file, &at);
}

#[test]
fn what_is_no_file_is_an_error_at_once_and_not_followed() {
    for fixtures in [V1, V2] {
        for (found, make) in KINDS {
            for name in [MANIFEST_FILE_NAME, HISTORY_FILE_NAME] {
                let stage = Stage::new(fixtures);
                replaced(&stage, name, make);
                let error = Repository::open(stage.repository(), every_core()).expect_err(name);
                let path = stage.repository().join(name);
                let expected = format!("{} is {found}, not a regular file", path.display());
                assert_eq!((error.code().as_str(), told(&error)), ("io", expected));
            }
            for name in SEGMENTS {
                let stage = Stage::new(fixtures);
                replaced(&stage, name, make);
                let error = Repository::open(stage.repository(), every_core()).expect_err(name);
                assert_eq!(error.code(), "corrupt-manifest", "{error}");
                let expected = format!("{name} is not a regular file");
                assert!(told(&error).ends_with(&expected), "{error}");

                let plan = plan_rebuild(&stage.folder(), Context::default()).expect("a plan");
                let skipped = plan.skipped.iter();
                let skipped: Vec<_> = skipped.map(|(name, why)| (name.to_string(), why)).collect();
                let damaged = Unusable::damaged(0, format!("it is {found}"));
                assert_eq!(skipped, [(name.to_owned(), &damaged)]);
            }
        }
    }
}

#[test]
fn the_lock_is_no_link_either() {
    for (found, make) in KINDS {
        let stage = Stage::new(V1);
        replaced(&stage, "backup.lock", make);
        let error = Writer::lock_for(&stage.folder(), Generation::Two, Context::default())
            .expect_err(found);
        assert_eq!(error.code(), "io", "{error}");
        assert!(told(&error).ends_with("not a regular file"), "{error}");
        // It is not ours to remove.
        fs::symlink_metadata(stage.repository().join("backup.lock")).expect(found);
    }
}

#[test]
fn a_lock_file_that_was_there_stays() {
    let stage = Stage::new(V1);
    let file = stage.repository().join("backup.lock");
    fs::write(&file, "").expect("a file");
    for generation in [Generation::One, Generation::Two] {
        let mut lock =
            Writer::lock_for(&stage.folder(), generation, Context::default()).expect("the lock");
        lock.undo();
        assert!(file.exists());
    }
}

#[test]
fn of_what_is_in_a_folder_that_is_no_repository_the_first_name_is_told() {
    let stage = Stage::new(V1);
    fs::remove_file(stage.repository().join(MANIFEST_FILE_NAME)).expect("a file");
    for segment in SEGMENTS {
        fs::remove_file(stage.repository().join(segment)).expect("a file");
    }
    // The first by its name is neither the first nor the last that is made.
    for name in "phdljaoqbmicngkefz".chars() {
        fs::write(stage.repository().join(name.to_string()), "").expect("a file");
    }
    let error = Repository::open(stage.repository(), every_core()).expect_err("no repository");
    assert_eq!(error.code(), "not-a-repository");
    let text = told(&error);
    assert!(text.ends_with("it has no manifest, and holds a"), "{text}");
}

#[test]
fn a_repository_is_the_folder_that_was_opened() {
    let stage = Stage::new(V1);
    let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
    let first = SEGMENTS.map(|name| fs::read(stage.repository().join(name)).expect("a file"));
    fs::rename(stage.repository(), stage.path("away")).expect("a rename");
    let other = Stage::new(V2);
    fs::rename(other.repository(), stage.repository()).expect("a rename");

    let segments = repository.manifest().segments;
    for (segment, bytes) in segments.iter().zip(&first) {
        let source = repository.file_of(segment).expect("a file").source();
        let found = source.and_then(|it| it.read()).expect("a file");
        assert_eq!(found, **bytes);
    }
    let folder = repository.folder().expect("a folder").clone();
    assert!(
        plan_rebuild(&folder, Context::default())
            .expect("a plan")
            .unchanged
    );
    let again =
        Repository::open_or_empty(folder.clone(), Context::default()).expect("a repository");
    assert_eq!(again.manifest(), repository.manifest());

    let error =
        Writer::lock_for(&folder, Generation::Two, Context::default()).expect_err("another one");
    assert_eq!(error.code(), "repository-busy");
    assert!(!stage.path("away/backup.lock").exists());
    Writer::lock_for(&stage.folder(), Generation::Two, Context::default()).expect("the lock");
}

#[test]
fn the_lock_is_on_the_folder_and_on_the_file_of_the_engine() {
    let stage = Stage::new(V1);
    let folder = stage.folder();
    let of_the_engine =
        |folder: &Folder| FileLock::acquire(folder.at("backup.lock"), Mode::PRIVATE);
    let mut lock =
        Writer::lock_for(&folder, Generation::Two, Context::default()).expect("the lock");
    let busy = [
        FileLock::acquire_folder(&stage.folder()).expect_err("locked"),
        of_the_engine(&folder).expect_err("locked"),
    ];
    assert!(busy.iter().all(|error| error.code() == "busy"));
    lock.undo();
    assert!(!stage.repository().join("backup.lock").exists());
    drop(lock);

    let engine = of_the_engine(&folder).expect("the engine's");
    let error = Writer::lock_for(&folder, Generation::One, Context::default()).expect_err("locked");
    assert_eq!(error.code(), "repository-busy");
    drop(engine);
    Writer::lock_for(&folder, Generation::One, Context::default()).expect("the lock");
}

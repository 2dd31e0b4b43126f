//! What must end in its error code, with nothing written.

use std::os::unix::fs::symlink;
use std::path::Path;

use apograph::capture::{Kind, capture};
use apograph::io::{Context, Folder, Mode, RealDisk};
use apograph::manifest::{Manifest, Target, read_manifest, write_manifest};
use apograph::restore::{Options, restore};
use apograph_interop::{Engine, EngineGeneration};
use apograph_testing::context::every_core;

use crate::command::{apograph, backup, contents, text};
use crate::fixtures;
use crate::stage::{ChainStage, insert};

for_each_generation!(
    two_databases_do_not_share_a_repository,
    nothing_is_overwritten,
    names_in_a_manifest_are_no_paths,
    a_repository_is_written_by_one_command,
    what_is_no_repository_or_no_database_is_told_so,
);

/// The code that a restore of the latest state ends with, if it is an error.
pub(crate) fn restore_code(repository: &Path, output: &Path) -> Option<&'static str> {
    let mut options = Options::to(Target::Latest);
    options.dry_run = true;
    let outcome = restore(repository, output, &options, every_core());
    outcome.err().map(|error| error.code().as_str())
}

pub(crate) fn capture_code(database: &Path, repository: &Path, kind: Kind) -> Option<&'static str> {
    let options = apograph::capture::Options {
        kind,
        ..Default::default()
    };
    let outcome = capture(database, repository, &options, every_core());
    outcome.err().map(|error| error.code().as_str())
}

/// Runs a command that must fail with this code and leave everything as it was.
#[track_caller]
pub(crate) fn check(stage: &ChainStage, code: &str, words: &[&str]) {
    let before = contents(stage.path("").as_path());
    let outcome = apograph(words.iter().copied());
    assert_eq!(outcome.code(), code, "{}", outcome.json);
    let message = outcome.json["message"].as_str().unwrap();
    assert!(!message.is_empty());
    assert_eq!(contents(stage.path("").as_path()), before, "{message}");
}

pub(crate) fn manifest(stage: &ChainStage) -> Manifest {
    read_manifest(&folder(stage)).unwrap().unwrap()
}

pub(crate) fn set_manifest(stage: &ChainStage, manifest: &Manifest) {
    write_manifest(&RealDisk, &folder(stage), Mode::PRIVATE, manifest).unwrap();
}

fn folder(stage: &ChainStage) -> Folder {
    Folder::open(&stage.repository()).unwrap()
}

fn two_databases_do_not_share_a_repository(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let other = stage.path("other.grafeo");
    let mut engine = fixtures::engine(generation);
    engine.open(&other).unwrap();
    insert(&mut engine, 0..1);
    let repository = stage.repository();
    for mode in ["--full", "--incremental", "--quiet"] {
        check(
            &stage,
            "foreign-database",
            &["backup", text(&other), "--repo", text(&repository), mode],
        );
    }
}

fn reopened(engine: &mut Engine, database: &Path) {
    engine.close().unwrap();
    engine.open(database).unwrap();
}

#[test]
fn an_increment_does_not_go_on_across_a_close() {
    let stage = ChainStage::new(EngineGeneration::One);
    let (database, repository) = (stage.path("closed.grafeo"), stage.path("closed"));
    let mut engine = fixtures::engine(EngineGeneration::One);
    engine.open(&database).unwrap();
    // A full backup of an empty database, five commits, a close, three commits: the new log begins
    // at file 0 and epoch 1, as the old one did.
    backup(&database, &repository, None).ok();
    insert(&mut engine, 0..5);
    reopened(&mut engine, &database);
    insert(&mut engine, 5..8);
    let words = ["backup", text(&database), "--repo", text(&repository)];
    check(
        &stage,
        "chain-broken",
        &[&words[..], &["--incremental"]].concat(),
    );
    let full = apograph(words).ok();
    assert_eq!(full["outcome"], "full");
    let why = full["why"].as_str().unwrap();
    assert!(
        why.contains("another one than at the last backup"),
        "{full}"
    );
}

#[test]
fn the_same_statements_after_a_reopen_are_not_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let (database, repository) = (
        folder.path().join("db.grafeo"),
        folder.path().join("repository"),
    );
    let mut engine = fixtures::engine(EngineGeneration::One);
    engine.open(&database).unwrap();
    insert(&mut engine, 0..1);
    reopened(&mut engine, &database);
    let update = "MATCH (s:S {i:0}) SET s.v = 1";
    backup(&database, &repository, None).ok();
    engine.run(update).unwrap();
    backup(&database, &repository, Some("--incremental")).ok();
    engine.run("MATCH (s:S {i:0}) SET s.v = 2").unwrap();
    reopened(&mut engine, &database);
    // Byte for byte the log that was captured, in a file of the same name.
    engine.run(update).unwrap();
    let outcome = backup(&database, &repository, Some("--incremental"));
    assert_eq!(outcome.code(), "chain-broken", "{}", outcome.json);
}

/// Where nothing stands in front of the end of the chain, no byte can prove anything.
#[test]
fn an_empty_log_file_of_the_right_number_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (database, repository) = (
        folder.path().join("db.grafeo"),
        folder.path().join("repository"),
    );
    let mut engine = fixtures::engine(EngineGeneration::One);
    engine.open(&database).unwrap();
    insert(&mut engine, 0..2);
    backup(&database, &repository, None).ok();
    engine.checkpoint().unwrap();
    // The chain ends at the start of file 1.
    backup(&database, &repository, Some("--full")).ok();
    insert(&mut engine, 2..4);
    reopened(&mut engine, &database);
    engine.checkpoint().unwrap();
    let outcome = backup(&database, &repository, Some("--incremental"));
    assert_eq!(outcome.code(), "chain-broken", "{}", outcome.json);
}

type Put = fn(&Path) -> std::io::Result<()>;

fn nothing_is_overwritten(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let (repository, output) = (stage.repository(), stage.output());
    let words = ["restore", text(&repository), text(&output)];
    let in_the_way: [(&str, Put); 5] = [
        ("output.grafeo", |path| std::fs::write(path, b"mine")),
        ("output.grafeo", |path| symlink("nowhere", path)),
        ("output.grafeo", |path| std::fs::create_dir(path)),
        ("output.grafeo.wal", |path| std::fs::create_dir(path)),
        ("output.grafeo.checkpoint", |path| {
            std::fs::write(path, b"an image")
        }),
    ];
    for (name, put) in in_the_way {
        // Generation 2 installs no images.
        if generation == EngineGeneration::Two && name.ends_with(".checkpoint") {
            continue;
        }
        let path = stage.path(name);
        put(&path).unwrap();
        check(&stage, "output-exists", &words);
        if path.is_dir() {
            std::fs::remove_dir(&path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
    }
    apograph(words).ok();
}

fn names_in_a_manifest_are_no_paths(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let (repository, output) = (stage.repository(), stage.output());
    let words = ["restore", text(&repository), text(&output)];
    let path = stage.segment("backup_manifest.json");
    let sound = std::fs::read(&path).unwrap();
    let name = b"backup_full_0000.grafeo";
    let at = sound
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    let hostile: [&[u8]; 4] = [
        b"../backup_ful_000.grafe",
        b"/etc/passwd/etc/passwd/",
        b"backup_full_0000.grafe\0",
        b"backup/full/0000.grafeo",
    ];
    for hostile in hostile {
        let mut bytes = sound.clone();
        bytes[at..at + name.len()].copy_from_slice(hostile);
        std::fs::write(&path, bytes).unwrap();
        check(&stage, "corrupt-manifest", &words);
    }
    std::fs::write(&path, sound).unwrap();
    let full = stage.segment("backup_full_0000.grafeo");
    let elsewhere = stage.path("elsewhere.grafeo");
    std::fs::rename(&full, &elsewhere).unwrap();
    symlink(&elsewhere, &full).unwrap();
    check(&stage, "corrupt-manifest", &words);
}

fn a_repository_is_written_by_one_command(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let lock = apograph::repository::Writer::lock_for(
        &folder(&stage),
        apograph::format::Generation::One,
        Context::default(),
    )
    .unwrap();
    let (database, repository) = (stage.database(), stage.repository());
    check(
        &stage,
        "repository-busy",
        &["backup", text(&database), "--repo", text(&repository)],
    );
    check(&stage, "repository-busy", &["rebuild", text(&repository)]);
    apograph(["list", text(&repository)]).ok();
    drop(lock);
    backup(&database, &repository, None).ok();
}

fn what_is_no_repository_or_no_database_is_told_so(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let (repository, nothing) = (stage.repository(), stage.path("nothing"));
    let (output, database) = (stage.output(), stage.database());
    check(&stage, "not-a-repository", &["list", text(&nothing)]);
    check(
        &stage,
        "not-a-repository",
        &["restore", text(&nothing), text(&output)],
    );
    let log = stage.log_folder();
    check(
        &stage,
        "usage",
        &["backup", text(&database), "--repo", text(&log)],
    );
    check(
        &stage,
        "io",
        &["backup", text(&nothing), "--repo", text(&repository)],
    );
    check(
        &stage,
        "not-a-database",
        &["backup", text(&log), "--repo", text(&repository)],
    );
    let directory = stage.path("directory");
    std::fs::create_dir_all(directory.join("wal")).unwrap();
    check(
        &stage,
        "not-a-database",
        &["backup", text(&directory), "--repo", text(&repository)],
    );
    let text_file = stage.path("notes.grafeo");
    std::fs::write(&text_file, vec![b'x'; 20_000]).unwrap();
    check(
        &stage,
        "corrupt-database",
        &["backup", text(&text_file), "--repo", text(&nothing)],
    );
    check(&stage, "usage", &["restore", text(&repository)]);
    check(
        &stage,
        "usage",
        &["restore", text(&repository), text(&output), "--epoch", "x"],
    );
    let both = [
        "restore",
        text(&repository),
        text(&output),
        "--latest",
        "--epoch",
        "1",
    ];
    check(&stage, "usage", &both);
    let full = [
        "backup",
        text(&database),
        "--repo",
        text(&nothing),
        "--incremental",
    ];
    check(&stage, "no-full-backup", &full);
}

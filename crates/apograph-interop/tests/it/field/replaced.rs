//! A database file that another one took the place of, or whose log is gone.

use std::fs;

use apograph_interop::EngineGeneration;
use apograph_interop::lives::World;

use super::{DB, REPO, all_is_exact, done, done_or_refused, refused, world};
use crate::command::contents;

for_each_generation!(
    a_file_that_went_on_elsewhere_comes_back,
    an_older_file_comes_back,
    an_older_file_comes_back_and_goes_on,
    a_file_that_was_checkpointed_elsewhere_comes_back,
    a_file_that_was_checkpointed_elsewhere_comes_back_and_goes_on,
    a_file_that_is_moved_alone,
    a_log_folder_that_is_lost,
    a_log_folder_that_is_lost_after_a_checkpoint,
    a_log_folder_that_is_lost_and_an_engine_that_goes_on,
);

/// The image and the log beside it are of two histories.
const MIXED: [&str; 3] = ["chain-broken", "wal-damaged", "corrupt-wal"];

/// Lets another engine work on a copy of the file alone, and closes it there.
fn go_on_elsewhere(world: &mut World, with_log: bool, ends_in_close: bool) -> std::path::PathBuf {
    let snapshot = world.snapshot(DB);
    let file = world.file_of(DB, &snapshot);
    if !with_log {
        let _ = fs::remove_dir_all(file.with_extension("grafeo.wal"));
    }
    let mut engine = crate::fixtures::engine(world.generation());
    engine.open(&file).unwrap();
    engine.run("INSERT (:Elsewhere {i:1})").unwrap();
    engine.checkpoint().unwrap();
    if ends_in_close {
        engine.close().unwrap();
    }
    file
}

/// The file is another one, and the log the old one: the first backup and the one that is asked to
/// be full.
#[track_caller]
fn backups_tell(world: &mut World) {
    world.mix(DB);
    let outcome = world.back_up(DB, REPO);
    done_or_refused(&outcome, &MIXED);
    done_or_refused(&world.back_up_as(DB, REPO, Some("--full"), None), &MIXED);
}

/// Row 2.
fn a_file_that_went_on_elsewhere_comes_back(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    world.close(DB);
    let other = go_on_elsewhere(&mut world, false, true);
    let database = world.database(DB);
    fs::copy(&other, &database).unwrap();
    backups_tell(&mut world);
    all_is_exact(world);
}

fn an_older_file_comes_back(generation: EngineGeneration) {
    let mut world = world(generation);
    older_file(&mut world);
    backups_tell(&mut world);
    all_is_exact(world);
}

fn an_older_file_comes_back_and_goes_on(generation: EngineGeneration) {
    let mut world = world(generation);
    older_file(&mut world);
    goes_on(&mut world);
    all_is_exact(world);
}

/// Puts the file of two checkpoints ago in the place of the one that was backed up.
fn older_file(world: &mut World) {
    world.insert(DB, 0..2);
    world.checkpoint(DB);
    done(&world.back_up(DB, REPO));
    let snapshot = world.snapshot(DB);
    world.insert(DB, 2..4);
    world.checkpoint(DB);
    world.insert(DB, 4..6);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    let (older, database) = (world.file_of(DB, &snapshot), world.database(DB));
    fs::copy(older, database).unwrap();
}

fn goes_on(world: &mut World) {
    world.mix(DB);
    if world.try_open(DB).is_ok() {
        world.insert(DB, 10..12);
        done_or_refused(&world.back_up(DB, REPO), &MIXED);
        world.insert(DB, 12..14);
        done_or_refused(&world.back_up(DB, REPO), &MIXED);
    } else {
        backups_tell(world);
    }
}

fn a_file_that_was_checkpointed_elsewhere_comes_back(generation: EngineGeneration) {
    for ends_in_close in [true, false] {
        let mut world = world(generation);
        newer_file(&mut world, ends_in_close);
        backups_tell(&mut world);
        all_is_exact(world);
    }
}

fn a_file_that_was_checkpointed_elsewhere_comes_back_and_goes_on(generation: EngineGeneration) {
    for ends_in_close in [true, false] {
        let mut world = world(generation);
        newer_file(&mut world, ends_in_close);
        goes_on(&mut world);
        all_is_exact(world);
    }
}

/// Puts a file that went on, with its log, in the place of the one that was backed up.
fn newer_file(world: &mut World, ends_in_close: bool) {
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    world.insert(DB, 2..4);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    let (newer, database) = (
        go_on_elsewhere(world, true, ends_in_close),
        world.database(DB),
    );
    fs::copy(newer, database).unwrap();
}

/// Nothing is written, what was captured stays, and a full backup takes the file as it is.
#[track_caller]
fn the_log_is_missed(world: &mut World) {
    world.mix(DB);
    let before = segments(world);
    refused(&world.back_up(DB, REPO), "chain-broken");
    refused(
        &world.back_up_as(DB, REPO, Some("--incremental"), None),
        "chain-broken",
    );
    assert_eq!(segments(world), before);
    done(&world.back_up_as(DB, REPO, Some("--full"), None));
}

fn segments(world: &World) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut segments = contents(&world.repository(REPO));
    segments.retain(|(path, _)| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("backup_full") || name.starts_with("backup_incr")
    });
    segments
}

/// Row 3.
fn a_file_that_is_moved_alone(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    let (database, other) = (world.database(DB), world.path("c"));
    fs::create_dir(&other).unwrap();
    fs::rename(&database, other.join("db.grafeo")).unwrap();
    fs::remove_dir_all(database.parent().unwrap()).unwrap();
    fs::rename(&other, database.parent().unwrap()).unwrap();
    the_log_is_missed(&mut world);
    all_is_exact(world);
}

fn a_log_folder_that_is_lost(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    world.insert(DB, 2..4);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    fs::remove_dir_all(world.log_folder(DB)).unwrap();
    the_log_is_missed(&mut world);
    all_is_exact(world);
}

fn a_log_folder_that_is_lost_after_a_checkpoint(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    world.insert(DB, 2..4);
    world.checkpoint(DB);
    done(&world.back_up_as(DB, REPO, Some("--full"), None));
    world.insert(DB, 4..6);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    fs::remove_dir_all(world.log_folder(DB)).unwrap();
    the_log_is_missed(&mut world);
    all_is_exact(world);
}

/// The engine begins a new log on the old image, and what was captured is not in it.
fn a_log_folder_that_is_lost_and_an_engine_that_goes_on(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    fs::remove_dir_all(world.log_folder(DB)).unwrap();
    world.open(DB);
    world.insert(DB, 0..2);
    done_or_refused(&world.back_up(DB, REPO), &MIXED);
    world.insert(DB, 2..3);
    done_or_refused(&world.back_up(DB, REPO), &MIXED);
    all_is_exact(world);
}

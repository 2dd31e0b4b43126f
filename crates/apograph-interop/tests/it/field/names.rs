//! A database under another name than its log.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use apograph_interop::EngineGeneration;
use apograph_interop::lives::World;

use super::{DB, REPO, all_is_exact, done, done_or_refused, world};

for_each_generation!(
    a_backup_names_a_symbolic_link,
    a_backup_names_a_link_to_a_link,
    a_backup_names_a_link_in_a_linked_folder,
    the_engine_opened_a_symbolic_link,
    the_engine_opened_a_link_on_the_way,
    a_backup_names_a_hard_link,
    the_engine_opened_a_hard_link,
    a_hard_link_to_what_an_engine_left,
    a_database_that_an_engine_holds_has_a_log,
);

/// What is refused where the log cannot be found.
const WITHOUT_LOG: [&str; 1] = ["log-not-found"];

/// A folder beside that of the database, for other names of it.
fn elsewhere(world: &World) -> PathBuf {
    let folder = world.path("app");
    fs::create_dir(&folder).unwrap();
    folder
}

/// Backups under another name and under the own one, in turns.
#[track_caller]
fn is_the_same_database(world: &mut World, alias: &Path) {
    world.insert(DB, 0..3);
    done(&world.back_up_as(DB, REPO, None, Some(alias)));
    world.insert(DB, 3..5);
    done(&world.back_up_as(DB, REPO, None, Some(alias)));
    world.insert(DB, 5..7);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    done(&world.back_up_as(DB, REPO, None, Some(alias)));
    world.open(DB);
    world.insert(DB, 7..9);
    world.checkpoint(DB);
    done(&world.back_up_as(DB, REPO, Some("--full"), Some(alias)));
}

fn a_backup_names_a_symbolic_link(generation: EngineGeneration) {
    let mut world = world(generation);
    let alias = elsewhere(&world).join("a.grafeo");
    symlink("../a/db.grafeo", &alias).unwrap();
    is_the_same_database(&mut world, &alias);
    all_is_exact(world);
}

fn a_backup_names_a_link_to_a_link(generation: EngineGeneration) {
    let mut world = world(generation);
    let (folder, database) = (elsewhere(&world), world.database(DB));
    symlink(&database, folder.join("one.grafeo")).unwrap();
    let alias = folder.join("two.grafeo");
    symlink("one.grafeo", &alias).unwrap();
    is_the_same_database(&mut world, &alias);
    all_is_exact(world);
}

fn a_backup_names_a_link_in_a_linked_folder(generation: EngineGeneration) {
    let mut world = world(generation);
    let folder = world.path("current");
    symlink("a", &folder).unwrap();
    is_the_same_database(&mut world, &folder.join("db.grafeo"));
    all_is_exact(world);
}

/// So its log lies beside the link.
fn the_engine_opened_a_symbolic_link(generation: EngineGeneration) {
    let mut world = world(generation);
    world.close(DB);
    let target = world.path("files");
    fs::create_dir(&target).unwrap();
    let (database, file) = (world.database(DB), target.join("data.grafeo"));
    fs::rename(&database, &file).unwrap();
    symlink("../files/data.grafeo", &database).unwrap();
    world.open(DB);
    world.insert(DB, 0..3);
    done(&world.back_up(DB, REPO));
    world.insert(DB, 3..5);
    // It names no log folder, and the engine is at work.
    let outcome = world.back_up_as(DB, REPO, None, Some(&file));
    done_or_refused(&outcome, &WITHOUT_LOG);
    let outcome = world.back_up_as(DB, "other", None, Some(&file));
    done_or_refused(&outcome, &WITHOUT_LOG);
    done(&world.back_up(DB, REPO));
    all_is_exact(world);
}

/// So its log lies beside neither the name of the backup nor the file.
fn the_engine_opened_a_link_on_the_way(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..3);
    world.link(DB);
    let (folder, database) = (elsewhere(&world), world.database(DB));
    let alias = folder.join("a.grafeo");
    symlink(&database, &alias).unwrap();
    // Nobody is at work.
    done(&world.back_up_as(DB, REPO, None, Some(&alias)));
    world.open(DB);
    is_the_same_database(&mut world, &alias);
    all_is_exact(world);
}

fn a_backup_names_a_hard_link(generation: EngineGeneration) {
    let mut world = world(generation);
    let (alias, database) = (elsewhere(&world).join("a.grafeo"), world.database(DB));
    fs::hard_link(&database, &alias).unwrap();
    world.insert(DB, 0..3);
    for mode in [None, Some("--full")] {
        let outcome = world.back_up_as(DB, REPO, mode, Some(&alias));
        done_or_refused(&outcome, &WITHOUT_LOG);
    }
    done(&world.back_up(DB, REPO));
    world.insert(DB, 3..5);
    let outcome = world.back_up_as(DB, REPO, None, Some(&alias));
    done_or_refused(&outcome, &WITHOUT_LOG);
    done(&world.back_up(DB, REPO));
    all_is_exact(world);
}

fn the_engine_opened_a_hard_link(generation: EngineGeneration) {
    let mut world = world(generation);
    world.close(DB);
    let (other, database) = (elsewhere(&world).join("a.grafeo"), world.database(DB));
    fs::hard_link(&database, &other).unwrap();
    done(&world.back_up(DB, REPO));
    world.open(DB);
    world.insert(DB, 0..3);
    let outcome = world.back_up_as(DB, REPO, None, Some(&other));
    done_or_refused(&outcome, &WITHOUT_LOG);
    done(&world.back_up(DB, REPO));
    all_is_exact(world);
}

/// Nothing tells where its log is, or that there is one: that is said.
fn a_hard_link_to_what_an_engine_left(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..3);
    world.kill(DB);
    let (alias, database) = (elsewhere(&world).join("a.grafeo"), world.database(DB));
    fs::hard_link(&database, &alias).unwrap();
    // Also where there is nothing new.
    for _ in 0..2 {
        let outcome = world.back_up_as(DB, REPO, None, Some(&alias));
        assert!(outcome.warns_of("has 2 names"), "{}", outcome.json);
    }
    let outcome = world.back_up(DB, "other");
    assert!(!outcome.warns_of("names"), "{}", outcome.json);
    all_is_exact(world);
}

/// A database file that was moved while an engine has it open: the log stays after.
fn a_database_that_an_engine_holds_has_a_log(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..3);
    let (alias, database) = (elsewhere(&world).join("a.grafeo"), world.database(DB));
    fs::rename(&database, &alias).unwrap();
    let command = world.command().clone();
    for mode in [None, Some("--full")] {
        let outcome = command.backup(&alias, &world.repository(REPO), mode);
        assert_ne!(outcome.exit, 0, "{}", outcome.json);
    }
    fs::rename(&alias, &database).unwrap();
    done(&world.back_up(DB, REPO));
    all_is_exact(world);
}

//! Copies that go on, and do as their source did.

use std::fs;

use apograph_interop::EngineGeneration;
use apograph_interop::lives::World;

use super::{DB, REPO, all_is_exact, done, world};

for_each_generation!(
    a_copy_goes_on_under_the_same_name,
    a_copy_goes_on_without_the_record,
    a_copy_goes_on_after_a_commit_without_a_record,
    a_log_is_cut_and_the_same_is_done_again,
    a_cursor_of_another_repository,
    a_restored_log_that_begins_without_an_epoch,
    a_restored_copy_and_its_source_in_turns,
    a_close_that_was_killed_and_the_same_work_again,
);

/// A process that finds a node, and commits what another one can commit again, byte for byte: its
/// epochs, its node and its log file begin alike.
fn chain(world: &mut World, last: &str) {
    world.run(DB, "INSERT (:P {i:1})");
    world.close(DB);
    world.open(DB);
    done(&world.back_up(DB, REPO));
    world.run(DB, &set("n", 1));
    done(&world.back_up(DB, REPO));
    world.run(DB, last);
    done(&world.back_up(DB, REPO));
}

/// Removes the database and restores it as that process found it, or as it was one commit later.
fn restore_over(world: &mut World, commits: usize) {
    let (database, repository) = (world.database(DB), world.repository(REPO));
    let points = world.command().restorable(&repository).unwrap();
    let last = points.last().unwrap().0;
    let mut points = points.into_iter().filter(|point| point.0 == last);
    let (timeline, epoch) = points.nth(commits).unwrap();
    world.remove(DB);
    let target = ["--epoch", &format!("{timeline}:{epoch}")];
    done(&world.command().restore(&repository, &database, &target));
    world.adopt(DB);
    world.open(DB);
}

fn set(key: &str, value: u64) -> String {
    format!("MATCH (p:P) SET p.{key} = {value}")
}

/// Other work of the same length, the same last commit, and one more backup.
fn go_on(world: &mut World, last: &str) {
    world.run(DB, &set("n", 5));
    world.run(DB, last);
    done(&world.back_up(DB, REPO));
    world.run(DB, &set("n", 6));
    done(&world.back_up(DB, REPO));
}

/// Row 4.
fn a_copy_goes_on_under_the_same_name(generation: EngineGeneration) {
    for commits in [0, 1] {
        let mut world = world(generation);
        chain(&mut world, &set("m", 7));
        restore_over(&mut world, commits);
        go_on(&mut world, &set("m", 7));
        all_is_exact(world);
    }
}

fn a_copy_goes_on_without_the_record(generation: EngineGeneration) {
    let mut world = world(generation);
    chain(&mut world, &set("m", 7));
    restore_over(&mut world, 0);
    fs::remove_file(world.repository(REPO).join("apograph.json")).unwrap();
    go_on(&mut world, &set("m", 7));
    all_is_exact(world);
}

fn a_copy_goes_on_after_a_commit_without_a_record(generation: EngineGeneration) {
    let mut world = world(generation);
    chain(&mut world, "MATCH (n:Nothing) SET n.v = 1");
    restore_over(&mut world, 0);
    go_on(&mut world, "MATCH (n:Nothing) SET n.v = 1");
    all_is_exact(world);
}

/// A power loss takes what the log had, and leaves the cursor.
fn a_log_is_cut_and_the_same_is_done_again(generation: EngineGeneration) {
    let mut world = world(generation);
    world.run(DB, "INSERT (:P {i:1})");
    world.close(DB);
    world.open(DB);
    done(&world.back_up(DB, REPO));
    let file = world.log_files(DB).pop().unwrap();
    let before = fs::metadata(&file).unwrap().len();
    world.run(DB, &set("n", 1));
    world.run(DB, &set("m", 7));
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    let cut = fs::OpenOptions::new().write(true).open(&file).unwrap();
    cut.set_len(before).unwrap();
    world.open(DB);
    go_on(&mut world, &set("m", 7));
    all_is_exact(world);
}

/// Row 5. The same work in each process, so their logs have the same bytes.
fn a_cursor_of_another_repository(generation: EngineGeneration) {
    let mut world = world(generation);
    world.run(DB, "INSERT (:P {i:1, n:0, m:0})");
    world.close(DB);
    world.open(DB);
    for round in 0..4 {
        // What the process found is another state each time.
        world.run(DB, &set("n", round));
        world.run(DB, &set("m", 7));
        for repository in ["other", REPO] {
            done(&world.back_up(DB, repository));
        }
        world.run(DB, &set("k", round));
        world.close(DB);
        world.open(DB);
    }
    world.judge_points("other");
    all_is_exact(world);
}

/// Row 6.
fn a_restored_log_that_begins_without_an_epoch(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..3);
    world.checkpoint(DB);
    world.run(DB, "CREATE NODE TYPE T (x INT64)");
    world.insert(DB, 3..4);
    done(&world.back_up(DB, REPO));
    world.remove(DB);
    let (database, repository) = (world.database(DB), world.repository(REPO));
    done(
        &world
            .command()
            .restore(&repository, &database, &["--latest"]),
    );
    world.adopt(DB);
    world.open(DB);
    world.insert(DB, 4..8);
    done(&world.back_up(DB, REPO));
    all_is_exact(world);
}

/// Both are backed up into the repository of the source.
fn a_restored_copy_and_its_source_in_turns(generation: EngineGeneration) {
    let mut world = world(generation);
    chain(&mut world, &set("m", 7));
    let (copy, repository) = (world.database("copy"), world.repository(REPO));
    fs::create_dir(copy.parent().unwrap()).unwrap();
    done(&world.command().restore(&repository, &copy, &["--latest"]));
    world.adopt("copy");
    world.open("copy");
    for round in 0..3 {
        for name in [DB, "copy"] {
            world.run(name, &set("n", round));
            world.run(name, &set("m", 7));
            done(&world.back_up(name, REPO));
        }
        world.checkpoint("copy");
    }
    all_is_exact(world);
}

/// Row 15d. Of a log folder that is removed, some files are left.
fn a_close_that_was_killed_and_the_same_work_again(generation: EngineGeneration) {
    let left: [&[&str]; 4] = [
        &["backup_cursor.meta"],
        &[".mark"],
        &["backup_cursor.meta", ".mark"],
        &["checkpoint.meta", "backup_cursor.meta", ".mark"],
    ];
    for left in left {
        for does_checkpoint in [false, true] {
            let mut world = world(generation);
            let work = |world: &mut World| {
                world.run(DB, "INSERT (:Same {i:1})");
                if does_checkpoint {
                    world.checkpoint(DB);
                }
                world.run(DB, "MATCH (s:Same) SET s.v = 1");
            };
            work(&mut world);
            done(&world.back_up(DB, REPO));
            let snapshot = world.snapshot(DB);
            world.close(DB);
            let log = world.log_folder(DB);
            let kept = world.file_of(DB, &snapshot).with_extension("grafeo.wal");
            let _ = fs::remove_dir_all(&log);
            fs::create_dir(&log).unwrap();
            for entry in fs::read_dir(kept).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                if left.iter().any(|end| name.ends_with(end)) {
                    fs::copy(entry.path(), log.join(name)).unwrap();
                }
            }
            done(&world.back_up(DB, REPO));
            world.open(DB);
            work(&mut world);
            done(&world.back_up(DB, REPO));
            work(&mut world);
            done(&world.back_up(DB, REPO));
            all_is_exact(world);
        }
    }
}

//! Backups while an engine closes its database, held by strace.

use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use apograph_interop::EngineGeneration;
use apograph_interop::lives::World;

use super::{DB, REPO, all_is_exact, done, done_or_refused, world};
use crate::held::{hold, inject};

for_each_generation!(
    a_backup_while_a_close_removes_the_log,
    an_engine_that_is_killed_while_a_close_removes_the_log,
    an_engine_that_is_killed_in_a_close_and_finds_older_values,
);

/// Calls by which a close removes the log folder.
const REMOVALS: &str = "unlink,unlinkat,rmdir";

/// Lets the engine wait before one of the calls by which it removes files.
fn hold_a_removal(world: &mut World, number: u32, held: Duration) -> Child {
    hold(world.engine(DB).id(), REMOVALS, number, held)
}

/// Row 23. The engine's close does not fail for it.
fn a_backup_while_a_close_removes_the_log(generation: EngineGeneration) {
    const HELD: Duration = Duration::from_millis(1500);
    for number in 1..7 {
        let mut world = world(generation);
        world.insert(DB, 0..2);
        if number % 2 == 0 {
            done(&world.back_up(DB, REPO));
            world.insert(DB, 2..3);
        }
        let mut strace = hold_a_removal(&mut world, number, HELD);
        let (database, repository) = (world.database(DB), world.repository(REPO));
        let command = world.command().clone();
        let backup = thread::spawn(move || {
            thread::sleep(HELD / 3);
            command.backup(&database, &repository, None)
        });
        world.close(DB);
        let outcome = backup.join().unwrap();
        let _ = strace.kill();
        let _ = strace.wait();
        done(&outcome);
        done(&world.back_up(DB, REPO));
        world.open(DB);
        world.insert(DB, 3..4);
        done(&world.back_up(DB, REPO));
        all_is_exact(world);
    }
}

/// Row 23. What a backup leaves in the folder is not the log.
fn an_engine_that_is_killed_while_a_close_removes_the_log(generation: EngineGeneration) {
    const HELD: Duration = Duration::from_millis(1500);
    for number in 1..7 {
        let mut world = world(generation);
        world.insert(DB, 0..2);
        done(&world.back_up(DB, REPO));
        world.insert(DB, 2..3);
        let mut strace = hold_a_removal(&mut world, number, HELD * 4);
        let (database, repository) = (world.database(DB), world.repository(REPO));
        let (command, process) = (world.command().clone(), world.engine(DB).id());
        let backup = thread::spawn(move || {
            thread::sleep(HELD / 3);
            let outcome = command.backup(&database, &repository, None);
            let mut kill = Command::new("kill");
            kill.args(["-KILL", &process.to_string()]);
            kill.status().unwrap();
            outcome
        });
        // It does not come to an end, or it has none of these calls.
        let _ = world.engine(DB).close();
        let _ = strace.kill();
        let _ = strace.wait();
        // Held for long right before the folder goes, it may as well be open under another name.
        done_or_refused(&backup.join().unwrap(), &["log-not-found"]);
        world.kill(DB);
        done(&world.back_up(DB, REPO));
        world.open(DB);
        world.insert(DB, 3..4);
        done(&world.back_up(DB, REPO));
        all_is_exact(world);
    }
}

/// Row 23. Each is killed at one of the calls by which it removes files. What it finds then may be
/// older than what it closed, and so it is in a repository that has seen the log, and in a new one.
fn an_engine_that_is_killed_in_a_close_and_finds_older_values(generation: EngineGeneration) {
    const OTHER: &str = "s";
    for number in 1..9 {
        let mut world = world(generation);
        world.insert(DB, 0..2);
        done(&world.back_up(DB, REPO));
        world.run(DB, "MATCH (r:R) SET r.v = 1");
        world.checkpoint(DB);
        world.run(DB, "MATCH (r:R) SET r.v = 2");
        let process = world.engine(DB).id();
        let mut strace = inject(process, REMOVALS, number, "signal=KILL");
        let _ = world.engine(DB).close();
        let _ = strace.kill();
        let _ = strace.wait();
        world.kill(DB);
        for repository in [OTHER, REPO] {
            done(&world.back_up(DB, repository));
        }
        world.open(DB);
        for repository in [REPO, OTHER] {
            done(&world.back_up(DB, repository));
        }
        world.run(DB, "MATCH (r:R) SET r.w = 3");
        for repository in [OTHER, REPO] {
            done(&world.back_up(DB, repository));
        }
        world.judge_points(OTHER);
        all_is_exact(world);
    }
}

//! Commands that are killed in the middle, by strace.

use std::process::{Command, Stdio};

use apograph_interop::EngineGeneration;
use apograph_interop::lives::World;

use super::{DB, REPO, all_is_exact, done, world};
use crate::command;

for_each_generation!(a_backup_of_a_broken_chain_is_killed,);

/// Row 19. In a broken chain a full backup publishes an increment before its image.
fn a_backup_of_a_broken_chain_is_killed(generation: EngineGeneration) {
    const CALLS: &str = "renameat,renameat2,linkat,unlinkat";
    let mut kills = 0;
    for call in CALLS.split(',') {
        for number in 1..12 {
            let mut world = world(generation);
            world.insert(DB, 0..2);
            done(&world.back_up(DB, REPO));
            world.insert(DB, 2..3);
            // The chain breaks: without a cursor the log goes with the close.
            let _ = std::fs::remove_file(world.log_folder(DB).join("backup_cursor.meta"));
            world.close(DB);
            world.open(DB);
            world.insert(DB, 3..5);
            let was_killed = kill_a_backup(&mut world, call, number);
            kills += usize::from(was_killed);
            done(&world.back_up(DB, REPO));
            world.insert(DB, 5..6);
            done(&world.back_up(DB, REPO));
            done(&world.back_up_as(DB, REPO, Some("--full"), None));
            all_is_exact(world);
            if !was_killed {
                break;
            }
        }
    }
    assert!(kills > 3, "{kills}");
}

/// Whether it was: a backup does not make any number of calls.
fn kill_a_backup(world: &mut World, call: &str, number: u32) -> bool {
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
        &inject,
    ]);
    strace
        .arg(command::program())
        .arg("backup")
        .arg(world.database(DB));
    strace.arg("--repo").arg(world.repository(REPO));
    let status = strace
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("strace is installed");
    !status.success()
}

//! Logs that lost bytes or files in a crash, and logs that are damaged.

use std::fs;

use apograph_interop::Generation;

use super::{DB, REPO, all_is_exact, done, done_or_refused, world};

for_each_generation!(
    a_page_of_captured_log_is_zeroed,
    rollbacks_behind_a_checkpoint,
);

const PAGE: usize = 4096;

/// Row 15b. A power loss takes a page in front of the last 64 KiB that were captured.
fn a_page_of_captured_log_is_zeroed(generation: Generation) {
    for behind in [1, 66 << 10, 100 << 10] {
        let mut world = world(generation);
        world.insert(DB, 0..2);
        done(&world.back_up(DB, REPO));
        let value = "v".repeat(4000);
        for number in 2..42 {
            world.run(DB, &format!("INSERT (:R {{i:{number}, v:'{value}'}})"));
        }
        done(&world.back_up(DB, REPO));
        world.kill(DB);
        let file = world.log_files(DB).pop().unwrap();
        let mut bytes = fs::read(&file).unwrap();
        assert!(bytes.len() > 160_000);
        let page = (bytes.len() - behind) / PAGE * PAGE;
        let end = bytes.len().min(page + PAGE);
        bytes[page..end].fill(0);
        fs::write(&file, bytes).unwrap();
        // Generation 2 looks at no more than the last 64 KiB: the engine cuts at the defect as soon
        // as it opens the database, and until then the repository has what the log had.
        if generation == Generation::One || behind < 64 << 10 {
            done_or_refused(&world.back_up(DB, REPO), &["wal-damaged"]);
        }
        // The engine of generation 2 refuses a defect that was synced.
        if world.try_open(DB).is_err() {
            continue;
        }
        world.insert(DB, 50..52);
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged"]);
        done_or_refused(
            &world.back_up_as(DB, REPO, Some("--full"), None),
            &["wal-damaged"],
        );
        world.checkpoint(DB);
        world.insert(DB, 52..53);
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged"]);
        done(&world.back_up_as(DB, REPO, Some("--full"), None));
        all_is_exact(world);
    }
}

/// Row 26, with the engines at hand: records of rollbacks and checkpoints stand between the
/// frames that were captured.
fn rollbacks_behind_a_checkpoint(generation: Generation) {
    let mut world = world(generation);
    for round in 0..6 {
        world.run(DB, "START TRANSACTION; INSERT (:R {i:99}); ROLLBACK");
        world.insert(DB, round..round + 1);
        world.checkpoint(DB);
        world.run(DB, "START TRANSACTION; INSERT (:R {i:99}); ROLLBACK");
        let outcome = world.back_up(DB, REPO);
        done(&outcome);
        let expected = if round == 0 { "full" } else { "incremental" };
        assert_eq!(outcome.word(), expected, "{}", outcome.json);
    }
    all_is_exact(world);
}

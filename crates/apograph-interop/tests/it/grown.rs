//! A folder database whose log grows so that the engine begins new files by itself. It takes minutes:
//! `cargo xtask lives` runs it.

use crate::lives::{DB, Kind, live};

/// Each value takes 10 MiB of the log, which begins a new file at 64 MiB.
#[test]
fn a_log_that_grows_begins_new_files() {
    const VALUE_BYTES: usize = 10 << 20;
    const VALUES: u64 = 7;
    const ROUNDS: u64 = 3;
    live(Kind::Folder, [0, 1, 0], |world| {
        world.insert(DB, 0..1);
        world.back_up(DB, "one");
        for round in 0..ROUNDS {
            for value in 0..VALUES {
                let value = format!("{round} {value} ").repeat(VALUE_BYTES / 4);
                world.run(DB, &format!("MATCH (r:R {{i:0}}) SET r.v = '{value}'"));
            }
            world.back_up(DB, "one");
            match round {
                0 => world.crash(DB),
                1 => world.checkpoint(DB),
                _ => {
                    world.close(DB);
                    world.open(DB);
                }
            }
            world.insert(DB, round + 1..round + 2);
            world.back_up(DB, "one");
        }
        assert_eq!(world.log_files(DB).len() as u64, ROUNDS + 1);
    });
}

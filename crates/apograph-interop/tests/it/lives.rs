//! Scripted lives, and how many full backups each of them takes.
//!
//! Each backup is judged by what the engine makes of a plain copy. A tool that always takes a full
//! one is never wrong and no use, so each life has a number of them that is not exceeded;
//! docs/testing.md says where the numbers come from. `APOGRAPH_COMMAND=PROGRAM` lets another
//! build of the command live them.

use std::path::Path;
use std::thread;

use apograph_interop::lives::{Tools, World};
use apograph_interop::{EngineGeneration, Load};

use crate::command;
use crate::fixtures;

/// Lives each life with a database of each kind.
macro_rules! for_each_kind {
    ($($test:ident),+ $(,)?) => {
        mod generation_1 {
            $(#[test] fn $test() { super::$test(super::Kind::One); })+
        }
        mod folder_database {
            $(#[test] fn $test() { super::$test(super::Kind::Folder); })+
        }
        mod generation_2 {
            $(#[test] fn $test() { super::$test(super::Kind::Two); })+
        }
    };
}

for_each_kind!(
    steady,
    a_checkpoint_before_each_backup,
    idle_checkpoints,
    a_crash_loop,
    a_loop_of_torn_tails,
    two_repositories,
    three_repositories,
    a_daily_close_and_reopen,
    moved_by_cp,
    short_commands,
    rollbacks,
    rollbacks_and_checkpoints,
    a_double_rotation,
);

/// The engine takes no backup of a folder database.
mod beside_the_engine {
    use super::{increments_of_the_engine_beside, increments_of_the_engine_between};

    for_each_generation!(
        increments_of_the_engine_beside,
        increments_of_the_engine_between,
    );
}

/// Of which kind the database of a life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file of generation 1.
    One,
    /// A folder of generation 1.
    Folder,
    /// A file of generation 2.
    Two,
}

impl Kind {
    fn tools(self) -> Tools {
        let generation = match self {
            Self::One | Self::Folder => EngineGeneration::One,
            Self::Two => EngineGeneration::Two,
        };
        Tools {
            in_folders: self == Self::Folder,
            ..tools(generation)
        }
    }
}

impl From<EngineGeneration> for Kind {
    fn from(generation: EngineGeneration) -> Self {
        match generation {
            EngineGeneration::One => Self::One,
            EngineGeneration::Two => Self::Two,
        }
    }
}

pub(crate) const DB: &str = "a";

/// The programs that were built with the tests.
pub(crate) fn tools(generation: EngineGeneration) -> Tools {
    Tools {
        command: command::built(),
        driver: fixtures::driver(generation).to_owned(),
        generation,
        in_vaults: false,
        in_folders: false,
    }
}

pub(crate) fn world(generation: EngineGeneration) -> World {
    World::new(&tools(generation))
}

/// A life with one database that is open, and at most so many full backups: of a file of generation
/// 1, of a folder, of a file of generation 2. It is lived twice: the backups go into folders, and
/// into vaults.
#[track_caller]
pub(crate) fn live(kind: Kind, fulls: [u64; 3], scenario: impl Fn(&mut World)) {
    for in_vaults in [false, true] {
        live_in(in_vaults, kind, fulls, &scenario);
    }
}

/// The same with all repositories in vaults, or in folders.
#[track_caller]
fn live_in(in_vaults: bool, kind: Kind, fulls: [u64; 3], scenario: impl Fn(&mut World)) {
    let tools = Tools {
        in_vaults,
        ..kind.tools()
    };
    let mut world = World::new(&tools);
    world.open(DB);
    scenario(&mut world);
    for repository in ["one", "two", "three"] {
        world.judge_points(repository);
    }
    judge(&world, kind, fulls);
}

#[track_caller]
fn judge(world: &World, kind: Kind, fulls: [u64; 3]) {
    let report = world.report();
    let own = thread::current();
    let name = own.name().unwrap_or_default();
    println!("{name}: {report}; {:?}", report.reasons);
    let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let most = match kind {
        Kind::One => fulls[0],
        Kind::Folder => fulls[1],
        Kind::Two => fulls[2],
    };
    assert!(report.fulls <= most, "{report}; {:#?}", report.reasons);
}

fn steady(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        for round in 0..10 {
            world.insert(DB, round * 3..round * 3 + 3);
            world.back_up(DB, "one");
        }
    });
}

fn a_checkpoint_before_each_backup(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        for round in 0..10 {
            world.insert(DB, round * 2..round * 2 + 2);
            world.checkpoint(DB);
            world.back_up(DB, "one");
        }
    });
}

fn idle_checkpoints(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        world.insert(DB, 0..2);
        for round in 2..6 {
            for _ in 0..3 {
                world.checkpoint(DB);
                world.back_up(DB, "one");
            }
            world.insert(DB, round..round + 1);
            world.back_up(DB, "one");
        }
    });
}

fn a_crash_loop(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        for round in 0..10 {
            world.insert(DB, round * 2..round * 2 + 1);
            world.back_up(DB, "one");
            world.insert(DB, round * 2 + 1..round * 2 + 2);
            world.crash(DB);
            if round % 3 == 0 {
                world.back_up(DB, "one");
            }
        }
        world.insert(DB, 20..21);
        world.back_up(DB, "one");
    });
}

fn a_loop_of_torn_tails(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        for round in 0..10 {
            world.insert(DB, round * 2..round * 2 + 1);
            world.back_up(DB, "one");
            world.insert(DB, round * 2 + 1..round * 2 + 2);
            world.tear(DB, 1 + round % 9);
            world.open(DB);
        }
        world.insert(DB, 20..21);
        world.back_up(DB, "one");
    });
}

fn two_repositories(kind: Kind) {
    live(kind, [2, 2, 2], |world| {
        in_turns(world, &["one", "two"], 6);
    });
}

fn three_repositories(kind: Kind) {
    live(kind, [3, 3, 3], |world| {
        in_turns(world, &["one", "two", "three"], 4);
    });
}

fn in_turns(world: &mut World, repositories: &[&str], rounds: u64) {
    let mut number = 0;
    for _ in 0..rounds {
        for repository in repositories {
            world.insert(DB, number..number + 2);
            number += 2;
            world.checkpoint(DB);
            world.insert(DB, number..number + 1);
            number += 1;
            world.back_up(DB, repository);
        }
    }
}

/// Into a folder of its own.
fn increments_of_the_engine_beside(generation: EngineGeneration) {
    live(generation.into(), [4, 4, 4], |world| {
        let theirs = world.path("theirs");
        in_turns_with_the_engine(world, &theirs);
    });
}

/// Into the same repository, which is a folder, since the engine knows no vaults. In generation 1 what was captured after a segment of the engine is
/// proved by our marker from before it and its whole body in the log, which a checkpoint takes
/// away.
fn increments_of_the_engine_between(generation: EngineGeneration) {
    live_in(false, generation.into(), [4, 4, 1], |world| {
        let ours = world.repository("one");
        in_turns_with_the_engine(world, &ours);
    });
}

/// Where the engine cannot go on, after a cursor that keeps all (generation 1) or stands further
/// along the log (2), it takes a full backup.
fn in_turns_with_the_engine(world: &mut World, theirs: &Path) {
    for round in 0..8 {
        world.insert(DB, round * 3..round * 3 + 1);
        world.back_up(DB, "one");
        world.insert(DB, round * 3 + 1..round * 3 + 2);
        let engine = world.engine(DB);
        if engine.backup_incremental(theirs).is_err() {
            engine.backup_full(theirs).unwrap();
        }
        world.insert(DB, round * 3 + 2..round * 3 + 3);
        if round % 3 == 0 {
            world.checkpoint(DB);
        }
    }
    world.back_up(DB, "one");
}

/// A file of generation 1 loses its log at a close, and with it the marker: one full backup for each
/// day.
fn a_daily_close_and_reopen(kind: Kind) {
    live(kind, [5, 1, 1], |world| {
        for day in 0..4 {
            for hour in 0..3 {
                let first = day * 6 + hour * 2;
                world.insert(DB, first..first + 2);
                world.back_up(DB, "one");
            }
            world.close(DB);
            world.back_up(DB, "one");
            world.open(DB);
        }
        world.insert(DB, 24..25);
        world.back_up(DB, "one");
    });
}

fn moved_by_cp(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        for round in 0..6 {
            world.insert(DB, round * 2..round * 2 + 1);
            world.back_up(DB, "one");
            world.insert(DB, round * 2 + 1..round * 2 + 2);
            world.relocate(DB, &format!("place-{round}"), true);
            if round % 2 == 0 {
                world.back_up(DB, "one");
            }
            world.open(DB);
        }
        world.insert(DB, 12..13);
        world.back_up(DB, "one");
    });
}

/// Each of them is a process, whose log nobody sees where the database is a file of generation 1.
fn short_commands(kind: Kind) {
    live(kind, [10, 1, 1], |world| {
        world.close(DB);
        for round in 0..10 {
            world.open(DB);
            world.insert(DB, round..round + 1);
            world.close(DB);
            world.back_up(DB, "one");
        }
    });
}

fn rollbacks(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        for round in 0..10 {
            roll_back_some(world, round);
            world.back_up(DB, "one");
        }
    });
}

fn rollbacks_and_checkpoints(kind: Kind) {
    live(kind, [1, 1, 1], |world| {
        for round in 0..10 {
            roll_back_some(world, round);
            if round % 2 == 0 {
                world.checkpoint(DB);
            }
            roll_back_some(world, round + 100);
            world.back_up(DB, "one");
        }
    });
}

fn roll_back_some(world: &mut World, number: u64) {
    let rolled_back = "START TRANSACTION; INSERT (:R {i:99}); ROLLBACK";
    world.run(DB, rolled_back);
    world.insert(DB, number..number + 1);
    world.run(DB, rolled_back);
    world.run(DB, "START TRANSACTION; COMMIT");
}

/// Sixteen sessions that find a log file full at once may begin two new ones.
fn a_double_rotation(kind: Kind) {
    const SESSIONS: u64 = 16;
    const VALUE_BYTES: usize = 512 << 10;
    // A log file is full at 64 MiB.
    const COMMITS_PER_FILE: u64 = (64 << 20) / VALUE_BYTES as u64;
    let mut world = World::new(&kind.tools());
    world.open(DB);
    world.insert(DB, 0..2);
    world.back_up(DB, "one");
    for round in 0..2 {
        let load = Load::of(SESSIONS, COMMITS_PER_FILE / SESSIONS + 2)
            .labelled(&format!("W{round}"))
            .with_values_of(VALUE_BYTES);
        world.engine(DB).concurrent(&load).unwrap();
        world.back_up(DB, "one");
        world.checkpoint(DB);
    }
    world.back_up(DB, "one");
    judge(&world, kind, [1, 1, 1]);
}

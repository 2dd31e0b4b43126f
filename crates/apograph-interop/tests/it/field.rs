//! Where a correct tool still lost data: databases as people name, copy, move, share and interrupt
//! them, one test for each way in which a backup once said that it was done and was not.
//!
//! Each backup is judged when it is taken: its latest state has to be what the engine makes of a
//! plain copy of the database and its log.

#[cfg(feature = "strace")]
mod closing;
mod forks;
#[cfg(feature = "strace")]
mod killed;
mod logs;
mod names;
mod remains;
mod replaced;
mod segments;
mod short;
mod spilled;
mod times;

use apograph_interop::lives::World;
use apograph_interop::{EngineGeneration, Outcome};

use crate::command;
use crate::lives;

/// The database of a test.
const DB: &str = "a";
/// Its repository.
const REPO: &str = "r";

/// A database that is open.
fn world(generation: EngineGeneration) -> World {
    let mut world = lives::world(generation);
    world.open(DB);
    world
}

/// A backup that is done, or refused for one of these reasons.
#[track_caller]
fn done_or_refused(outcome: &Outcome, codes: &[&str]) {
    if outcome.exit != 0 {
        let code = outcome.word();
        assert!(codes.contains(&code), "{}", outcome.json);
        check_exit(outcome);
    }
}

/// A backup that is refused for this reason.
#[track_caller]
fn refused(outcome: &Outcome, code: &str) {
    assert_ne!(outcome.exit, 0, "not refused: {}", outcome.json);
    assert_eq!(outcome.word(), code, "{}", outcome.json);
    check_exit(outcome);
}

/// A backup that is done.
#[track_caller]
fn done(outcome: &Outcome) {
    assert_eq!(outcome.exit, 0, "{}", outcome.json);
}

/// Nothing that was judged is wrong, and neither is a point that the repository offers.
#[track_caller]
fn all_is_exact(mut world: World) {
    world.judge_points(REPO);
    let findings = &world.report().findings;
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");
}

/// An error has the exit status of the contract.
#[track_caller]
fn check_exit(outcome: &Outcome) {
    let outcome = command::Outcome {
        exit: outcome.exit,
        json: outcome.json.clone(),
    };
    outcome.code();
}

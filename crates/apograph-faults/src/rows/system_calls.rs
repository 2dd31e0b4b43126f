//! Kills and errors at every system call of the built command.
//!
//! The first fault of a kind is put on the first call, the next on the second, until none is left
//! to strike: so a sweep goes through every instant at which the command talks to the system.

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::act::{Act, ActFolder};
use crate::check::{Ended, check};
use crate::command::{CommandRun, Programs};
use crate::mutant::Neglect;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::FaultStage;
use crate::strace::{self, Injection};

/// The calls that change something, or that a change depends on.
const CALLS: &[&str] = &[
    "openat",
    "openat2",
    "write",
    "pwrite64",
    "copy_file_range",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "ftruncate",
    "mkdir",
    "mkdirat",
    "fchmod",
    "fchown",
    "flock",
];
/// The calls that only read.
const READING_CALLS: &[&str] = &[
    "read",
    "pread64",
    "mmap",
    "statx",
    "fstat",
    "getdents64",
    "close",
];
/// The calls that can do less than they were asked to.
const PARTIAL_CALLS: &[&str] = &["write", "copy_file_range"];
pub(super) const KILL: &str = "signal=KILL";
const ERRORS: &[&str] = &["error=EIO", "error=ENOSPC"];
const MORE_ERRORS: &[&str] = &["error=EROFS", "error=EMFILE"];
/// The call says that it wrote seven bytes, and has written none.
const LIE: &str = "retval=7";

/// The command is killed.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn kill(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    let faults: Vec<_> = calls(extent).map(|call| (call, KILL)).collect();
    let mutant = (
        Neglect::Publication,
        "a build whose files have names before they have bytes",
    );
    run(programs, &faults, mutant)
}

/// The call fails, or does less than it says.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn error(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    let mut errors = ERRORS.to_vec();
    if extent == RowExtent::Long {
        errors.extend(MORE_ERRORS);
    }
    let failing = errors
        .into_iter()
        .flat_map(|error| calls(extent).map(move |call| (call, error)));
    let lying = PARTIAL_CALLS.iter().map(|call| (*call, LIE));
    let faults: Vec<_> = failing.chain(lying).collect();
    let mutant = (
        Neglect::Withdrawal,
        "a build that does not take back what it published",
    );
    run(programs, &faults, mutant)
}

fn calls(extent: RowExtent) -> impl Iterator<Item = &'static str> {
    let more = match extent {
        RowExtent::Quick => &[],
        RowExtent::Long => READING_CALLS,
    };
    CALLS.iter().chain(more).copied()
}

fn run(
    programs: &Programs,
    faults: &[(&str, &str)],
    (neglect, what): (Neglect, &'static str),
) -> Result<RowOutcome> {
    if !strace::is_possible() {
        return Ok(RowOutcome::Skipped(
            "strace is not there, or may not trace".to_owned(),
        ));
    }
    let mut tally = Tally::default();
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for act in Act::of_generation(generation) {
            for fault in faults {
                tally.add(sweep(programs, None, &stage, act, *fault, &anywhere)?);
            }
        }
        for act in [Act::Salvage, Act::SalvageOfDatabase] {
            // What it cannot read is not in what it makes, and that is no failure.
            for fault in faults.iter().filter(|(call, _)| CALLS.contains(call)) {
                tally.add(sweep(programs, None, &stage, act, *fault, &anywhere)?);
            }
        }
    }
    let mut control = Tally::default();
    let stage = FaultStage::new(2)?;
    for fault in faults {
        control.add(sweep(
            programs,
            Some(neglect),
            &stage,
            Act::Incremental,
            *fault,
            &anywhere,
        )?);
    }
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

fn anywhere() -> Result<TempDir> {
    Ok(scratch()?)
}

/// Puts one fault on each call of one kind, of one act, which is done in a folder of its own.
pub(super) fn sweep(
    programs: &Programs,
    neglects: Option<Neglect>,
    stage: &FaultStage,
    act: Act,
    (call, fault): (&str, &str),
    folder: &dyn Fn() -> Result<TempDir>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for number in 1.. {
        let (folder, beside) = (folder()?, scratch()?);
        let place = ActFolder::prepared(&folder.path().join("place"), stage, act)?;
        let injection = Injection {
            call,
            fault,
            number,
        };
        let trace = beside.path().join("trace");
        let run = strace::run(programs, neglects, &act.words(&place), injection, &trace)?;
        tally.runs += 1;
        let Some((ended, run)) = run else {
            break;
        };
        let outcome = check_code(ended, &run, call).and_then(|()| check(stage, act, &place, ended));
        let generation = stage.generation();
        let what = || format!("generation {generation}, {act:?}, {call} {number}, {fault}");
        tally.struck(what, outcome);
    }
    Ok(tally)
}

/// A command that failed says that it could not read or write; unless it cannot even say so.
fn check_code(ended: Ended, run: &CommandRun, call: &str) -> Result<()> {
    if ended != Ended::Failed || run.json.is_null() && (run.exit == Some(127) || call == "write") {
        return Ok(());
    }
    let code = run.code()?;
    ensure!(code == "io", "the error is {code}: {}", run.json["message"]);
    Ok(())
}

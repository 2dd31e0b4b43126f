//! A command is told to end, or cannot say what it did.
//!
//! In three ways: the monitor of the library says so each time it is asked; a signal comes at any
//! moment of the built command, which is slowed for that; standard output is full, or closed.

mod output;
mod signals;

use anyhow::{Result, bail, ensure};
use apograph::io::{Disk, RealDisk};
use apograph_testing::ended_after::EndedAfter;

use crate::act::{Act, ActFolder, code_of};
use crate::check::{Ended, check};
use crate::command::Programs;
use crate::mutant::{MutantDisk, Neglect};
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::FaultStage;

/// Ends each act in each way.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for act in Act::of_row(generation, extent) {
            tally.add(asked(&stage, act, None)?);
            control.add(asked(&stage, act, Some(Neglect::Withdrawal))?);
            tally.add(signals::sweep(programs, &stage, act, extent)?);
            tally.add(output::sweep(programs, &stage, act, extent)?);
        }
        tally.add(output::of_readers(programs, &stage));
    }
    let what = "a build that does not take back what it began";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// Ends an act each time that it asks whether to go on.
fn asked(stage: &FaultStage, act: Act, neglects: Option<Neglect>) -> Result<Tally> {
    let mutant = neglects.map(|neglect| MutantDisk::new(&RealDisk, neglect));
    let disk: &dyn Disk = match &mutant {
        Some(disk) => disk,
        None => &RealDisk,
    };
    let mut tally = Tally::default();
    for asked in 0.. {
        let folder = scratch()?;
        let place = ActFolder::prepared(folder.path(), stage, act)?;
        let monitor = EndedAfter::asked(asked);
        let outcome = act.perform_heard(disk, &place, &monitor);
        tally.runs += 1;
        if !monitor.has_ended() {
            // A mutant may fail by itself.
            if neglects.is_none() {
                outcome?;
            }
            break;
        }
        let judged = judge(outcome).and_then(|()| check(stage, act, &place, Ended::Failed));
        let generation = stage.generation();
        let what = || format!("generation {generation}, {act:?}, ended at question {asked}");
        tally.struck(what, judged);
    }
    Ok(tally)
}

fn judge(outcome: Result<()>) -> Result<()> {
    let Err(error) = outcome else {
        bail!("it went on");
    };
    let code = code_of(&error);
    ensure!(
        code == Some("interrupted"),
        "the error is {code:?}: {error}"
    );
    Ok(())
}

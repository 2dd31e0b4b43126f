//! A command is told to end, or cannot say what it did.
//!
//! In three ways: the monitor of the library says so each time it is asked; a signal comes at any
//! moment of the built command, which is slowed for that; standard output is full, or closed.

mod output;
mod signals;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Result, bail, ensure};
use apograph::io::{Disk, Monitor, RealDisk};

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
        for act in Act::WITH_VAULTS {
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

/// Says that the operation shall end once it was asked so often, and from then on.
struct Patience {
    left: AtomicUsize,
    has_ended: AtomicBool,
}

impl Patience {
    fn of(questions: usize) -> Self {
        Self {
            left: AtomicUsize::new(questions),
            has_ended: AtomicBool::new(false),
        }
    }
}

impl Monitor for Patience {
    fn is_interrupted(&self) -> bool {
        let fewer = |left: usize| left.checked_sub(1);
        let order = Ordering::Relaxed;
        let is_over = self.left.fetch_update(order, order, fewer).is_err();
        self.has_ended.fetch_or(is_over, order);
        is_over
    }
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
        let patience = Patience::of(asked);
        let outcome = act.perform_heard(disk, &place, &patience);
        tally.runs += 1;
        if !patience.has_ended.into_inner() {
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

//! Two commands at once, upon one repository or one output.

use std::sync::{Arc, Mutex};

use anyhow::{Result, bail, ensure};
use apograph::io::RealDisk;

use crate::act::{Act, ActFolder, code_of};
use crate::check::{Ended, check};
use crate::command::Programs;
use crate::report::{Control, RowOutcome, Tally};
use crate::simulated::{Simulated, operations};
use crate::stage::FaultStage;
use crate::strace;

/// Before each operation of an act, the same act is begun once more.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(programs: &Programs) -> Result<RowOutcome> {
    let mut tally = Tally::default();
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        // A verification reads without a lock, and does without its note.
        for act in Act::of_generation(generation).filter(|act| *act != Act::Verify) {
            tally.add(sweep(&stage, act, move |place| {
                act.perform(&RealDisk, place)
            })?);
        }
    }
    Ok(RowOutcome::Ran {
        tally,
        control: control(programs)?,
    })
}

/// The second command does not see the lock.
fn control(programs: &Programs) -> Result<Option<Control>> {
    if !strace::is_possible() {
        return Ok(None);
    }
    let (stage, act) = (FaultStage::new(2)?, Act::Incremental);
    let programs = programs.clone();
    let tally = sweep(&stage, act, move |place| {
        let trace = place.root().join("trace");
        let words = act.words(place);
        let run = strace::run_each(&programs, &words, "flock", "retval=0", &trace)?;
        std::fs::remove_file(trace)?;
        match run.exit {
            Some(0) => Ok(()),
            _ => bail!("without a lock: {}", run.json["code"]),
        }
    })?;
    Ok(Control::of("a second command that takes no lock", tally))
}

fn sweep(
    stage: &FaultStage,
    act: Act,
    second: impl Fn(&ActFolder) -> Result<()> + Clone + Send + Sync + 'static,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for (index, at) in operations(stage, act, None)?.iter().enumerate() {
        let outcome_of_second = Arc::new(Mutex::new(None));
        let first = Simulated::perform(stage, act, None, |disk, place| {
            let (place, second) = (place.clone(), second.clone());
            let outcome = Arc::clone(&outcome_of_second);
            disk.meanwhile(move |now| {
                if now == index
                    && let Ok(mut outcome) = outcome.lock()
                {
                    *outcome = Some(second(&place));
                }
            })
        })?;
        tally.runs += 1;
        let second = outcome_of_second.lock().ok().and_then(|mut it| it.take());
        // The first operation of a first backup makes the folder that is then locked.
        let is_locked = !act.is_first() || index > 0;
        let outcome = judge(&first, second, is_locked)
            .and_then(|()| check(stage, act, &first.place, Ended::Acknowledged));
        let generation = stage.generation();
        tally.struck(
            || format!("generation {generation}, {act:?}, before {index}, {at:?}"),
            outcome,
        );
    }
    Ok(tally)
}

/// One wins, and the other says that it is busy. A second command that begins before the first has
/// the lock may be done before the first goes on.
fn judge(first: &Simulated, second: Option<Result<()>>, is_locked: bool) -> Result<()> {
    let Some(second) = second else {
        bail!("the second was not begun");
    };
    let loser = match (&first.outcome, &second) {
        (Ok(()), Err(loser)) | (Err(loser), Ok(())) => loser,
        (Ok(()), Ok(())) if is_locked => bail!("both were done"),
        (Ok(()), Ok(())) => return Ok(()),
        (Err(first), Err(second)) => bail!("none was done: {first:#}; {second:#}"),
    };
    let code = code_of(loser);
    let is_busy = ["repository-busy", "output-exists"]
        .map(Some)
        .contains(&code);
    ensure!(is_busy, "the other one says {code:?}: {loser:#}");
    Ok(())
}

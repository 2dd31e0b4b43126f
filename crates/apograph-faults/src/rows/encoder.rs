//! What is written is not what was to be written.

use anyhow::Result;
use apograph_testing::disk::Fault;

use crate::act::Act;
use crate::check::check;
use crate::mutant::Neglect;
use crate::report::{Control, RowOutcome, Tally};
use crate::simulated::{Simulated, operations};
use crate::stage::FaultStage;

/// Writes one bit wrong, at each write to a repository, or to what a drill restores.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run() -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        let acts = Act::of_generation(generation).filter(|act| !act.is_restore());
        for act in acts.chain([Act::Drill]) {
            for (index, at) in operations(&stage, act, None)?.iter().enumerate() {
                if !["write", "copy"].contains(&at.name) {
                    continue;
                }
                let run = Simulated::struck(&stage, act, None, index, Fault::WritesWrong)?;
                tally.runs += 1;
                let outcome = check(&stage, act, &run.place, run.ended());
                let what = || format!("generation {generation}, {act:?}, wrong at {index}, {at:?}");
                tally.struck(what, outcome);
            }
            let neglects = Some(Neglect::Comparison);
            let run = Simulated::perform(&stage, act, neglects, |disk, _| disk)?;
            control.runs += 1;
            let outcome = check(&stage, act, &run.place, run.ended());
            control.struck(|| format!("generation {generation}, {act:?}"), outcome);
        }
    }
    let what = "a build that publishes what it has not compared";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

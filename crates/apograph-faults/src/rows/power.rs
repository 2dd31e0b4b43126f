//! The power goes, at every operation and in every way; on a disk that is simulated.

use anyhow::Result;
use apograph_testing::disk::{Fault, Survival};

use crate::act::{Act, ActFolder};
use crate::check::{Ended, check};
use crate::mutant::Neglect;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::simulated::{Simulated, operations};
use crate::stage::FaultStage;

/// Of the ways in which the power can go, a quick run takes this many at each operation.
const QUICK_SURVIVALS: usize = 6;

/// Goes through every operation of every act.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        let mut caught = Tally::default();
        for act in Act::of_row(generation, extent) {
            tally.add(sweep(&stage, act, extent, None)?);
            if caught.wants_more(extent) {
                caught.add(sweep(&stage, act, RowExtent::Quick, Some(Neglect::Syncs))?);
            }
        }
        control.add(caught);
    }
    Ok(RowOutcome::Ran {
        tally,
        control: Control::of("a build that skips every sync", control),
    })
}

/// The last cut is after the last operation, when the act is acknowledged.
fn sweep(
    stage: &FaultStage,
    act: Act,
    extent: RowExtent,
    neglects: Option<Neglect>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let operations = operations(stage, act, neglects)?;
    for index in 0..=operations.len() {
        let run = Simulated::struck(stage, act, neglects, index, Fault::PowerCut)?;
        tally.runs += 1;
        let ended = match operations.get(index) {
            Some(_) => Ended::CutOff,
            None => Ended::Acknowledged,
        };
        for survival in chosen(run.disk.survivals(), extent) {
            let found = scratch()?;
            run.disk.cut(&survival, found.path());
            let outcome = check(stage, act, &ActFolder::at(found.path()), ended);
            let what = || {
                let (generation, at) = (stage.generation(), operations.get(index));
                format!("generation {generation}, {act:?}, cut before {index}, {at:?}: {survival}")
            };
            tally.struck(what, outcome);
        }
    }
    Ok(tally)
}

fn chosen(survivals: Vec<Survival>, extent: RowExtent) -> Vec<Survival> {
    match extent {
        RowExtent::Long => survivals,
        RowExtent::Quick => {
            let step = survivals.len().div_ceil(QUICK_SURVIVALS).max(1);
            survivals.into_iter().step_by(step).collect()
        }
    }
}

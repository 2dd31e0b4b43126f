//! The power goes, at every operation and in every way; on a disk that is simulated.

use anyhow::Result;
use apograph::io::Disk;
use apograph_testing::disk::{Fault, SimDisk, Survival};

use crate::act::{Act, Place};
use crate::careless::{CarelessDisk, Neglect};
use crate::check::{Ended, check};
use crate::report::{Control, Extent, Outcome, Tally};
use crate::scratch::scratch;
use crate::stage::Stage;

/// Of the ways in which the power can go, a quick run takes this many at each operation.
const QUICK_SURVIVALS: usize = 6;

/// Goes through every operation of every act, with a careless disk as the control.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(extent: Extent) -> Result<Outcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = Stage::new(generation)?;
        for act in Act::ALL {
            tally.add(sweep(&stage, act, extent, None)?);
            control.add(sweep(&stage, act, Extent::Quick, Some(Neglect::Syncs))?);
        }
    }
    let what = "a disk that skips every sync";
    let control = Some(Control {
        what,
        tally: control,
    });
    Ok(Outcome::Ran { tally, control })
}

fn sweep(stage: &Stage, act: Act, extent: Extent, neglect: Option<Neglect>) -> Result<Tally> {
    let mut tally = Tally::default();
    for index in 0.. {
        let folder = scratch()?;
        let place = Place::prepared(folder.path(), stage, act)?;
        let disk = SimDisk::new(folder.path()).with_fault(index, Fault::PowerCut);
        let performed = match neglect {
            Some(neglect) => act.perform(&CarelessDisk::new(&disk, neglect), &place),
            None => act.perform(&disk as &dyn Disk, &place),
        };
        tally.runs += 1;
        let ended = match (disk.is_struck(), performed) {
            (true, _) => Ended::CutOff,
            (false, Ok(())) => Ended::Acknowledged,
            (false, Err(error)) => return Err(error.context("without a fault")),
        };
        for survival in chosen(disk.survivals(), extent) {
            let found = scratch()?;
            disk.cut(&survival, found.path());
            let outcome = check(stage, act, &Place::at(found.path()), ended);
            let operation = disk.operations().get(index).cloned();
            let what = || {
                let generation = stage.generation();
                format!(
                    "generation {generation}, {act:?}, power cut before {index}, {operation:?}; {survival}"
                )
            };
            tally.struck(what, outcome);
        }
        if ended == Ended::Acknowledged {
            return Ok(tally);
        }
    }
    Ok(tally)
}

fn chosen(survivals: Vec<Survival>, extent: Extent) -> Vec<Survival> {
    match extent {
        Extent::Long => survivals,
        Extent::Quick => {
            let step = survivals.len().div_ceil(QUICK_SURVIVALS).max(1);
            survivals.into_iter().step_by(step).collect()
        }
    }
}

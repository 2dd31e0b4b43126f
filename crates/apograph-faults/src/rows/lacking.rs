//! Operations fail and the power goes, on a simulated disk whose file system does not have what
//! others have.

use std::io::ErrorKind;

use anyhow::{Context, Result, ensure};
use apograph::io::Lack;
use apograph_testing::disk::{Fault, Operation};

use crate::act::{Act, ActFolder, code_of};
use crate::check::{Ended, check};
use crate::mutant::Neglect;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::simulated::Simulated;
use crate::stage::FaultStage;

/// What NFS, SMB and most of FUSE lack, and what vfat and exFAT lack too.
const LACKS: [&[Lack]; 2] = [
    &[Lack::FreeRename, Lack::Exchange],
    &[Lack::FreeRename, Lack::Exchange, Lack::Link],
];
/// Of the ways in which the power can go, a quick run takes this many at each operation.
const QUICK_SURVIVALS: usize = 3;

/// Goes through every operation of every act, on each such file system.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for (generation, lacks) in [1, 2].into_iter().zip(LACKS.into_iter().cycle()) {
        let stage = FaultStage::new(generation)?;
        let each = match extent {
            RowExtent::Quick => vec![lacks],
            RowExtent::Long => LACKS.to_vec(),
        };
        for lacks in each {
            for act in Act::of_row(generation, extent) {
                let sweep = |neglects| Sweep {
                    stage: &stage,
                    act,
                    lacks,
                    neglects,
                    extent,
                };
                tally.add(sweep(None).run()?);
                if act == Act::Full {
                    control.add(sweep(Some(Neglect::Withdrawal)).run()?);
                }
            }
        }
    }
    let what = "a build that does not take back what it published";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// Every operation of one act.
struct Sweep<'a> {
    stage: &'a FaultStage,
    act: Act,
    lacks: &'static [Lack],
    neglects: Option<Neglect>,
    extent: RowExtent,
}

impl Sweep<'_> {
    fn run(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        let without_fault = self.perform(None)?;
        let outcome = without_fault.outcome;
        outcome.with_context(|| format!("{:?}, without a fault", self.act))?;
        let operations = without_fault.disk.operations();
        for (index, at) in operations.iter().enumerate() {
            self.fails(index, at, &mut tally)?;
            self.goes_dark(index, at, &mut tally)?;
        }
        Ok(tally)
    }

    fn perform(&self, fault: Option<(usize, Fault)>) -> Result<Simulated> {
        Simulated::perform(self.stage, self.act, self.neglects, |disk, _| {
            let disk = disk.without(self.lacks);
            match fault {
                Some((index, fault)) => disk.with_fault(index, fault),
                None => disk,
            }
        })
    }

    fn fails(&self, index: usize, at: &Operation, tally: &mut Tally) -> Result<()> {
        let run = self.perform(Some((index, Fault::Fails(ErrorKind::StorageFull))))?;
        tally.runs += 1;
        let ended = run.ended();
        let outcome =
            check_code(&run).and_then(|()| check(self.stage, self.act, &run.place, ended));
        tally.struck(
            || format!("{}, fails at {index}, {at:?}", self.name()),
            outcome,
        );
        Ok(())
    }

    fn goes_dark(&self, index: usize, at: &Operation, tally: &mut Tally) -> Result<()> {
        let run = self.perform(Some((index, Fault::PowerCut)))?;
        tally.runs += 1;
        let survivals = run.disk.survivals();
        let step = match self.extent {
            RowExtent::Long => 1,
            RowExtent::Quick => survivals.len().div_ceil(QUICK_SURVIVALS).max(1),
        };
        for survival in survivals.into_iter().step_by(step) {
            let found = scratch()?;
            run.disk.cut(&survival, found.path());
            let place = ActFolder::at(found.path());
            let outcome = check(self.stage, self.act, &place, Ended::CutOff);
            tally.struck(
                || format!("{}, cut before {index}, {at:?}: {survival}", self.name()),
                outcome,
            );
        }
        Ok(())
    }

    fn name(&self) -> String {
        let generation = self.stage.generation();
        format!(
            "generation {generation}, {:?}, without {:?}",
            self.act, self.lacks
        )
    }
}

fn check_code(run: &Simulated) -> Result<()> {
    if let Err(error) = &run.outcome {
        let code = code_of(error);
        ensure!(code == Some("io"), "the error is {code:?}: {error}");
    }
    Ok(())
}

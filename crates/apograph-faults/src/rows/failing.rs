//! An operation fails, on a disk that is simulated: any one, or a sync, which takes what it was
//! about with it.

use std::io::ErrorKind;

use anyhow::{Result, ensure};
use apograph_testing::disk::{Fault, Operation, Survival};

use crate::act::{Act, ActFolder, code_of};
use crate::check::{Ended, check};
use crate::mutant::Neglect;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::simulated::{Simulated, operations};
use crate::stage::FaultStage;

const KINDS: &[ErrorKind] = &[ErrorKind::StorageFull, ErrorKind::Other];
const MORE_KINDS: &[ErrorKind] = &[
    ErrorKind::ReadOnlyFilesystem,
    ErrorKind::PermissionDenied,
    ErrorKind::QuotaExceeded,
];

/// Lets each operation of each act fail.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn operation(extent: RowExtent) -> Result<RowOutcome> {
    let more = match extent {
        RowExtent::Quick => &[],
        RowExtent::Long => MORE_KINDS,
    };
    let kinds: Vec<_> = KINDS.iter().chain(more).copied().collect();
    let any = |_: &Operation| true;
    let tally = each(None, extent, any, &kinds, |stage, act, run| {
        check(stage, act, &run.place, run.ended())
    })?;
    let control = each(
        Some(Neglect::Withdrawal),
        extent,
        any,
        KINDS,
        |stage, act, run| check(stage, act, &run.place, run.ended()),
    )?;
    let what = "a build that does not take back what it published";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// Lets each sync of each act fail, once; then the power goes, and with it what was not synced.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn sync(extent: RowExtent) -> Result<RowOutcome> {
    let is_sync = |operation: &Operation| operation.name.starts_with("sync");
    let judge = |stage: &FaultStage, act: Act, run: &Simulated| {
        let ended = run.ended();
        for survival in ways(run, extent) {
            let found = scratch()?;
            run.disk.cut(&survival, found.path());
            // What failed and was taken back may be half taken back after a power cut.
            let ended = match ended {
                Ended::Failed => Ended::CutOff,
                other => other,
            };
            check(stage, act, &ActFolder::at(found.path()), ended)?;
        }
        check(stage, act, &run.place, ended)
    };
    let kinds = &[ErrorKind::Other];
    let tally = each(None, extent, is_sync, kinds, judge)?;
    let control = each(Some(Neglect::SyncErrors), extent, is_sync, kinds, judge)?;
    let what = "a build that syncs again where a sync failed";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// The way in which most is lost, or each.
fn ways(run: &Simulated, extent: RowExtent) -> Vec<Survival> {
    let mut ways = run.disk.survivals();
    if extent == RowExtent::Quick {
        ways.truncate(1);
    }
    ways
}

/// Puts each kind of error on each operation that is `wanted`, of each act.
fn each(
    neglects: Option<Neglect>,
    extent: RowExtent,
    wanted: impl Fn(&Operation) -> bool,
    kinds: &[ErrorKind],
    judge: impl Fn(&FaultStage, Act, &Simulated) -> Result<()>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        let mut found = Tally::default();
        for act in Act::of_row(generation, extent) {
            if neglects.is_some() && !found.wants_more(extent) {
                break;
            }
            for (index, at) in operations(&stage, act, neglects)?.iter().enumerate() {
                for kind in kinds.iter().filter(|_| wanted(at)) {
                    let fault = Fault::Fails(*kind);
                    let run = Simulated::struck(&stage, act, neglects, index, fault)?;
                    found.runs += 1;
                    let outcome = check_code(&run).and_then(|()| judge(&stage, act, &run));
                    let what =
                        || format!("generation {generation}, {act:?}, {kind} at {index}, {at:?}");
                    found.struck(what, outcome);
                }
            }
        }
        tally.add(found);
    }
    Ok(tally)
}

fn check_code(run: &Simulated) -> Result<()> {
    if let Err(error) = &run.outcome {
        let code = code_of(error);
        ensure!(code == Some("io"), "the error is {code:?}: {error}");
    }
    Ok(())
}

//! Copies into a vault, out of it and from folder to folder, on a disk that is simulated: each
//! operation fails, writes one bit wrong, or is the last one before the power goes.
//!
//! A copy that ends early may leave the front of what it copies, and nothing else that a reader
//! sees; and the next one goes on from there, whatever the first one left.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use apograph::io::RealDisk;
use apograph::repository::Repository;
use apograph::restore::{VerifyOptions, verify};
use apograph_testing::context::every_core;
use apograph_testing::disk::{Fault, Operation, SimDisk, Survival};
use tempfile::TempDir;

use crate::act::code_of;
use crate::check::Ended;
use crate::database_state::states;
use crate::mutant::{MutantDisk, Neglect};
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::{FIRST_EPOCH, LAST_EPOCH, contents, copy as copy_files};
use crate::vault_stage::{VaultStage, copied};

/// Of the ways in which the power can go, a quick run takes this many at each operation.
const QUICK_SURVIVALS: usize = 2;

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Into a vault that has the front.
    Into,
    /// Out of a vault, into a folder that has the front.
    OutOf,
    /// Out of a vault, into a folder that is not there.
    New,
}

impl Way {
    const ALL: [Self; 3] = [Self::Into, Self::OutOf, Self::New];

    /// What is copied.
    const fn source(self) -> &'static str {
        match self {
            Self::Into => "newer",
            Self::OutOf | Self::New => "newer-vault",
        }
    }

    /// What there is already.
    const fn front(self) -> Option<&'static str> {
        match self {
            Self::Into => Some("older-vault"),
            Self::OutOf => Some("older"),
            Self::New => None,
        }
    }
}

/// Lets each operation of each copy fail, go wrong, or be the last.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = VaultStage::new(generation)?;
        for way in Way::ALL {
            for kind in kinds(extent) {
                tally.add(stage.each(way, None, |run| run.failed(Fault::Fails(kind)))?);
            }
            tally.add(stage.each(way, None, |run| run.failed(Fault::WritesWrong))?);
            tally.add(stage.each(way, None, |run| run.cut_off(extent))?);
            let neglected = Some(Neglect::Syncs);
            if control.wants_more(extent) {
                control.add(stage.each(way, neglected, |run| run.cut_off(RowExtent::Quick))?);
            }
        }
    }
    Ok(RowOutcome::Ran {
        tally,
        control: Control::of("a build that skips every sync", control),
    })
}

fn kinds(extent: RowExtent) -> impl Iterator<Item = ErrorKind> {
    let all = [ErrorKind::StorageFull, ErrorKind::Other];
    let count = match extent {
        RowExtent::Quick => 1,
        RowExtent::Long => all.len(),
    };
    all.into_iter().take(count)
}

impl VaultStage {
    /// Strikes at each operation of a copy.
    fn each(
        &self,
        way: Way,
        neglects: Option<Neglect>,
        strike: impl Fn(&Strike<'_>) -> Result<Option<Result<()>>>,
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        let whole = Run::perform(self, way, neglects, None)?;
        whole
            .outcome
            .with_context(|| format!("{way:?}, without a fault"))?;
        let operations = whole.disk.operations();
        for index in 0..=operations.len() {
            let at = operations.get(index);
            let strike = strike(&Strike {
                stage: self,
                way,
                neglects,
                index,
                at,
            })?;
            tally.runs += 1;
            let generation = self.stage.generation();
            if let Some(outcome) = strike {
                let what = || format!("generation {generation}, {way:?}, at {index}, {at:?}");
                tally.struck(what, outcome);
            }
        }
        Ok(tally)
    }
}

/// A copy, and the operation at which a fault strikes.
struct Strike<'a> {
    stage: &'a VaultStage,
    way: Way,
    neglects: Option<Neglect>,
    index: usize,
    /// `None` after the last one.
    at: Option<&'a Operation>,
}

impl Strike<'_> {
    fn perform(&self, fault: Fault) -> Result<Run> {
        let fault = Some((self.index, fault));
        Run::perform(self.stage, self.way, self.neglects, fault)
    }

    /// The operation fails or goes wrong, and the process lives.
    fn failed(&self, fault: Fault) -> Result<Option<Result<()>>> {
        let run = self.perform(fault)?;
        if !run.disk.is_struck() {
            return Ok(None);
        }
        let ended = match &run.outcome {
            Ok(()) => Ended::Acknowledged,
            Err(_) => Ended::Failed,
        };
        let told = run.outcome.as_ref().err().map(code_of);
        let is_right = match fault {
            Fault::WritesWrong => matches!(told, None | Some(Some("corrupt-segment" | "io"))),
            _ => matches!(told, None | Some(Some("io"))),
        };
        if !is_right {
            return Ok(Some(Err(anyhow::anyhow!("the error is {told:?}"))));
        }
        Ok(Some(self.check(run.folder.path(), ended)))
    }

    /// The power goes before the operation.
    fn cut_off(&self, extent: RowExtent) -> Result<Option<Result<()>>> {
        let run = self.perform(Fault::PowerCut)?;
        let ended = match self.at {
            Some(_) => Ended::CutOff,
            None => Ended::Acknowledged,
        };
        for survival in chosen(run.disk.survivals(), extent) {
            let found = scratch()?;
            run.disk.cut(&survival, found.path());
            let checked = self.check(found.path(), ended);
            if checked.is_err() {
                return Ok(Some(checked.with_context(|| survival.to_string())));
            }
        }
        Ok(Some(Ok(())))
    }

    /// What is there is the front of what is copied, and the next copy brings the rest.
    fn check(&self, folder: &Path, ended: Ended) -> Result<()> {
        let truth = self.stage.stage.truth();
        let (from, to) = (folder.join("from"), folder.join("to"));
        let last = match (ended, self.way.front()) {
            (Ended::Acknowledged, _) => Some(LAST_EPOCH),
            (_, Some(_)) => Some(FIRST_EPOCH),
            (_, None) => None,
        };
        // What is made for the copy has nothing in it yet.
        let found = match Repository::open(&to, every_core()) {
            Ok(_) => states(&to)?,
            Err(error) if last.is_some() => bail!("it cannot be opened: {error}"),
            Err(_) => BTreeMap::default(),
        };
        for (epoch, state) in &found {
            ensure!(
                truth.get(epoch) == Some(state),
                "epoch {epoch} is another state"
            );
        }
        let missing = truth
            .keys()
            .find(|epoch| Some(**epoch) <= last && !found.contains_key(epoch));
        ensure!(missing.is_none(), "epoch {missing:?} is not there");

        copied(&RealDisk, &from, &to).context("the next copy")?;
        let after = states(&to)?;
        ensure!(
            after == *truth,
            "after the next copy there are other states"
        );
        let verified = verify(&to, &VerifyOptions::default(), every_core())?;
        let problem = verified.problems.first();
        ensure!(
            problem.is_none(),
            "after the next copy verify says {problem:?}"
        );
        if self.way != Way::Into {
            let files = contents(&to)?;
            let is_left =
                |path: &&PathBuf| apograph::io::is_temporary(path.file_name().unwrap_or_default());
            let left = files.keys().find(is_left);
            ensure!(left.is_none(), "{left:?} is left");
        }
        Ok(())
    }
}

/// A copy upon a simulated disk.
struct Run {
    disk: SimDisk,
    folder: TempDir,
    outcome: Result<()>,
}

impl Run {
    fn perform(
        stage: &VaultStage,
        way: Way,
        neglects: Option<Neglect>,
        fault: Option<(usize, Fault)>,
    ) -> Result<Self> {
        let folder = scratch()?;
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        copy_files(&stage.path(way.source()), &from)?;
        if let Some(front) = way.front() {
            copy_files(&stage.path(front), &to)?;
        }
        let mut disk = SimDisk::new(folder.path());
        if let Some((index, fault)) = fault {
            disk = disk.with_fault(index, fault);
        }
        let outcome = match neglects {
            Some(neglect) => copied(&MutantDisk::new(&disk, neglect), &from, &to),
            None => copied(&disk, &from, &to),
        };
        Ok(Self {
            disk,
            folder,
            outcome,
        })
    }
}

fn chosen(survivals: Vec<Survival>, extent: RowExtent) -> Vec<Survival> {
    let step = match extent {
        RowExtent::Long => 1,
        RowExtent::Quick => survivals.len().div_ceil(QUICK_SURVIVALS).max(1),
    };
    survivals.into_iter().step_by(step).collect()
}

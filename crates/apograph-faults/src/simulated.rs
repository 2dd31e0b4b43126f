//! An act upon a simulated disk.

use anyhow::{Error, Result};
use apograph_testing::disk::{Fault, Operation, SimDisk};
use tempfile::TempDir;

use crate::act::{Act, ActFolder};
use crate::check::Ended;
use crate::mutant::{MutantDisk, Neglect};
use crate::scratch::scratch;
use crate::stage::FaultStage;

/// What an act came to upon a simulated disk.
pub(crate) struct Simulated {
    /// The disk.
    pub disk: SimDisk,
    /// The folder that it is.
    pub place: ActFolder,
    /// What the act returned.
    pub outcome: Result<()>,
    _folder: TempDir,
}

impl Simulated {
    /// Does an act upon a disk, made ready by `prepare`; with care, or without.
    pub(crate) fn perform(
        stage: &FaultStage,
        act: Act,
        neglects: Option<Neglect>,
        prepare: impl FnOnce(SimDisk, &ActFolder) -> SimDisk,
    ) -> Result<Self> {
        let folder = scratch()?;
        let place = ActFolder::prepared(folder.path(), stage, act)?;
        let disk = prepare(SimDisk::new(folder.path()), &place);
        let outcome = match neglects {
            Some(neglect) => act.perform(&MutantDisk::new(&disk, neglect), &place),
            None => act.perform(&disk, &place),
        };
        Ok(Self {
            disk,
            place,
            outcome,
            _folder: folder,
        })
    }

    /// Does an act with a fault at one operation.
    pub(crate) fn struck(
        stage: &FaultStage,
        act: Act,
        neglects: Option<Neglect>,
        index: usize,
        fault: Fault,
    ) -> Result<Self> {
        Self::perform(stage, act, neglects, |disk, _| {
            disk.with_fault(index, fault)
        })
    }

    /// How the act ended, where its process lived on.
    pub(crate) fn ended(&self) -> Ended {
        match self.outcome {
            Ok(()) => Ended::Acknowledged,
            Err(_) => Ended::Failed,
        }
    }
}

/// The operations of an act that meets no fault.
pub(crate) fn operations(
    stage: &FaultStage,
    act: Act,
    neglects: Option<Neglect>,
) -> Result<Vec<Operation>> {
    let without_fault = |error: Error| error.context(format!("{act:?}, without a fault"));
    let simulated = Simulated::perform(stage, act, neglects, |disk, _| disk)?;
    simulated.outcome.map_err(without_fault)?;
    Ok(simulated.disk.operations())
}

//! The kinds of faults.

use anyhow::Result;

use crate::command::Programs;
use crate::report::{Extent, Outcome};
use crate::rows;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Row {
    /// The power goes, on a simulated disk
    Power,
    /// Files of a repository that rotted, were cut, lost, swapped or doubled
    Rot,
    /// A repository made to break whoever reads it
    Hostile,
}

impl Row {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// Where the machine says no. What does not hold is no error, but a violation.
    pub fn run(self, programs: &Programs, extent: Extent) -> Result<Outcome> {
        match self {
            Self::Power => rows::power::run(extent),
            Self::Rot => rows::rot::run(extent),
            Self::Hostile => rows::hostile::run(programs, extent),
        }
    }
}

//! The kinds of faults.

use anyhow::Result;

use crate::command::Programs;
use crate::report::{Extent, Outcome};
use crate::rows;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Row {
    /// The command is killed at each of its system calls
    Kill,
    /// Each system call of the command fails, or lies
    Error,
    /// The power goes, on a simulated disk
    Power,
}

impl Row {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// Where the machine says no. What does not hold is no error, but a violation.
    pub fn run(self, programs: &Programs, extent: Extent) -> Result<Outcome> {
        match self {
            Self::Kill => rows::system_calls::kill(programs, extent),
            Self::Error => rows::system_calls::error(programs, extent),
            Self::Power => rows::power::run(extent),
        }
    }
}

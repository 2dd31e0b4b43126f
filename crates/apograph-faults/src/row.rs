//! The kinds of faults.

use anyhow::Result;

use crate::command::Programs;
use crate::report::{RowExtent, RowOutcome};
use crate::rows;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Row {
    /// The command is killed at each of its system calls
    Kill,
    /// Each system call of the command fails, or lies
    Error,
    /// Each operation fails, on a simulated disk
    Operation,
    /// The power goes, on a simulated disk
    Power,
    /// File systems that give less than ext4, and what they lack put upon a good one
    Filesystems,
    /// Operations fail and the power goes, on a simulated file system that lacks what others have
    Lacking,
    /// The power goes, on a file system that is stopped under the command
    Device,
    /// Each sync fails once, on a simulated disk, and takes what was to be synced with it
    Sync,
    /// There is no room, there are no inodes, nothing can be written
    Full,
    /// Bytes cannot be read: the device ends early, or a FUSE file system answers with an error
    Reads,
    /// Sessions of the real engine commit and checkpoints run meanwhile
    Race,
    /// Two commands at once
    Busy,
    /// The command is told to end, or nobody takes what it says
    Interrupted,
    /// Something is in the way of a restored database
    Occupied,
    /// Nothing is more open than the database, and what is closed is an error
    Permissions,
    /// Root and the owner of the files in turns
    Turns,
    /// What is written has one bit wrong
    Encoder,
    /// Copies into vaults and out of them, each operation of which fails or is the last
    Copy,
    /// Each request to a store of objects fails, comes twice, or is answered wrongly
    Requests,
    /// Several writers commit to a store, also to one that lets two of them create a name
    Conditions,
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
    pub fn run(self, programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
        match self {
            Self::Kill => rows::system_calls::kill(programs, extent),
            Self::Error => rows::system_calls::error(programs, extent),
            Self::Operation => rows::failing::operation(extent),
            Self::Power => rows::power::run(extent),
            Self::Filesystems => rows::filesystems::run(programs, extent),
            Self::Lacking => rows::lacking::run(extent),
            Self::Device => rows::device::run(programs, extent),
            Self::Sync => rows::failing::sync(extent),
            Self::Full => rows::full::run(),
            Self::Reads => rows::reads::run(programs),
            Self::Race => rows::race::run(programs, extent),
            Self::Busy => rows::busy::run(programs),
            Self::Interrupted => rows::interrupted::run(programs, extent),
            Self::Occupied => rows::occupied::run(),
            Self::Permissions => rows::permissions::run(programs),
            Self::Turns => rows::turns::run(programs, extent),
            Self::Encoder => rows::encoder::run(),
            Self::Copy => rows::copy::run(extent),
            Self::Requests => rows::requests::run(extent),
            Self::Conditions => rows::conditions::run(extent),
            Self::Rot => rows::rot::run(extent),
            Self::Hostile => rows::hostile::run(programs, extent),
        }
    }
}

//! What is asked of a capture, and what it answers.

use apograph_format::Epoch;
use apograph_manifest::SegmentRecord;

/// What kind of backup to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// An increment where the chain can go on, else a full backup.
    #[default]
    Auto,
    /// A full backup.
    Full,
    /// An increment, or an error.
    Incremental,
}

/// How to take a backup.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What kind.
    pub kind: Kind,
    /// The repository has to be there already; else it is made where nothing is.
    pub existing: bool,
}

/// What a capture did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// Nothing was committed since the last backup; nothing was written.
    UpToDate {
        /// The end epoch of the chain.
        end_epoch: Epoch,
    },
    /// Segments were added to the repository.
    Added {
        /// Their records, in order. With a full backup, the increments before and after it.
        segments: Vec<SegmentRecord>,
        /// For a full backup: why it was not an increment.
        why: Option<String>,
    },
}

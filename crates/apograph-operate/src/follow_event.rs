//! What following a database tells: when something changes, and not in each round.

use std::time::Duration;

use apograph_capture::CaptureError;
use apograph_format::{Code, Point, WithCauses};
use apograph_manifest::FileName;
#[cfg(feature = "vault")]
use apograph_repository::Compaction;
use apograph_repository::RepositoryError;

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FollowEvent {
    /// Database and repository are open and checked.
    Ready {
        /// The newest point in the repository, where one is known.
        newest: Option<Point>,
    },
    /// A full backup was taken.
    Full {
        /// Its segment.
        segment: FileName,
        /// Why it was taken.
        why: String,
    },
    /// Something goes wrong that did not before. It is tried again, and not told again until it
    /// changes or ends.
    Failed {
        /// What was to be done.
        step: FollowStep,
        /// The kind of the error.
        code: Code,
        /// The error with its causes.
        message: String,
    },
    /// What went wrong does not any more.
    Recovered {
        /// What was to be done.
        step: FollowStep,
        /// The kind of the error that ended.
        code: Code,
        /// How often it came.
        failures: u64,
        /// From the first time on.
        lasted: Duration,
    },
    /// Segments that no rule keeps have left the vault.
    Pruned {
        /// How many.
        segments: u64,
        /// The bytes of their objects.
        bytes: u64,
    },
    /// Increments of the vault were merged, or objects deleted.
    #[cfg(feature = "vault")]
    Merged(Compaction),
}

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowStep {
    /// To capture what is new.
    Capture,
    /// To merge what was captured.
    Merge,
    /// To remove what no rule keeps.
    Prune,
}

impl FollowStep {
    /// Its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Merge => "merge",
            Self::Prune => "prune",
        }
    }
}

/// Who hears of it.
pub type Hear<'h> = dyn FnMut(FollowEvent) + 'h;

/// A database cannot be followed, or was not captured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The database was not captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Rules are applied to vaults alone.
    #[error("{repository} is a repository in a folder, and rules are applied to vaults alone")]
    NotPruned {
        /// The repository.
        repository: String,
    },
    /// A repository in a folder cannot hold that many backups.
    #[error(
        "{repository} is a repository in a folder, into which a capture goes every {} s at most: its \
         manifest is written anew for each", least.as_secs()
    )]
    TooOften {
        /// The repository.
        repository: String,
        /// The shortest time between two captures.
        least: Duration,
    },
}

impl FollowError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Capture(error) => error.code(),
            Self::Repository(error) => error.code(),
            Self::TooOften { .. } | Self::NotPruned { .. } => Code::Usage,
        }
    }

    /// Whether it may be over soon, without anybody's help.
    pub const fn may_pass(&self) -> bool {
        matches!(self.code(), Code::StoreUnreachable | Code::RepositoryBusy)
    }

    /// The error with its causes.
    pub(crate) fn told(&self) -> String {
        WithCauses(self).to_string()
    }
}

//! What can go wrong with a drill.

use apograph_format::{Code, Detail};
use apograph_io::IoError;
use apograph_repository::RepositoryError;
use apograph_restore::RestoreError;

/// A drill could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// There is no place for it.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The restore failed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The command could not be run.
    #[error("{program} could not be run")]
    Command {
        /// What was to be run.
        program: String,
        /// Why it was not.
        #[source]
        source: Detail,
    },
}

impl DrillError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(IoError::Interrupted) => Code::Interrupted,
            Self::Io(_) => Code::Io,
            Self::Repository(error) => error.code(),
            Self::Restore(error) => error.code(),
            Self::Command { .. } => Code::Usage,
        }
    }
}

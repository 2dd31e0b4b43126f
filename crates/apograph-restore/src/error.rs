//! Why a database was not restored.

use std::path::PathBuf;

use apograph_format::{Code, FormatError};
use apograph_io::IoError;
use apograph_manifest::{ChainError, UnusableSegment};
use apograph_repository::RepositoryError;
use apograph_wal::WalError;

/// Why a database was not restored. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The operating system said no.
    #[error(transparent)]
    Io(IoError),
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(RepositoryError),
    /// The repository cannot restore the target.
    #[error(transparent)]
    Chain(ChainError),
    /// A segment that the target needs cannot be used.
    #[error(transparent)]
    Segment(UnusableSegment),
    /// Something stands where the restored database would go.
    #[error("{} exists already", path.display())]
    OutputExists {
        /// What stands there.
        path: PathBuf,
    },
    /// The database that is to be salvaged, or its log, is of no use at all.
    #[error("nothing of {} can be salvaged", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The log of the database that is to be salvaged cannot be read.
    #[error(transparent)]
    Wal(WalError),
    /// What is to be salvaged is no database.
    #[error("{} is {what}", path.display())]
    NotADatabase {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// An engine has the database open that is to be salvaged.
    #[error("an engine has {} open", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// Another restore writes the same database.
    #[error("another command is restoring to {}", path.display())]
    OutputBusy {
        /// The output.
        path: PathBuf,
    },
}

impl RestoreError {
    /// The kind of the error, by a stable name that the command prints.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(IoError::Interrupted) => Code::Interrupted,
            Self::Io(_) => Code::Io,
            Self::Repository(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::Segment(segment) => segment.code(),
            Self::OutputExists { .. } => Code::OutputExists,
            Self::Database { source, .. } if source.is_unsupported() => Code::UnsupportedVersion,
            Self::Database { .. } => Code::CorruptDatabase,
            Self::Wal(error) => error.code(),
            Self::NotADatabase { .. } => Code::NotADatabase,
            Self::InUse { .. } | Self::OutputBusy { .. } => Code::RepositoryBusy,
        }
    }
}

impl From<IoError> for RestoreError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl From<RepositoryError> for RestoreError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Io(error) => Self::Io(error),
            other => Self::Repository(other),
        }
    }
}

impl From<WalError> for RestoreError {
    fn from(error: WalError) -> Self {
        match error {
            WalError::Io(error) => Self::Io(error),
            other => Self::Wal(other),
        }
    }
}

impl From<ChainError> for RestoreError {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

/// The result of a restore.
pub type Result<T> = std::result::Result<T, RestoreError>;

//! Why a database was not captured.

use std::path::PathBuf;

use apograph_format::{Code, Detail, FormatError};
use apograph_io::IoError;
use apograph_manifest::ManifestError;
use apograph_repository::RepositoryError;
use apograph_wal::{LogDefect, WalError};

use crate::chain_break::ChainBreak;

/// Why a database was not captured. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The operating system said no.
    #[error(transparent)]
    Io(IoError),
    /// The repository cannot be read or written.
    #[error(transparent)]
    Repository(RepositoryError),
    /// The log folder cannot be read.
    #[error(transparent)]
    Wal(WalError),
    /// The cursor in the log folder is damaged.
    #[error(transparent)]
    Cursor(ManifestError),
    /// The database file is damaged, or is none.
    #[error("{} is not a sound database file", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// What is named is no database.
    #[error("{} is {what}, and no Grafeo database", path.display())]
    NotADatabase {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// An engine writes to the database, and its log is not beside it.
    #[error("an engine has {} open, and its log is not beside it: it was opened under another name, or is being closed", path.display())]
    LogElsewhere {
        /// The database file.
        path: PathBuf,
    },
    /// The database is named through a link, and there is a log beside both names.
    #[error("{} and {} are one database, and there is a log folder beside each", path.display(), target.display())]
    TwoLogs {
        /// The name that was given, or one that it leads to.
        path: PathBuf,
        /// What that leads to.
        target: PathBuf,
    },
    /// The log was lost, or the database file was put back: it lacks commits that were captured.
    #[error(transparent)]
    LogLost {
        /// What was seen.
        broken: ChainBreak,
    },
    /// The repository belongs to another database.
    #[error("the backups in {} are of another database than {}", repository.display(), database.display())]
    Foreign {
        /// The repository.
        repository: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// An increment was asked for, and there is no full backup that it could follow.
    #[error("there is no full backup that an increment could follow")]
    NoFullBackup,
    /// An increment was asked for, and the chain cannot go on.
    #[error("the chain cannot go on")]
    ChainBroken(#[source] ChainBreak),
    /// The live log has a damaged frame in the middle.
    #[error("{} is damaged at byte {offset}", path.display())]
    WalDamaged {
        /// The log file.
        path: PathBuf,
        /// Where the damaged frame begins, in bytes.
        offset: u64,
        /// What is wrong with it.
        #[source]
        detail: Detail,
    },
    /// The live log is of a version, or has a feature, that is not known here.
    #[error("{}: {defect}", path.display())]
    UnsupportedLog {
        /// The log file.
        path: PathBuf,
        /// What is not known.
        defect: LogDefect,
    },
    /// The engine that has the database open logs no commits.
    #[error("{} was created by Grafeo {creator}, and its log has no commit: releases before 0.5.35 log none, and what they did is only in the file that they close", path.display())]
    NoCommits {
        /// The database file.
        path: PathBuf,
        /// Who created it.
        creator: String,
    },
    /// The engine that has a folder database open logs no commits, or has not committed its first.
    #[error("the log of {} has records and no commit: the first transaction has not ended, or the engine is a release before 0.5.35, which logs none until it closes the database", path.display())]
    NoCommitYet {
        /// The folder.
        path: PathBuf,
    },
    /// Embeddings lie in a file of which nothing tells whether the image has them.
    #[error("{} has embeddings in {file} of its spill folder that are younger than its last checkpoint: nothing tells which of them the database file lacks", path.display())]
    SpilledVectors {
        /// The database file.
        path: PathBuf,
        /// The file in its spill folder.
        file: String,
    },
    /// Embeddings that an engine of generation 1 moved out lie beside a database of generation 2.
    #[error("{} has embeddings of Grafeo 0.5 in its spill folder, which its file lacks", path.display())]
    ForeignVectors {
        /// The database file.
        path: PathBuf,
    },
    /// An engine may be closing the database just now.
    #[error("{} is being closed, or its engine was killed in a close and nothing was committed since it was opened again: nothing tells which, nor what the log beside it is worth", path.display())]
    Closing {
        /// The database file.
        path: PathBuf,
    },
    /// The database file changes faster than it can be copied.
    #[error("{} changes faster than it can be copied", path.display())]
    Changing {
        /// The database file.
        path: PathBuf,
    },
}

impl CaptureError {
    /// The kind of the error, by a stable name that the command prints.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(IoError::Interrupted) => Code::Interrupted,
            Self::Io(_) | Self::Closing { .. } | Self::Changing { .. } => Code::Io,
            Self::Repository(error) => error.code(),
            Self::Wal(error) => error.code(),
            Self::Cursor(error) => error.code(),
            Self::Database { source, .. } if source.is_unsupported() => Code::UnsupportedVersion,
            Self::UnsupportedLog { .. } | Self::NoCommits { .. } | Self::NoCommitYet { .. } => {
                Code::UnsupportedVersion
            }
            Self::Database { .. } => Code::CorruptDatabase,
            Self::SpilledVectors { .. } | Self::ForeignVectors { .. } => Code::SpilledVectors,
            Self::NotADatabase { .. } => Code::NotADatabase,
            Self::Foreign { .. } => Code::ForeignDatabase,
            Self::NoFullBackup => Code::NoFullBackup,
            Self::ChainBroken(_) | Self::LogLost { .. } => Code::ChainBroken,
            Self::LogElsewhere { .. } | Self::TwoLogs { .. } => Code::LogNotFound,
            Self::WalDamaged { .. } => Code::WalDamaged,
        }
    }
}

impl From<IoError> for CaptureError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl From<RepositoryError> for CaptureError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Io(error) => Self::Io(error),
            other => Self::Repository(other),
        }
    }
}

impl From<WalError> for CaptureError {
    fn from(error: WalError) -> Self {
        match error {
            WalError::Io(error) => Self::Io(error),
            other => Self::Wal(other),
        }
    }
}

/// The result of a capture.
pub type Result<T> = std::result::Result<T, CaptureError>;

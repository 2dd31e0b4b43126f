//! What can be wrong with a log folder.

use std::path::PathBuf;

use apograph_format::{Code, FormatError, LogPosition, Lsn};
use apograph_io::IoError;

/// Why a log folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// `checkpoint.meta` is damaged.
    #[error("{} is damaged", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The header of a log file of generation 2 is damaged.
    #[error("{} is damaged", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// A log file of generation 2 has another name than its header says.
    #[error("{} begins at LSN {first}, which is not its name", path.display())]
    Renamed {
        /// The file.
        path: PathBuf,
        /// Where it begins.
        first: Lsn,
    },
    /// A log file is of another database.
    #[error("{} is of another database", path.display())]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },
    /// A log file of generation 2 does not end where the next begins.
    #[error("{} ends at {end}, the next log file begins at {next}", path.display())]
    Gap {
        /// The file.
        path: PathBuf,
        /// Where it ends.
        end: LogPosition,
        /// Where the next begins.
        next: LogPosition,
    },
    /// A log file is not where the log needs it.
    #[error("the log file {} is missing", path.display())]
    MissingFile {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file is not part of the log, and the engine would replay it as if it were.
    #[error("{} is no log file of this database, yet the engine would replay it", path.display())]
    StrayFile {
        /// The file.
        path: PathBuf,
    },
    /// A position lies after the end of its file.
    #[error("{} has {size} bytes and was {offset} bytes long before", path.display())]
    PastEnd {
        /// The file.
        path: PathBuf,
        /// The position.
        offset: u64,
        /// The file's size in bytes.
        size: u64,
    },
    /// The files change faster than they can be opened.
    #[error("the files in {} change faster than they can be opened", path.display())]
    Changing {
        /// The folder.
        path: PathBuf,
    },
}

impl WalError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(IoError::Interrupted) => Code::Interrupted,
            Self::Io(_) | Self::Changing { .. } => Code::Io,
            Self::Checkpoint { .. } => Code::CorruptWal,
            Self::Header { source, .. } if source.is_unsupported() => Code::UnsupportedVersion,
            Self::Header { .. }
            | Self::Renamed { .. }
            | Self::ForeignFile { .. }
            | Self::Gap { .. }
            | Self::MissingFile { .. }
            | Self::StrayFile { .. }
            | Self::PastEnd { .. } => Code::WalDamaged,
        }
    }
}

/// The result of reading a log folder.
pub type Result<T> = std::result::Result<T, WalError>;

//! What can be wrong with the files of a catalogue.

use std::path::PathBuf;

use apograph_format::{Code, Detail};
use apograph_io::IoError;

/// Why a manifest, a cursor or a history file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The manifest's bytes are no manifest.
    #[error("{} is damaged", path.display())]
    CorruptManifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        detail: Detail,
    },
    /// The cursor's bytes are no cursor.
    #[error("{} is damaged", path.display())]
    CorruptCursor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        detail: Detail,
    },
    /// The notes' bytes are no notes.
    #[error("{} is damaged", path.display())]
    CorruptNotes {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        detail: Detail,
    },
    /// The repository has as many segments as a manifest may name.
    #[error("{} would name {count} segments, and at most {limit} can be read; begin another repository", path.display())]
    Full {
        /// The manifest.
        path: PathBuf,
        /// How many segments it would name.
        count: usize,
        /// The most that it may.
        limit: usize,
    },
    /// The manifest is of a version that this crate does not know.
    #[error("{} has version {found}; the newest version known here is {known}", path.display())]
    UnsupportedVersion {
        /// The file.
        path: PathBuf,
        /// The version that it claims.
        found: u32,
        /// The newest version that can be read.
        known: u32,
    },
}

impl ManifestError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(IoError::Interrupted) => Code::Interrupted,
            Self::Io(_) | Self::Full { .. } => Code::Io,
            Self::CorruptManifest { .. } => Code::CorruptManifest,
            Self::CorruptCursor { .. } => Code::CorruptCursor,
            Self::CorruptNotes { .. } => Code::CorruptNotes,
            Self::UnsupportedVersion { .. } => Code::UnsupportedVersion,
        }
    }
}

/// The result of reading or writing a catalogue's file.
pub type Result<T> = std::result::Result<T, ManifestError>;

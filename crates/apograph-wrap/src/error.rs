//! What can go wrong with a wrapped segment.

use std::io;

use apograph_format::Code;
use apograph_io::IoError;

/// A segment could not be wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The plain bytes could not be read, or the caller ended the operation.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The wrapped bytes could not be read.
    #[error("the wrapped segment could not be read")]
    Read(#[source] io::Error),
    /// The bytes that were made could not be handed on.
    #[error("what was made of the segment could not be written")]
    Write(#[source] io::Error),
    /// A frame does not unpack to what was packed.
    #[error("the frame of byte {offset} does not unpack to what was packed: the machine is faulty")]
    NotAsPacked {
        /// Where in the plain bytes the frame begins.
        offset: u64,
    },
    /// The wrapped bytes are not what was written.
    #[error("the wrapped segment is damaged at byte {offset}: {detail}")]
    Damaged {
        /// Where in the wrapped bytes.
        offset: u64,
        /// What is wrong there.
        detail: String,
    },
}

impl WrapError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(error) => error.code(),
            Self::Read(_) | Self::Write(_) | Self::NotAsPacked { .. } => Code::Io,
            Self::Damaged { .. } => Code::CorruptSegment,
        }
    }

    pub(crate) fn damaged(offset: u64, detail: impl Into<String>) -> Self {
        Self::Damaged {
            offset,
            detail: detail.into(),
        }
    }
}

/// The result of wrapping or unwrapping.
pub type Result<T> = std::result::Result<T, WrapError>;

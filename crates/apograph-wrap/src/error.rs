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
    /// What was encrypted does not decrypt to what it was made of.
    #[error("what was encrypted of byte {offset} does not decrypt to it: the machine is faulty")]
    NotAsEncrypted {
        /// Where in the bytes that were encrypted.
        offset: u64,
    },
    /// It is encrypted, and none of the identities opens it.
    #[error("{}", no_identity(*.given))]
    NoIdentity {
        /// How many were given.
        given: usize,
    },
    /// This program was built without encryption.
    #[error("it is encrypted, and this program was built without encryption")]
    NotBuiltIn,
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
            Self::Read(_)
            | Self::Write(_)
            | Self::NotAsPacked { .. }
            | Self::NotAsEncrypted { .. } => Code::Io,
            Self::NoIdentity { .. } => Code::IdentityMissing,
            Self::NotBuiltIn => Code::UnsupportedVersion,
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

fn no_identity(given: usize) -> String {
    match given {
        0 => "it is encrypted, and no identity was given".to_owned(),
        1 => "it is encrypted for others than the identity that was given".to_owned(),
        _ => format!("it is encrypted for others than the {given} identities that were given"),
    }
}

/// The result of wrapping or unwrapping.
pub type Result<T> = std::result::Result<T, WrapError>;

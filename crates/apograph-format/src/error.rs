//! The one error type of the codecs.

use crate::causes::Detail;
use crate::code::Code;
use crate::crc32::Crc32;

/// Why bytes are not what their reader expects.
///
/// Offsets are counted from the start of the bytes that the decoder was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the structure does.
    #[error("{what} is too short: {have} bytes where {need} are needed")]
    TooShort {
        /// The structure.
        what: &'static str,
        /// How many bytes it takes.
        need: u64,
        /// How many there are.
        have: u64,
    },
    /// The structure begins with other bytes than it must.
    #[error("{what} begins with {found:02x?}, which is not its magic number")]
    WrongMagic {
        /// The structure.
        what: &'static str,
        /// The bytes that stand there.
        found: [u8; 4],
    },
    /// The structure is of a version that this crate does not know.
    #[error("{what} has version {found}; the newest version known here is {known}")]
    UnsupportedVersion {
        /// The structure.
        what: &'static str,
        /// The version that it claims.
        found: u64,
        /// The newest version that can be read.
        known: u64,
    },
    /// The structure uses a feature that this crate does not know, and that must be known.
    #[error("{what} uses {detail}, which is not known here")]
    UnsupportedFeature {
        /// The structure.
        what: &'static str,
        /// The feature.
        detail: String,
    },
    /// The structure contradicts itself or its surroundings.
    #[error("{what} is malformed at byte {offset}: {detail}")]
    Malformed {
        /// The structure.
        what: &'static str,
        /// Where.
        offset: u64,
        /// What is wrong with it.
        detail: String,
    },
    /// The structure's bytes are no values of its encoding.
    #[error("{what} is malformed at byte {offset}")]
    Undecodable {
        /// The structure.
        what: &'static str,
        /// Where.
        offset: u64,
        /// What the decoder of the encoding says.
        source: Detail,
    },
    /// The bytes are not those that the checksum was made of.
    #[error("{what} at byte {offset} has checksum {found} where {expected} is recorded")]
    ChecksumMismatch {
        /// The structure.
        what: &'static str,
        /// Where its checked bytes begin.
        offset: u64,
        /// The recorded checksum.
        expected: Crc32,
        /// The checksum of the bytes.
        found: Crc32,
    },
}

impl FormatError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::TooShort { .. } => Code::TooShort,
            Self::WrongMagic { .. } => Code::WrongMagic,
            Self::UnsupportedVersion { .. } | Self::UnsupportedFeature { .. } => {
                Code::UnsupportedVersion
            }
            Self::Malformed { .. } | Self::Undecodable { .. } => Code::Malformed,
            Self::ChecksumMismatch { .. } => Code::ChecksumMismatch,
        }
    }

    /// Whether the bytes may be sound, and of a version or with a feature that is not known here.
    pub const fn is_unsupported(&self) -> bool {
        matches!(self.code(), Code::UnsupportedVersion)
    }

    /// The offset that the error names, 0 where it concerns the whole.
    pub const fn offset(&self) -> u64 {
        match self {
            Self::Malformed { offset, .. }
            | Self::Undecodable { offset, .. }
            | Self::ChecksumMismatch { offset, .. } => *offset,
            _ => 0,
        }
    }

    /// The same error for a structure that begins `by` bytes into a larger one.
    #[must_use]
    pub fn shifted(mut self, by: u64) -> Self {
        if let Self::Malformed { offset, .. }
        | Self::Undecodable { offset, .. }
        | Self::ChecksumMismatch { offset, .. } = &mut self
        {
            *offset = offset.saturating_add(by);
        }
        self
    }
}

/// The result of a decoder.
pub type Result<T> = std::result::Result<T, FormatError>;

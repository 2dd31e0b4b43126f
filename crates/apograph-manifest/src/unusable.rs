//! Segments that cannot be used, and why.

use std::error::Error;
use std::fmt;

use apograph_format::{Code, Detail, FormatError};

use crate::segment::FileName;

const MISSING: &str = "it is missing";

/// Why a segment cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unusable {
    /// Its file is not there.
    Missing,
    /// Its file is damaged.
    Damaged {
        /// Where the damage is, in bytes from the start of the file.
        offset: u64,
        /// What is wrong.
        detail: Detail,
    },
    /// Its file is of a version that is not known here.
    Unsupported {
        /// Which version it is of.
        detail: Detail,
    },
    /// It is encrypted, and its key is not there. Nothing is known of its bytes.
    NoIdentity {
        /// What was tried.
        detail: Detail,
    },
}

impl Unusable {
    /// A file that is damaged at a place, in bytes from its start.
    pub fn damaged(offset: u64, detail: impl Into<Detail>) -> Self {
        let detail = detail.into();
        Self::Damaged { offset, detail }
    }

    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing => Code::ChainBroken,
            Self::Damaged { .. } => Code::CorruptSegment,
            Self::Unsupported { .. } => Code::UnsupportedVersion,
            Self::NoIdentity { .. } => Code::IdentityMissing,
        }
    }

    /// Where the damage is, in bytes from the start of the file; `None` where it is none.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Damaged { offset, .. } => Some(*offset),
            Self::Missing | Self::Unsupported { .. } | Self::NoIdentity { .. } => None,
        }
    }

    /// What is wrong, without its place.
    pub fn detail(&self) -> Detail {
        match self {
            Self::Missing => MISSING.into(),
            Self::Damaged { detail, .. }
            | Self::Unsupported { detail }
            | Self::NoIdentity { detail } => detail.clone(),
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(MISSING),
            Self::Damaged { offset, .. } => write!(f, "damaged at byte {offset}"),
            Self::Unsupported { detail } | Self::NoIdentity { detail } => {
                write!(f, "{}", &**detail)
            }
        }
    }
}

impl Error for Unusable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Missing => None,
            Self::Damaged { detail, .. } => Some(&**detail),
            // It says what this one is.
            Self::Unsupported { detail } | Self::NoIdentity { detail } => detail.source(),
        }
    }
}

impl From<FormatError> for Unusable {
    fn from(error: FormatError) -> Self {
        if error.is_unsupported() {
            let detail = error.into();
            Self::Unsupported { detail }
        } else {
            Self::damaged(error.offset(), error)
        }
    }
}

/// A segment that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableSegment {
    /// Its file.
    pub file: FileName,
    /// Why not.
    pub reason: Unusable,
}

impl UnusableSegment {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        self.reason.code()
    }
}

impl fmt::Display for UnusableSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, reason } = self;
        match reason {
            Unusable::Missing => write!(f, "{file} is missing"),
            Unusable::Damaged { .. } => write!(f, "{file} is {reason}"),
            Unusable::Unsupported { .. } | Unusable::NoIdentity { .. } => {
                write!(f, "{file}: {reason}")
            }
        }
    }
}

/// What it says of the segment is all that its reason says, whose source is its own.
impl Error for UnusableSegment {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason.source()
    }
}

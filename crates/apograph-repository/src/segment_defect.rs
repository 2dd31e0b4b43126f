//! Why a segment's file cannot be used.

use apograph_format::{Code, FormatError};
use apograph_io::IoError;
use apograph_manifest::Unusable;

/// Why a segment's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SegmentDefect {
    /// The operating system does not give it.
    #[error(transparent)]
    Io(IoError),
    /// It is not there, or its bytes are not those of a segment.
    #[error(transparent)]
    Unusable(Unusable),
}

impl SegmentDefect {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(error) => error.code(),
            Self::Unusable(reason) => reason.code(),
        }
    }
}

impl From<IoError> for SegmentDefect {
    fn from(error: IoError) -> Self {
        if error.is_not_found() {
            Self::Unusable(Unusable::Missing)
        } else {
            Self::Io(error)
        }
    }
}

impl From<Unusable> for SegmentDefect {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}

impl From<FormatError> for SegmentDefect {
    fn from(error: FormatError) -> Self {
        Self::Unusable(error.into())
    }
}

/// What could be opened; `None` where it cannot be used. What the operating system did not give
/// stays an error: it says nothing of the file.
///
/// # Errors
///
/// That of the operating system.
pub(crate) fn usable<T>(opened: Result<T, SegmentDefect>) -> Result<Option<T>, IoError> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(SegmentDefect::Unusable(_) | SegmentDefect::Io(IoError::NotARegularFile { .. })) => {
            Ok(None)
        }
        Err(SegmentDefect::Io(error)) => Err(error),
    }
}

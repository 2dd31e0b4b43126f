//! What can go wrong with an object store.
//!
//! What such a store and the library in front of it say can have keys, tokens and signed addresses
//! in it. So their errors are no sources of these: what is kept of them are a status, the name of an
//! error, and what the operating system says.

use apograph_format::Code;

/// A request is repeated at most so often.
pub(crate) const RETRIES: usize = 6;
/// No request is repeated after so many seconds.
pub(crate) const RETRY_SECONDS: u64 = 120;

/// Why an object store did not do what it was asked for. Nothing secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// No answer came that can be used.
    #[error(
        "{reason} (what can be repeated was repeated, at most {} times and for {} s)",
        RETRIES,
        RETRY_SECONDS
    )]
    Unreachable {
        /// What happened in place of an answer.
        reason: String,
    },
    /// The store does not know the caller, or does not let it do this.
    #[error("access is denied: {reason}")]
    Denied {
        /// What the store said, or what is lacking.
        reason: String,
    },
    /// The place does not exist, in which objects would be.
    #[error("there is no such bucket or container")]
    NoBucket,
    /// The store does not do what was asked for.
    #[error("the store refuses it: {reason}")]
    Refused {
        /// What the store said.
        reason: String,
    },
    /// The address, or what is in the environment, leads to no store.
    #[error("{reason}")]
    Settings {
        /// What is wrong with it.
        reason: String,
    },
}

impl RemoteError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::NoBucket => Code::StoreUnreachable,
            Self::Denied { .. } => Code::AccessDenied,
            Self::Refused { .. } => Code::Io,
            Self::Settings { .. } => Code::Usage,
        }
    }
}

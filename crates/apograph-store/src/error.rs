//! What can go wrong with a store.

use apograph_format::Code;
use apograph_io::IoError;

use crate::name::{NameError, ObjectName};
use crate::remote::RemoteError;

/// An operation on a store that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder of the store could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A text is no name of an object.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An object store did not do what it was asked for. What was to be created may be there.
    #[error("cannot {operation} {address}")]
    Remote {
        /// The operation, as a verb.
        operation: &'static str,
        /// The store, and the object or the folder.
        address: String,
        /// Why.
        source: RemoteError,
    },
    /// An object is not there.
    #[error("{place} has no {name}")]
    Missing {
        /// The store.
        place: String,
        /// The object.
        name: ObjectName,
    },
    /// Another object has the name.
    #[error("{place} has {name} already")]
    Taken {
        /// The store.
        place: String,
        /// The object.
        name: ObjectName,
    },
    /// An object is larger than its kind can be.
    #[error("{name} in {place} has more than {limit} bytes")]
    TooLarge {
        /// The store.
        place: String,
        /// The object.
        name: ObjectName,
        /// The bound in bytes.
        limit: u64,
    },
    /// An object has fewer bytes than it should.
    #[error("{name} in {place} ends before byte {end}")]
    EndedEarly {
        /// The store.
        place: String,
        /// The object.
        name: ObjectName,
        /// One past the last byte that was asked for.
        end: u64,
    },
    /// Not exactly one of several writers created a name.
    #[error("{place} let {winners} of {racers} writers create {name}: no log can be kept there")]
    Unsafe {
        /// The store.
        place: String,
        /// The name.
        name: ObjectName,
        /// How many created it.
        winners: usize,
        /// How many tried at once.
        racers: usize,
    },
}

impl StoreError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(error) => error.code(),
            Self::Remote { source, .. } => source.code(),
            Self::Unsafe { .. } => Code::StoreUnsafe,
            _ => Code::Io,
        }
    }
}

/// The result of an operation on a store.
pub type Result<T> = std::result::Result<T, StoreError>;

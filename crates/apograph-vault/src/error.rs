//! What can go wrong with a vault.

use apograph_format::{Code, Detail};
use apograph_io::IoError;
use apograph_manifest::{FileName, NotAFileName};
use apograph_store::{ObjectName, StoreError};
use apograph_wrap::{KeyError, WrapError};

/// A vault could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller ended the operation, or there are no random numbers to be had.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A segment cannot have its name.
    #[error(transparent)]
    Name(#[from] NotAFileName),
    /// The recipients cannot be those that were asked for.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A segment could not be wrapped or unwrapped.
    #[error("segment {segment}")]
    Wrap {
        /// Its name.
        segment: FileName,
        /// Why.
        #[source]
        source: WrapError,
    },
    /// An object of a segment is not what was written.
    #[error("{name} in {place} is damaged: {detail}")]
    Object {
        /// The store.
        place: String,
        /// The object.
        name: ObjectName,
        /// What is wrong with it.
        detail: String,
    },
    /// The file that says that a place is a vault is damaged, or there is another one.
    #[error("vault.json in {place}")]
    Head {
        /// The store.
        place: String,
        /// What is wrong with it.
        #[source]
        detail: Detail,
    },
    /// A newer program made the vault.
    #[error("vault.json in {place} has format {format}, and needs a newer apograph")]
    UnknownFormat {
        /// The store.
        place: String,
        /// The format.
        format: u32,
    },
    /// There is no catalog.
    #[error("{place} is no vault: {detail}")]
    NotAVault {
        /// The store.
        place: String,
        /// What is missing.
        detail: String,
    },
    /// A version of the catalog is missing, or is not what was written.
    #[error("version {version} of the catalog in {place} is damaged")]
    Catalog {
        /// The store.
        place: String,
        /// Its number.
        version: u64,
        /// What is wrong with it.
        #[source]
        detail: Detail,
    },
    /// A newer program wrote what has to be understood.
    #[error("version {version} of the catalog in {place} needs a newer apograph")]
    TooNew {
        /// The store.
        place: String,
        /// Its number.
        version: u64,
        /// What is not known here.
        #[source]
        detail: Detail,
    },
    /// The segments of a vault are encrypted for others than they have to be.
    #[error("{place} encrypts its segments for {}", whom(.keys))]
    RecipientsDiffer {
        /// The store.
        place: String,
        /// For whom.
        keys: Vec<String>,
    },
    /// For whom the segments of a vault are encrypted was said by a version that is lost.
    #[error("for whom {place} encrypts its segments is lost")]
    RecipientsLost {
        /// The store.
        place: String,
    },
    /// Segments are of several databases, and no version says which of them the vault is of.
    #[error(
        "{place} holds segments of several databases, and no version of its catalog can be read"
    )]
    SeveralDatabases {
        /// The store.
        place: String,
    },
    /// Other writers were faster, time after time.
    #[error("others write to {place} all the time")]
    Busy {
        /// The store.
        place: String,
    },
    /// The catalog went on, and what it went on from was removed, while this writer waited: what it
    /// knows is too old.
    #[error("the catalog in {place} is not the one any more that was read")]
    Overtaken {
        /// The store.
        place: String,
    },
}

impl VaultError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Io(error) => error.code(),
            Self::Name(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Wrap { source, .. } => source.code(),
            Self::Object { .. } => Code::CorruptSegment,
            Self::NotAVault { .. } => Code::NotARepository,
            Self::Head { .. } | Self::Catalog { .. } => Code::CorruptManifest,
            Self::SeveralDatabases { .. } => Code::ForeignDatabase,
            Self::TooNew { .. } | Self::UnknownFormat { .. } => Code::UnsupportedVersion,
            Self::RecipientsDiffer { .. } | Self::RecipientsLost { .. } => Code::RecipientsDiffer,
            Self::Busy { .. } | Self::Overtaken { .. } => Code::RepositoryBusy,
        }
    }
}

fn whom(keys: &[String]) -> String {
    if keys.is_empty() {
        "nobody: everybody reads them".to_owned()
    } else {
        keys.join(" and ")
    }
}

/// The result of an operation on a vault.
pub type Result<T> = std::result::Result<T, VaultError>;

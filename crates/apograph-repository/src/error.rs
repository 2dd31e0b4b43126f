//! Why a repository cannot be read or written.

use std::path::PathBuf;

use apograph_format::{Code, Detail};
use apograph_io::IoError;
#[cfg(feature = "vault")]
use apograph_manifest::PointRange;
use apograph_manifest::{ManifestError, Unusable};
#[cfg(feature = "vault")]
use apograph_vault::VaultError;

/// Why a repository cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The operating system said no.
    #[error(transparent)]
    Io(IoError),
    /// One of its small files cannot be used.
    #[error(transparent)]
    Manifest(ManifestError),
    /// A vault cannot be read or written.
    #[cfg(feature = "vault")]
    #[error(transparent)]
    Vault(VaultError),
    /// The catalog of a vault has a version that cannot be read, and what was before that can be
    /// restored once it is made anew.
    #[cfg(feature = "vault")]
    #[error(
        "the catalog cannot be read, and before its damaged version it had {}",
        listed(restorable)
    )]
    CatalogDamaged {
        /// What can be restored at least.
        restorable: Vec<PointRange>,
        /// Which version it is.
        #[source]
        source: VaultError,
    },
    /// A vault is where a folder of segments is needed.
    #[error("{} is a vault, and no folder of segments", path.display())]
    IsVault {
        /// The folder.
        path: PathBuf,
    },
    /// What would be copied to holds another history.
    #[error("{} holds another history", path.display())]
    OtherHistory {
        /// The repository, or the vault.
        path: PathBuf,
    },
    /// What would be copied to ends where the other one does not go on from any more.
    #[error(
        "{} ends at a place that the other one has merged or pruned since: what comes after it cannot be \
         told apart",
        path.display()
    )]
    CopyOvertaken {
        /// The repository, or the vault.
        path: PathBuf,
    },
    /// A segment cannot be copied.
    #[error("{}", path.display())]
    Unusable {
        /// Its file.
        path: PathBuf,
        /// Why not.
        #[source]
        reason: Unusable,
    },
    /// There is no repository at the path.
    #[error("{} is not a backup repository: {detail}", path.display())]
    NotARepository {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        detail: String,
    },
    /// The manifest contradicts the files that it names, or is not there while they are.
    #[error("{} cannot be right: {detail}", path.display())]
    Contradiction {
        /// The manifest.
        path: PathBuf,
        /// What contradicts it.
        detail: String,
    },
    /// What would be put there does not last, or would be taken for something else.
    #[error("{} would lie where it cannot stay: {detail}", path.display())]
    Misplaced {
        /// The path.
        path: PathBuf,
        /// Why not.
        detail: String,
    },
    /// Another command is writing to the repository.
    #[error("another command is writing to {}", path.display())]
    Busy {
        /// The repository.
        path: PathBuf,
    },
    /// Another writer has added to a vault: it has to be opened again.
    #[error("another command has added to {}", path.display())]
    Overtaken {
        /// The vault.
        path: PathBuf,
    },
    /// A file that no manifest entry names has the name that the next segment needs.
    #[error("{} is in the repository and the manifest does not name it", path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// None of the segments can be part of a manifest that this version writes.
    #[error("{} cannot be used", path.display())]
    NoneUsable {
        /// The first such segment.
        path: PathBuf,
        /// What kind of error that is.
        code: Code,
        /// What is wrong with it.
        #[source]
        detail: Detail,
    },
}

impl RepositoryError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Io(IoError::Interrupted) => Code::Interrupted,
            Self::Io(_) => Code::Io,
            Self::Manifest(error) => error.code(),
            #[cfg(feature = "vault")]
            Self::Vault(error) | Self::CatalogDamaged { source: error, .. } => error.code(),
            Self::NotARepository { .. } | Self::IsVault { .. } => Code::NotARepository,
            Self::Contradiction { .. } => Code::CorruptManifest,
            Self::Misplaced { .. } => Code::Usage,
            Self::Busy { .. } | Self::Overtaken { .. } => Code::RepositoryBusy,
            Self::OtherHistory { .. } | Self::CopyOvertaken { .. } | Self::InTheWay { .. } => {
                Code::ChainBroken
            }
            Self::Unusable { reason, .. } => reason.code(),
            Self::NoneUsable { code, .. } => *code,
        }
    }
}

#[cfg(feature = "vault")]
fn listed(ranges: &[PointRange]) -> String {
    let ranges: Vec<_> = ranges.iter().map(PointRange::to_string).collect();
    ranges.join(", ")
}

impl From<IoError> for RepositoryError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl From<ManifestError> for RepositoryError {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::Io(error) => Self::Io(error),
            other => Self::Manifest(other),
        }
    }
}

#[cfg(feature = "vault")]
impl From<VaultError> for RepositoryError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Io(error) => Self::Io(error),
            other => Self::Vault(other),
        }
    }
}

/// The result of an operation on a repository.
pub type Result<T> = std::result::Result<T, RepositoryError>;

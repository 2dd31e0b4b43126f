//! What can be wrong with the bytes of a log.

use apograph_format::{Code, Epoch, Lsn, TransactionId, v1, v2};

/// What is wrong at some place of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogDefect {
    /// Generation 1: no frame stands there.
    #[error(transparent)]
    FrameV1(#[from] v1::FrameDefect),
    /// Generation 1: an epoch record that no commit precedes.
    #[error("epoch {epoch} without a commit")]
    StrayEpoch {
        /// The epoch.
        epoch: Epoch,
    },
    /// Generation 2: no frame stands there.
    #[error(transparent)]
    FrameV2(#[from] v2::FrameDefect),
    /// Generation 2: the frame's payload is no run of records.
    #[error(transparent)]
    Record(#[from] v2::RecordDefect),
    /// Generation 2: the frame does not fit into a group.
    #[error(transparent)]
    Group(#[from] GroupDefect),
}

impl LogDefect {
    /// The kind of the defect, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::FrameV1(defect) => defect.code(),
            Self::StrayEpoch { .. } => Code::Malformed,
            Self::FrameV2(defect) => defect.code(),
            Self::Record(defect) => defect.code(),
            Self::Group(defect) => defect.code(),
        }
    }

    /// Whether the bytes may be sound, and of a version that is not known here.
    pub const fn is_unsupported(self) -> bool {
        matches!(self.code(), Code::UnsupportedVersion)
    }
}

/// Why a whole frame of generation 2 does not fit into a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupDefect {
    /// The frame stands where a group must begin, and begins none.
    #[error("a frame of transaction {transaction} stands where a group must begin")]
    NotFirst {
        /// The transaction in the frame.
        transaction: TransactionId,
    },
    /// The frame begins a group inside of another.
    #[error("a group begins inside of another")]
    Interrupted,
    /// The frame is of another transaction than its group.
    #[error("a frame of transaction {found} stands in a group of transaction {expected}")]
    OtherTransaction {
        /// The transaction of the group.
        expected: TransactionId,
        /// The transaction in the frame.
        found: TransactionId,
    },
    /// The first payload is too short for its prologue.
    #[error("the group has no prologue")]
    NoPrologue,
    /// The group claims that the log was durable past its own beginning.
    #[error("the group says that the log was durable up to LSN {synced}, after its own beginning")]
    SyncedAhead {
        /// What it claims.
        synced: Lsn,
    },
    /// The log file ends inside of the group, and another one follows.
    #[error("the log file ends inside of a group")]
    CutOff,
}

impl GroupDefect {
    /// The kind of the defect, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::NoPrologue => Code::TooShort,
            Self::NotFirst { .. }
            | Self::Interrupted
            | Self::OtherTransaction { .. }
            | Self::SyncedAhead { .. }
            | Self::CutOff => Code::Malformed,
        }
    }
}

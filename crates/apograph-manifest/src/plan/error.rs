//! Why a chain has no plan for a target.

use apograph_format::{Code, Epoch, Lsn, Point, PointName, UnixMillis};

use crate::gap::GapCause;

/// The restorable points around a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nearest {
    /// The last one before it.
    pub below: Option<PointName>,
    /// The first one after it.
    pub above: Option<PointName>,
}

/// Why a chain has no plan for a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// There is nothing to begin with.
    #[error("the repository has no full backup")]
    NoFullBackup,
    /// No segment has the target.
    #[error("{target} is not in the repository")]
    NotCovered {
        /// What was asked for.
        target: String,
        /// What there is around it.
        nearest: Box<Nearest>,
    },
    /// Generation 1: a segment has the target, and the full backup to begin with may have more.
    #[error("{target} cannot be restored: the image of the full backup may hold commits behind it")]
    BehindImage {
        /// What was asked for.
        target: String,
        /// What there is around it.
        nearest: Box<Nearest>,
    },
    /// An instant lies before the first state, or after the last capture: what was committed by
    /// then is not known.
    #[error("{target} is not in the repository")]
    TimeNotCovered {
        /// What was asked for.
        target: String,
        /// From when on a state is known.
        from: Option<UnixMillis>,
        /// Until when.
        until: Option<UnixMillis>,
        /// What there is around it.
        nearest: Box<Nearest>,
    },
    /// The target was captured, and the way to it is broken.
    #[error("{target} cannot be reached")]
    Unreachable {
        /// What was asked for.
        target: String,
        /// Where the way is broken.
        #[source]
        cause: Box<GapCause>,
        /// What there is around it.
        nearest: Box<Nearest>,
    },
    /// A state is named as the later one that is the earlier.
    #[error("{to} lies before {from}")]
    Reversed {
        /// What is named as the earlier state.
        from: String,
        /// What is named as the later one.
        to: String,
    },
    /// Two states can be restored, and not every commit between them was captured.
    #[error("{from} and {to} are not connected: commits between them are in no increment")]
    NotConnected {
        /// The earlier state.
        from: String,
        /// The later state.
        to: String,
        /// Where the log between them breaks off.
        #[source]
        cause: Option<Box<GapCause>>,
    },
    /// No commit ends at the position.
    #[error("LSN {lsn} is not where a commit ends")]
    NotABoundary {
        /// The position.
        lsn: Lsn,
        /// The last position before it at which one ends.
        below: Option<Lsn>,
        /// The first position after it at which one ends.
        above: Option<Lsn>,
    },
    /// Several timelines have the position.
    #[error("LSN {lsn} is in {timelines} timelines")]
    AmbiguousLsn {
        /// The position.
        lsn: Lsn,
        /// How many.
        timelines: usize,
    },
    /// Epochs and times of an encrypted log are not known without its key.
    #[error(
        "{target} cannot be found: epochs and times are encrypted, and reading them takes the database's key"
    )]
    Encrypted {
        /// What was asked for.
        target: String,
        /// The positions that can be restored.
        from: Option<Lsn>,
        /// The last of them.
        to: Option<Lsn>,
    },
    /// Several timelines have the epoch.
    #[error("epoch {} is in {}", epoch_of(points), timelines_of(points, *has_nameless))]
    Ambiguous {
        /// The points that may be meant and have a name.
        points: Vec<Point>,
        /// Whether one may be meant that has none, because its timeline is not counted.
        has_nameless: bool,
    },
}

impl ChainError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::NoFullBackup => Code::NoFullBackup,
            Self::NotCovered { .. }
            | Self::BehindImage { .. }
            | Self::TimeNotCovered { .. }
            | Self::NotConnected { .. }
            | Self::NotABoundary { .. } => Code::TargetNotCovered,
            Self::Reversed { .. } => Code::Usage,
            Self::Encrypted { .. } => Code::Encrypted,
            Self::Unreachable { cause, .. } => cause.code(),
            Self::Ambiguous { .. } | Self::AmbiguousLsn { .. } => Code::AmbiguousTarget,
        }
    }
}

fn epoch_of(points: &[Point]) -> Epoch {
    points.first().map(|point| point.epoch).unwrap_or_default()
}

fn timelines_of(points: &[Point], has_nameless: bool) -> String {
    if has_nameless {
        "several timelines, of which not all are counted".to_owned()
    } else {
        format!("{} timelines", points.len())
    }
}

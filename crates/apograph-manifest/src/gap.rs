//! Places where a chain lacks commits.

use std::error::Error;
use std::fmt;

use apograph_format::{Code, Epoch, LogPosition, Point, PointName, SegmentName};

use crate::hole::Hole;
use crate::segment::{FileName, Segment};
use crate::unusable::UnusableSegment;

/// A place where commits are missing from the chain, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The last point before it.
    pub after: Option<Point>,
    /// The first point after it.
    pub before: Option<Point>,
    /// Why the chain does not go on.
    pub cause: GapCause,
}

/// What is lacking at a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapKind {
    /// What belongs to the chain is not there, or cannot be used: something is wrong with the
    /// repository, or a backup could not capture everything.
    Missing,
    /// A full backup begins a new timeline, as after a close of the database in generation 1. What
    /// the database held then is all in it. Of commits before it that no backup saw the states in
    /// between are lacking, if there were any.
    Branch,
    /// What was there was pruned: nobody needs it any more.
    Pruned,
}

impl fmt::Display for GapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Branch => "branch",
            Self::Pruned => "pruned",
        })
    }
}

/// Why the chain does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapCause {
    /// The manifest, or the catalog, lacks an entry between two others.
    MissingEntry {
        /// The entry before.
        previous: FileName,
        /// The entry after.
        next: FileName,
    },
    /// What was captured between two entries was pruned.
    Pruned {
        /// The entry before.
        previous: FileName,
        /// The entry after.
        next: FileName,
    },
    /// A segment's file is not there, damaged, or of a version that is not known here.
    Unusable(UnusableSegment),
    /// A full backup that does not prove that it goes on from the log before it.
    NotContinued {
        /// The full backup.
        file: FileName,
        /// The point of an earlier full backup that has the same image: the timeline branched off
        /// there or after it, as after a restore in place. `None` where nothing tells.
        branched_from: Option<Point>,
    },
    /// An increment of the other generation than the log before it.
    OtherGeneration {
        /// The increment.
        file: FileName,
    },
    /// An increment that does not begin with the epoch after the segment before it.
    UnlinkedEpochs {
        /// The increment.
        file: FileName,
        /// The epoch it would begin with.
        expected: Epoch,
        /// The epoch it begins with.
        found: Epoch,
    },
    /// An increment that does not begin where the log before it ended.
    UnlinkedPositions {
        /// The increment.
        file: FileName,
        /// Where it would begin.
        expected: LogPosition,
        /// Where it begins.
        found: LogPosition,
    },
    /// An increment of generation 2 that holds other bytes than the log before it where both have
    /// the same positions: it is of another copy of the database, or a crash took what was captured
    /// and the engine wrote other commits in its place.
    Diverges {
        /// The increment.
        file: FileName,
    },
    /// Epochs that no segment has.
    EpochsMissing {
        /// The first of them; without its timeline where that is not counted.
        first: PointName,
        /// The last of them.
        last: Epoch,
        /// Whether they were never logged, or are still to come, as far as can be told.
        is_out_of_order: bool,
    },
}

/// Names are numbered by the entries before them: a number left out is an entry taken out.
pub fn missing_entry(previous: &Segment, next: &Segment) -> Option<GapCause> {
    let before = SegmentName::parse(previous.file.as_str())?.index;
    let after = SegmentName::parse(next.file.as_str())?.index;
    let expected = before.saturating_add(1);
    (after != expected).then(|| hole(previous, next, Hole::Lost))
}

pub(crate) fn hole(previous: &Segment, next: &Segment, of: Hole) -> GapCause {
    let (previous, next) = (previous.file.clone(), next.file.clone());
    match of {
        Hole::Lost => GapCause::MissingEntry { previous, next },
        Hole::Pruned => GapCause::Pruned { previous, next },
    }
}

impl GapCause {
    /// What is lacking.
    pub const fn kind(&self) -> GapKind {
        match self {
            Self::NotContinued { .. } => GapKind::Branch,
            Self::Pruned { .. } => GapKind::Pruned,
            _ => GapKind::Missing,
        }
    }

    /// The point at which the timeline after it branched off at the earliest, as far as that can be
    /// proved.
    pub const fn branched_from(&self) -> Option<Point> {
        match self {
            Self::NotContinued { branched_from, .. } => *branched_from,
            _ => None,
        }
    }

    /// The kind of the error that a gap of this cause is, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Unusable(segment) => segment.code(),
            Self::Pruned { .. } => Code::TargetNotCovered,
            _ => Code::ChainBroken,
        }
    }

    /// The file that the gap is about.
    pub const fn file(&self) -> Option<&FileName> {
        match self {
            Self::MissingEntry { .. } | Self::Pruned { .. } | Self::EpochsMissing { .. } => None,
            Self::Unusable(UnusableSegment { file, .. })
            | Self::NotContinued { file, .. }
            | Self::OtherGeneration { file }
            | Self::Diverges { file }
            | Self::UnlinkedEpochs { file, .. }
            | Self::UnlinkedPositions { file, .. } => Some(file),
        }
    }
}

impl fmt::Display for GapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingEntry { previous, next } => {
                write!(
                    f,
                    "the repository names nothing between {previous} and {next}"
                )
            }
            Self::Pruned { previous, next } => {
                write!(f, "what was between {previous} and {next} was pruned")
            }
            Self::Unusable(segment) => segment.fmt(f),
            Self::NotContinued {
                file,
                branched_from,
            } => {
                write!(
                    f,
                    "{file} does not go on from the log before it; commits in between, if any, are in \
                     no segment"
                )?;
                match branched_from {
                    Some(point) => write!(
                        f,
                        "; its image is that of {point}: it branched off there, or after it"
                    ),
                    None => Ok(()),
                }
            }
            Self::OtherGeneration { file } => {
                write!(f, "{file} is of another generation than the log before it")
            }
            Self::UnlinkedEpochs {
                file,
                expected,
                found,
            } => {
                write!(
                    f,
                    "{file} begins with epoch {found} where epoch {expected} comes next"
                )
            }
            Self::UnlinkedPositions {
                file,
                expected,
                found,
            } => {
                write!(
                    f,
                    "{file} begins at log position {found}; the log before it ended at {expected}"
                )
            }
            Self::Diverges { file } => write!(
                f,
                "{file} holds other commits than the log before it has at the same positions: it is of \
                 another copy of the database, or a crash took what was captured"
            ),
            Self::EpochsMissing { first, last, .. } if first.epoch == *last => {
                write!(f, "epoch {first} is in no segment")
            }
            Self::EpochsMissing { first, last, .. } => {
                write!(f, "epochs {first} to {last} are in no segment")
            }
        }
    }
}

impl Error for GapCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unusable(segment) => segment.source(),
            _ => None,
        }
    }
}

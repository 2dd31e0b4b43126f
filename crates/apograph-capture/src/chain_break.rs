//! The reasons why a chain cannot go on: what was seen, in the words of a user.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use apograph_format::{Code, Detail, Epoch, LogPosition, Lsn};
use apograph_manifest::{ChainError, FileName, Unusable};

/// Why a chain cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainBreak {
    /// There is nothing to go on from.
    NoFullBackup,
    /// The last segment cannot be read.
    LastSegment {
        /// Its file.
        file: FileName,
        /// Why not; `None` where its file is sound, and does not say where the chain ends.
        reason: Option<Unusable>,
    },
    /// No full backup leads to the end of the chain.
    Unreachable {
        /// Where the way is broken.
        cause: ChainError,
    },
    /// An increment cannot be used that leads to the end of the chain.
    Increment {
        /// Its file.
        file: FileName,
        /// Why not; `None` where it can be read, and does not hold the bytes of the log.
        reason: Option<Unusable>,
    },
    /// The database was migrated from generation 1 to 2, and its log is a new one.
    Migrated,
    /// There is no log, and the database file holds another image than at the last backup.
    Closed,
    /// There is no log, and the database file holds an image that is older than what was captured.
    LogLost {
        /// The end of what was captured.
        end: LogPosition,
    },
    /// The log folder lacks the marker that the last backup left in it.
    Unmarked,
    /// The marker in the log folder is that of another backup than the last one.
    OtherMoment,
    /// A log file that the chain ends in, or that comes after it, is not there.
    FileMissing {
        /// Its name.
        file: String,
    },
    /// The log file in which the chain ends is shorter than what was captured of it.
    FileShortened {
        /// Its name.
        file: String,
    },
    /// A log file that was captured whole has grown.
    FileGrown {
        /// Its name.
        file: String,
    },
    /// A log file holds other bytes than were captured of it.
    OtherBytes {
        /// Its name.
        file: String,
    },
    /// A log file is damaged where it was captured.
    Damaged {
        /// Its path.
        path: PathBuf,
        /// Where the damage begins, in bytes.
        offset: u64,
        /// What is wrong.
        detail: Detail,
    },
    /// The newest log file is an older one than at the last backup.
    LogWentBack {
        /// Its name.
        file: String,
    },
    /// The image in the database file is older than at the last backup, or another one with as many
    /// checkpoints.
    ImageReplaced {
        /// How many checkpoints it had had.
        before: u64,
        /// How many it has now.
        now: u64,
    },
    /// `checkpoint.meta` and the image in the database file are not of one checkpoint.
    OtherCheckpoint,
    /// The image in the database file has had more checkpoints, or fewer, than the log tells.
    Checkpoints {
        /// By how many its count rose.
        image: u64,
        /// How many the log tells, at least.
        least: u64,
        /// How many, at most.
        most: u64,
    },
    /// Generation 1: the image holds epochs that neither the chain nor the log has.
    ImageAhead {
        /// The epoch of the image.
        image: Epoch,
        /// The first that is missing.
        missing: Epoch,
    },
    /// Generation 1: the image is of a compacted database, whose log lacks what queries commit.
    Compacted,
    /// Generation 2: the image is of a position that the log does not reach, or at which no log
    /// file begins.
    ImageOffLog {
        /// The position of the image.
        image: Lsn,
        /// The end of the log.
        log: LogPosition,
    },
    /// Generation 2: the log begins after the end of the chain.
    Truncated,
    /// Generation 2: the log ends before the end of the chain.
    Shortened,
}

impl ChainBreak {
    /// The kind of the error that it is for who asked for an increment, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::NoFullBackup => Code::NoFullBackup,
            Self::Damaged { .. } => Code::WalDamaged,
            _ => Code::ChainBroken,
        }
    }

    /// Whether it can be what a checkpoint or a commit looks like that is under way.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::FileMissing { .. }
                | Self::ImageReplaced { .. }
                | Self::OtherCheckpoint
                | Self::Checkpoints { .. }
                | Self::ImageAhead { .. }
                | Self::ImageOffLog { .. }
        )
    }
}

impl fmt::Display for ChainBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFullBackup => f.write_str("no earlier backup in the repository"),
            Self::LastSegment { file, .. } => {
                write!(f, "{file}, the last segment, cannot be used")
            }
            Self::Unreachable { .. } => f.write_str("the end of the chain cannot be restored"),
            Self::Increment { file, .. } => write!(
                f,
                "the end of the chain cannot be restored: {file} cannot be used"
            ),
            Self::Migrated => f.write_str(
                "the database was migrated from Grafeo 0.5 to 0.6 since the last backup, \
                 which began a new log",
            ),
            Self::Closed => f.write_str(
                "there is no log, and the database file holds another state than at the last \
                 backup: the database was closed since",
            ),
            Self::LogLost { .. } => f.write_str(
                "there is no log, and the database file is as it was before the newest commits that \
                 are in the repository: its log was lost, or the file was put back",
            ),
            Self::Unmarked => f.write_str(
                "the log folder is another one than at the last backup: the marker that the backup \
                 left in it is not there",
            ),
            Self::OtherMoment => f.write_str(
                "the log folder, or the repository, is as it was at another time than the last \
                 backup: the marker in the folder is not the one that this backup left",
            ),
            Self::FileMissing { file } => write!(
                f,
                "{file} is not there any more, and not all of it was captured"
            ),
            Self::FileShortened { file } => write!(
                f,
                "{file} is shorter than what was captured of it: a crash took its end, or it is \
                 another file"
            ),
            Self::FileGrown { file } => write!(
                f,
                "{file} has grown since it was captured whole: it is another file"
            ),
            Self::OtherBytes { file } => write!(
                f,
                "{file} does not hold the bytes that were captured of it: it is another file, or \
                 was damaged"
            ),
            Self::Damaged { path, offset, .. } => {
                write!(f, "{} is damaged at byte {offset}", path.display())
            }
            Self::LogWentBack { file } => write!(
                f,
                "{file} is the newest log file, and there was a newer one at the last backup"
            ),
            Self::ImageReplaced { before, now } => write!(
                f,
                "the database file is another one than at the last backup: it had had {before} \
                 checkpoints then, and has had {now} now"
            ),
            Self::OtherCheckpoint => f.write_str(
                "the database file and the log are of different moments: checkpoint.meta is not of \
                 the image in the file",
            ),
            Self::Checkpoints { image, least, most } if least == most => write!(
                f,
                "the database file and the log are of different histories: the file has had {image} \
                 checkpoints since the last backup, and the log tells of {most}"
            ),
            Self::Checkpoints { image, least, most } => write!(
                f,
                "the database file and the log are of different histories: the file has had {image} \
                 checkpoints since the last backup, and the log tells of {least} to {most}"
            ),
            Self::ImageAhead { image, missing } => write!(
                f,
                "the database file holds commits up to epoch {image}, and neither the repository \
                 nor the log has epoch {missing}"
            ),
            Self::Compacted => f.write_str(
                "the database was compacted, and Grafeo 0.5 logs nothing that queries commit to \
                 such a one",
            ),
            Self::ImageOffLog { image, log } => write!(
                f,
                "the database file and the log are of different histories: the file is at position \
                 {image}, and the log ends at {log}"
            ),
            Self::Truncated => {
                f.write_str("the engine removed log files that were not captured yet")
            }
            Self::Shortened => f.write_str(
                "the log ends before commits that were captured: a crash took them, or it is \
                 another log",
            ),
        }
    }
}

impl Error for ChainBreak {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { cause } => Some(cause),
            Self::LastSegment { reason, .. } | Self::Increment { reason, .. } => {
                Some(reason.as_ref()?)
            }
            Self::Damaged { detail, .. } => Some(&**detail),
            _ => None,
        }
    }
}

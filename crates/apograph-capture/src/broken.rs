//! The reasons why a chain cannot go on.

use std::fmt;

use apograph_manifest::FileName;

/// Why a chain cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// There is nothing to go on from.
    NoFullBackup,
    /// The last segment cannot be read.
    LastSegment {
        /// Its file.
        file: FileName,
    },
    /// The log folder is gone: the database was closed, and holds commits that no log has.
    Closed,
    /// The log is another one than was captured: the database was closed and opened again.
    Reopened,
    /// The engine removed log files that were not captured yet.
    Truncated,
    /// The log holds other bytes where the chain ends: it was restored, or written elsewhere.
    OtherLog,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFullBackup => f.write_str("no earlier backup in the repository"),
            Self::LastSegment { file } => write!(f, "{file}, the last segment, cannot be used"),
            Self::Closed => {
                f.write_str("the database was closed since the last backup, which removed its log")
            }
            Self::Reopened => f.write_str(
                "the database was closed and opened again since the last backup, \
                 which began a new log",
            ),
            Self::Truncated => {
                f.write_str("the engine removed log files that were not captured yet")
            }
            Self::OtherLog => {
                f.write_str("the log does not hold the commits that were captured last")
            }
        }
    }
}

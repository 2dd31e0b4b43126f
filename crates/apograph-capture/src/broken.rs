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
    /// No full backup leads to the end of the chain.
    Unreachable {
        /// Where the way is broken.
        cause: String,
    },
    /// The log folder is gone: the database was closed, and holds commits that no log has.
    Closed,
    /// The log is another one than was captured: the database was closed and opened again.
    Reopened,
    /// The database was migrated from generation 1 to 2, and its log is a new one.
    Migrated,
    /// The engine removed log files that were not captured yet.
    Truncated,
    /// Nothing was captured behind the last full backup, and neither the database file nor the
    /// cursor shows that the log is the one behind it.
    Unproved,
    /// The log ends before the place up to which it was captured: a crash took its end.
    Shortened,
    /// The log is encrypted, and the cursor that would tell it from a restored copy's is not there.
    Unwitnessed,
    /// The log holds other bytes where the chain ends: it was restored, or written elsewhere.
    OtherLog,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFullBackup => f.write_str("no earlier backup in the repository"),
            Self::LastSegment { file } => write!(f, "{file}, the last segment, cannot be used"),
            Self::Unreachable { cause } => {
                write!(f, "the end of the chain cannot be restored: {cause}")
            }
            Self::Closed => {
                f.write_str("the database was closed since the last backup, which removed its log")
            }
            Self::Reopened => f.write_str(
                "the database was closed and opened again since the last backup, \
                 which began a new log",
            ),
            Self::Migrated => f.write_str(
                "the database was migrated from Grafeo 0.5 to 0.6 since the last backup, \
                 which began a new log",
            ),
            Self::Truncated => {
                f.write_str("the engine removed log files that were not captured yet")
            }
            Self::Unproved => f.write_str(
                "nothing shows that the log goes on from the last full backup: the database file \
                 is another one, or has changed, and the cursor is not the one that the backup left",
            ),
            Self::Shortened => {
                f.write_str("the log lost commits that were captured: it was cut in a crash")
            }
            Self::Unwitnessed => f.write_str(
                "the log is encrypted and has no cursor of the last backup, \
                 so it may be that of a restored copy",
            ),
            Self::OtherLog => {
                f.write_str("the log does not hold the commits that were captured last")
            }
        }
    }
}

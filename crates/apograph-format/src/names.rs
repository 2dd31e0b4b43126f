//! File names that carry meaning (FORMAT.md, "File names").

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::words::{LogSequence, SegmentKind};

/// The log folder of a database file: the same path with `.wal` appended.
pub fn log_folder(database: &Path) -> PathBuf {
    appended(database, ".wal")
}

/// Where the engine keeps a complete image while it copies it over the database file.
pub fn checkpoint_image(database: &Path) -> PathBuf {
    appended(database, ".checkpoint")
}

fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The name of a generation 1 log file: `wal_`, at least 8 digits, `.log`.
pub fn log_file_name(sequence: LogSequence) -> String {
    format!("wal_{:08}.log", sequence.get())
}

/// What a file in a log folder is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFolderEntry {
    /// A log file.
    Log(LogSequence),
    /// Not named as a log file, yet the engine replays it because its name ends in `.log`.
    StrayLog,
    /// Anything else.
    Other,
}

impl LogFolderEntry {
    /// Reads a file name.
    pub fn of(name: &OsStr) -> Self {
        if Path::new(name).extension() != Some(OsStr::new("log")) {
            return Self::Other;
        }
        let sequence = name.to_str().and_then(|name| {
            name.strip_prefix("wal_")?
                .strip_suffix(".log")?
                .parse()
                .ok()
        });
        sequence.map_or(Self::StrayLog, Self::Log)
    }
}

/// The number and kind in the name of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentName {
    /// Full or incremental.
    pub kind: SegmentKind,
    /// The number of manifest entries before it when it was written.
    pub index: u64,
}

impl SegmentName {
    /// Reads `backup_full_0000.grafeo` or `backup_incr_0001.wal`; at least 4 digits.
    pub fn parse(name: &str) -> Option<Self> {
        let full = name
            .strip_prefix("backup_full_")
            .and_then(|rest| rest.strip_suffix(".grafeo"));
        let increment = name
            .strip_prefix("backup_incr_")
            .and_then(|rest| rest.strip_suffix(".wal"));
        let (kind, digits) = match (full, increment) {
            (Some(digits), _) => (SegmentKind::Full, digits),
            (_, Some(digits)) => (SegmentKind::Incremental, digits),
            _ => return None,
        };
        let index = digits.parse::<LogSequence>().ok()?.get();
        let segment = Self { kind, index };
        (segment.to_string() == name).then_some(segment)
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            SegmentKind::Full => write!(f, "backup_full_{:04}.grafeo", self.index),
            SegmentKind::Incremental => write!(f, "backup_incr_{:04}.wal", self.index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_folder_entries_are_read_as_the_engine_reads_them() {
        let rows = [
            ("wal_00000007.log", LogFolderEntry::Log(LogSequence::new(7))),
            (
                "wal_100000000.log",
                LogFolderEntry::Log(LogSequence::new(100_000_000)),
            ),
            ("wal_7.log", LogFolderEntry::Log(LogSequence::new(7))),
            ("zzz.log", LogFolderEntry::StrayLog),
            ("wal_x.log", LogFolderEntry::StrayLog),
            ("wal_00000007.log.bak", LogFolderEntry::Other),
            ("checkpoint.meta", LogFolderEntry::Other),
        ];
        for (name, expected) in rows {
            assert_eq!(LogFolderEntry::of(OsStr::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn segment_names_parse_to_themselves_only() {
        for name in [
            "backup_full_0000.grafeo",
            "backup_incr_0001.wal",
            "backup_incr_12345.wal",
        ] {
            assert_eq!(
                SegmentName::parse(name).map(|segment| segment.to_string()),
                Some(name.into())
            );
        }
        for name in [
            "backup_full_0.grafeo",
            "backup_full_00000.grafeo",
            "backup_incr_0001.grafeo",
            "x",
        ] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}

//! File names that carry meaning (FORMAT.md, "File names").

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::generation::{Generation, SegmentKind};
use crate::numbers::{LogSequence, Lsn};
use crate::position::{FilePosition, LogPosition};

/// The log folder of a database file: the same path with `.wal` appended.
pub fn log_folder(database: &Path) -> PathBuf {
    appended(database, ".wal")
}

/// Where the engine of generation 1 keeps a complete image while it copies it over the database
/// file.
pub fn checkpoint_image(database: &Path) -> PathBuf {
    appended(database, ".checkpoint")
}

/// Where the engine moves what does not fit its memory.
pub fn spill_folder(database: &Path) -> PathBuf {
    appended(database, ".spill")
}

/// Where the engine of generation 2 keeps the database file of generation 1 that it migrated.
pub fn migrated_original(database: &Path) -> PathBuf {
    appended(database, ".pre-0.6")
}

/// The folder of a folder database of generation 1 in which its log lies.
pub const FOLDER_LOG_NAME: &str = "wal";

/// The file in a folder database that its engine locks, from 0.5.44 on.
pub const FOLDER_LOCK_NAME: &str = "LOCK";

/// Whether an engine of generation 1 makes a folder database of a new path: its name does not end
/// in `.grafeo`.
pub fn is_folder_database(path: &Path) -> bool {
    path.extension()
        .is_none_or(|extension| extension != "grafeo")
}

fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The name of the log file that begins at a position: `wal_`, digits, `.log`.
///
/// At least 8 digits of the sequence in generation 1, exactly 20 of the LSN in generation 2.
pub fn log_file_name(start: LogPosition) -> String {
    match start {
        LogPosition::File(FilePosition { sequence, .. }) => {
            format!("wal_{:08}.log", sequence.get())
        }
        LogPosition::Lsn(lsn) => format!("wal_{:0LSN_DIGITS$}.log", lsn.get()),
    }
}

/// Digits of the LSN in a name.
const LSN_DIGITS: usize = 20;

/// What a file in a log folder is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFolderEntry {
    /// A log file, with the position of its first byte.
    Log(LogPosition),
    /// Not named as a log file of the generation, yet the engine replays it, or would refuse it,
    /// because its name ends in `.log`.
    StrayLog,
    /// Anything else.
    Other,
}

impl LogFolderEntry {
    /// Reads a file name as the engine of a generation does.
    pub fn of(name: &OsStr, generation: Generation) -> Self {
        if Path::new(name).extension() != Some(OsStr::new("log")) {
            return Self::Other;
        }
        let digits = name
            .to_str()
            .and_then(|name| name.strip_prefix("wal_")?.strip_suffix(".log"));
        let start = digits.and_then(|digits| match generation {
            Generation::One => {
                let sequence: LogSequence = digits.parse().ok()?;
                Some(LogPosition::in_file(sequence, 0))
            }
            Generation::Two => {
                let lsn: Lsn = digits.parse().ok()?;
                (digits.len() == LSN_DIGITS).then_some(LogPosition::Lsn(lsn))
            }
        });
        match (start, generation) {
            (Some(start), _) => Self::Log(start),
            // Only the engine of generation 1 replays whatever ends in `.log`.
            (None, Generation::Two) if digits.is_none() => Self::Other,
            (None, _) => Self::StrayLog,
        }
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
    fn log_folder_entries_are_read_as_the_engines_read_them() {
        let file =
            |sequence| LogFolderEntry::Log(LogPosition::in_file(LogSequence::new(sequence), 0));
        let segment = |lsn| LogFolderEntry::Log(LogPosition::Lsn(Lsn::new(lsn)));
        let (stray, other) = (LogFolderEntry::StrayLog, LogFolderEntry::Other);
        let rows = [
            ("wal_00000007.log", file(7), stray),
            ("wal_100000000.log", file(100_000_000), stray),
            ("wal_7.log", file(7), stray),
            ("wal_00000000000000000148.log", file(148), segment(148)),
            ("zzz.log", stray, other),
            ("wal_x.log", stray, stray),
            ("wal_00000007.log.bak", other, other),
            ("checkpoint.meta", other, other),
        ];
        for (name, one, two) in rows {
            let name = OsStr::new(name);
            assert_eq!(LogFolderEntry::of(name, Generation::One), one, "{name:?}");
            assert_eq!(LogFolderEntry::of(name, Generation::Two), two, "{name:?}");
        }
        for (name, entry, _) in rows.into_iter().take(2) {
            let LogFolderEntry::Log(start) = entry else {
                panic!("{name}")
            };
            assert_eq!(log_file_name(start), name);
        }
        let lsn = LogPosition::Lsn(Lsn::new(148));
        assert_eq!(log_file_name(lsn), "wal_00000000000000000148.log");
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

//! What the released engines do with their files, as far as a backup depends on it.
//!
//! docs/grafeo-versions.md says how each row was found out. A database file names the engine that
//! created it, once; whatever wrote to it later is in no file. So what is asked of a database is
//! asked of its creator and of every later release of the generation, and where one of them might
//! do it, it counts as done: [`Engines`]. A creator that is not in the table, as an unreleased or a
//! newer one, is every engine of its generation.

use std::fmt;
use std::str::FromStr;

use crate::generation::Generation;
use crate::numbers::{ParseWordError, parse_digits};

/// A version of the engine, as `0.5.44`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineVersion {
    major: u64,
    minor: u64,
    patch: u64,
}

impl EngineVersion {
    /// The version with these three numbers.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl fmt::Display for EngineVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for EngineVersion {
    type Err = ParseWordError;

    fn from_str(text: &str) -> Result<Self, ParseWordError> {
        let mut numbers = text.split('.');
        let mut next = || {
            numbers
                .next()
                .map_or(Err(ParseWordError::NotANumber), parse_digits)
        };
        let version = Self::new(next()?, next()?, next()?);
        match numbers.next() {
            None => Ok(version),
            Some(_) => Err(ParseWordError::NotANumber),
        }
    }
}

/// Which changes an engine ends with a commit record when it logs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommitRecords {
    /// None: what its log holds, the engine itself passes over when it opens the database.
    Never,
    /// Those of queries and transactions. What the direct API and changes of the schema log belongs
    /// to the commit of the next query, and until then to none.
    Queries,
    /// All.
    Always,
}

/// What an engine logs of a transaction that is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolledBack {
    /// Its records and no word of its end, so that the next commit takes them in.
    Records,
    /// Its records, and an abort record after them.
    Aborted,
    /// Nothing.
    Nothing,
}

/// What becomes of the log when an engine checkpoints the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogAtCheckpoint {
    /// It stays and goes on in the same file, with a checkpoint record (tag 37) where the image is.
    /// Opened after a crash, all of it is replayed onto the image.
    Kept,
    /// It goes on in a new file, and what lies before that is removed.
    Removed,
}

/// What a full backup of the engine's own does with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogAtBackup {
    /// There is no such backup.
    NoBackup,
    /// It writes an image, as a checkpoint does, and a cursor. Nothing in the log says so.
    Silent,
    /// The same, and the log goes on in a new file. The old ones stay.
    NewFile,
    /// It is a checkpoint.
    Checkpoint,
}

/// What an engine logs of a database that `compact()` was called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compacted {
    /// There is no such thing.
    NotThere,
    /// Nothing: it cannot be written to.
    ReadOnly,
    /// Nothing of what queries commit. Only the next checkpoint has that.
    NoQueries,
    /// Everything.
    Everything,
}

/// What `DB.spill` holds beside files that are of no use to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spilled {
    /// Nothing.
    Nothing,
    /// `vectors_*.bin`: embeddings that were moved there out of the database, and are nowhere else
    /// once a checkpoint has run.
    Vectors,
}

/// What releases of the engine do, from one on to the next row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineTraits {
    /// The first release that does so.
    pub since: EngineVersion,
    /// What its database files and logs are.
    pub generation: Generation,
    /// Which changes end with a commit record.
    pub commit_records: CommitRecords,
    /// What is logged of a transaction that is rolled back.
    pub rolled_back: RolledBack,
    /// What becomes of the log at a checkpoint.
    pub log_at_checkpoint: LogAtCheckpoint,
    /// What becomes of it at a full backup of the engine's own.
    pub log_at_backup: LogAtBackup,
    /// What is logged after `compact()`.
    pub compacted: Compacted,
    /// What is moved out of the database.
    pub spilled: Spilled,
}

/// The first release whose files are known.
const FIRST: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 5, 28),
    generation: Generation::One,
    commit_records: CommitRecords::Never,
    rolled_back: RolledBack::Records,
    log_at_checkpoint: LogAtCheckpoint::Kept,
    log_at_backup: LogAtBackup::NoBackup,
    compacted: Compacted::NotThere,
    spilled: Spilled::Nothing,
};
const READ_ONLY_COMPACT: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 5, 32),
    compacted: Compacted::ReadOnly,
    ..FIRST
};
const QUERIES_COMMIT: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 5, 35),
    commit_records: CommitRecords::Queries,
    log_at_backup: LogAtBackup::Silent,
    ..READ_ONLY_COMPACT
};
const BACKUPS_ROTATE: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 5, 38),
    log_at_backup: LogAtBackup::NewFile,
    ..QUERIES_COMMIT
};
const SPILL_FOLDER: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 5, 39),
    compacted: Compacted::NoQueries,
    spilled: Spilled::Vectors,
    ..BACKUPS_ROTATE
};
const ABORTS: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 5, 42),
    rolled_back: RolledBack::Aborted,
    ..SPILL_FOLDER
};
const ALL_COMMIT: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 5, 44),
    commit_records: CommitRecords::Always,
    rolled_back: RolledBack::Nothing,
    log_at_checkpoint: LogAtCheckpoint::Removed,
    log_at_backup: LogAtBackup::Checkpoint,
    ..ABORTS
};
const GENERATION_TWO: EngineTraits = EngineTraits {
    since: EngineVersion::new(0, 6, 0),
    generation: Generation::Two,
    log_at_backup: LogAtBackup::NewFile,
    compacted: Compacted::Everything,
    spilled: Spilled::Nothing,
    ..ALL_COMMIT
};

/// The releases that differ, oldest first.
static TABLE: [EngineTraits; 8] = [
    FIRST,
    READ_ONLY_COMPACT,
    QUERIES_COMMIT,
    BACKUPS_ROTATE,
    SPILL_FOLDER,
    ABORTS,
    ALL_COMMIT,
    GENERATION_TWO,
];
/// The newest release of a generation whose files are known.
const fn newest(generation: Generation) -> EngineVersion {
    match generation {
        Generation::One => EngineVersion::new(0, 5, 44),
        Generation::Two => EngineVersion::new(0, 6, 1),
    }
}

/// The engines that may have written to a database: one of them did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engines(&'static [EngineTraits]);

impl Engines {
    /// Those that may have written to a database that says who created it. What follows a `+` is
    /// no part of the version.
    ///
    /// ```
    /// use apograph_format::{Engines, Generation};
    ///
    /// assert!(Engines::since("0.5.36", Generation::One).may_keep_log());
    /// assert!(!Engines::since("0.5.44", Generation::One).may_keep_log());
    /// // Nobody knows what that one does.
    /// assert!(Engines::since("0.5.45-rc1", Generation::One).may_keep_log());
    /// ```
    pub fn since(creator: &str, generation: Generation) -> Self {
        let rows = TABLE.split(|row| row.generation != generation);
        let rows = rows.max_by_key(|rows| rows.len()).unwrap_or_default();
        let newest = newest(generation);
        let is_known = |version: &EngineVersion| {
            (version.major, version.minor) == (newest.major, newest.minor) && *version <= newest
        };
        let numbers = creator.split('+').next().unwrap_or(creator);
        let version = numbers.parse().ok().filter(is_known);
        let before = version.map_or(0, |version| {
            let later = rows.iter().position(|row| row.since > version);
            later.unwrap_or(rows.len()).saturating_sub(1)
        });
        Self(rows.get(before..).unwrap_or(rows))
    }

    /// The rows of the table that they are in, oldest first.
    pub const fn traits(&self) -> &'static [EngineTraits] {
        self.0
    }

    /// Those of them whose images have sections. What those before them wrote last is a snapshot.
    #[must_use]
    pub fn that_write_sections(self) -> Self {
        let writes = |row: &EngineTraits| row.since >= QUERIES_COMMIT.since;
        let before = self.0.iter().take_while(|row| !writes(row)).count();
        Self(self.0.get(before..).unwrap_or(self.0))
    }

    /// Whether what is committed may be logged without a commit record.
    pub fn may_log_no_commits(&self) -> bool {
        self.any(|it| it.commit_records == CommitRecords::Never)
    }

    /// Whether some of what is done may wait in the log for the commit record of something else.
    pub fn may_log_before_commit(&self) -> bool {
        self.any(|it| it.commit_records != CommitRecords::Always)
    }

    /// Whether the log may hold what was rolled back, as if it was committed.
    pub fn may_commit_rolled_back(&self) -> bool {
        self.any(|it| {
            it.rolled_back == RolledBack::Records && it.commit_records != CommitRecords::Never
        })
    }

    /// Whether an image may lie beside a log that holds commits which are in the image.
    pub fn may_keep_log(&self) -> bool {
        self.any(|it| it.log_at_checkpoint == LogAtCheckpoint::Kept)
    }

    /// Whether a compacted database may have commits that are in no log.
    pub fn may_not_log_compacted(&self) -> bool {
        self.any(|it| it.compacted == Compacted::NoQueries)
    }

    /// Whether embeddings may lie outside of the database file.
    pub fn may_spill_vectors(&self) -> bool {
        self.any(|it| it.spilled == Spilled::Vectors)
    }

    fn any(&self, does: impl Fn(&EngineTraits) -> bool) -> bool {
        self.0.iter().any(does)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(creator: &str, generation: Generation) -> String {
        let engines = Engines::since(creator, generation);
        let first = engines.traits().first();
        first.map(|row| row.since.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_creator_is_found_in_its_row() {
        let rows = [
            ("0.5.28", "0.5.28"),
            ("0.5.31", "0.5.28"),
            ("0.5.34", "0.5.32"),
            ("0.5.35", "0.5.35"),
            ("0.5.35+folder", "0.5.35"),
            ("0.5.37", "0.5.35"),
            ("0.5.43", "0.5.42"),
            ("0.5.44", "0.5.44"),
        ];
        for (creator, since) in rows {
            assert_eq!(first(creator, Generation::One), since, "{creator}");
        }
        assert_eq!(first("0.6.1", Generation::Two), "0.6.0");
    }

    #[test]
    fn an_image_of_sections_is_of_no_engine_that_writes_snapshots() {
        let engines = Engines::since("0.5.30", Generation::One);
        assert!(engines.may_log_no_commits());
        let engines = engines.that_write_sections();
        assert!(!engines.may_log_no_commits() && engines.may_keep_log());
        let newest = Engines::since("0.5.44", Generation::One);
        assert_eq!(newest.that_write_sections(), newest);
    }

    #[test]
    fn an_unknown_creator_is_every_engine() {
        for creator in ["", "0.5.45", "0.5.9", "0.6.0", "0.5.44-dev", "0.5", "1.0.0"] {
            assert_eq!(first(creator, Generation::One), "0.5.28", "{creator}");
        }
        assert_eq!(first("0.7.0", Generation::Two), "0.6.0");
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(TABLE.is_sorted_by_key(|row| row.since));
        for row in &TABLE {
            assert!(row.since <= newest(row.generation));
        }
    }

    #[test]
    fn a_version_is_three_numbers() {
        assert_eq!("0.5.44".parse(), Ok(EngineVersion::new(0, 5, 44)));
        for text in ["0.5", "0.5.44.1", "0.5.x", "v0.5.44", "0.5.44 "] {
            assert!(text.parse::<EngineVersion>().is_err(), "{text}");
        }
    }
}

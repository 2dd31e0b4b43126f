//! What can happen in a random life.

use std::fmt;
use std::time::Duration;

use crate::traced::SystemCall;

/// A database of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Db {
    /// The one that nearly everything happens to.
    A,
    /// One that does the same things.
    B,
}

/// What a session does: from so small an alphabet that the same bytes come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Insert(u8),
    Set(u8),
    Delete(u8),
    Pair,
    RolledBack,
    Nothing,
    Empty,
    CreateType,
    DropType,
    CreateGraph,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Work(Db, Work),
    /// Nodes with embeddings. In generation 1 the engine moves those out of the database where it
    /// opens it again.
    Embed(Db, u8),
    /// Values that take more than a log file holds.
    Grow(Db),
    /// A transaction begins that stays open.
    Hold(Db),
    /// It ends.
    Release(Db),
    Checkpoint(Db),
    /// A checkpoint, and a new log file. Without the checkpoint it would look like one.
    Rotate(Db),
    Compact(Db),
    Close(Db),
    Kill(Db),
    /// A close that is killed while it removes the log folder: of its files, these are left.
    CloseKilled(Db, u8),
    /// So many bytes of the newest log file are lost in a crash.
    Tear(Db, u16),
    /// Bytes that are no record follow the newest log file.
    Garbage(Db, u8),
    /// A few bytes of a log file are zeroed in a crash: which file, from where on, how many.
    Zero(Db, u8, u8, u8),
    /// Each of the two databases gets a log file of the other.
    ExchangeLogFile(u8),
    /// The two databases get each other's place, file, log and all.
    ExchangePlaces,
    /// The second database is from now on a copy of the first, by `cp -a`.
    CopyOver,
    /// The database file lies elsewhere, and a symbolic link in its place.
    Link(Db),
    /// Database and log are copied.
    Snapshot(Db),
    /// The copy takes their place.
    RollBack(Db),
    /// The database file of the copy takes the place of the one there is.
    SwapFile(Db),
    /// The files of ours in the log folder are those of the copy.
    OldMarks(Db),
    /// They are lost.
    LoseMarks(Db),
    /// A file of the log folder is lost.
    LoseFile(Db, u8),
    LoseFolder(Db),
    /// The two databases get each other's log files.
    ExchangeLogs,
    /// Database and log are moved, by `cp -a` or by a rename.
    Move(Db, bool),
    /// A database is removed, and one of the points that a repository of the first offers is
    /// restored in its place.
    RestoreOver(Db, u8, u8),
    /// The engine takes a backup of its own, into a folder of its own.
    EngineBackup(Db),
    Backup(Backup),
    /// A backup is taken while a checkpoint is under way, that much after it began.
    BackupInCheckpoint(Db, Duration),
    /// A backup is killed at one of its system calls.
    BackupKilled(Db, u8, Option<&'static str>, SystemCall),
    /// A backup is taken, and something else is done with the repository at the same time.
    BackupBeside(Db, u8, Second),
    /// A vault is made smaller days later, by a command that is killed or not.
    CompactVault(Db, u8, Option<SystemCall>),
    /// A backup into a vault falls asleep at one of its system calls.
    Sleep(Db, u8, SystemCall),
    /// It goes on, after days in which others went on or not.
    Wake(bool),
    /// The oldest chain of a vault is removed.
    Prune(Db, u8),
    /// A small file of a repository is lost.
    LoseSmall(u8, Small),
    /// It is the one of an earlier moment.
    OldSmall(u8, Small),
    /// The small files are lost or not, and the manifest is made anew.
    Rebuild(u8, bool),
    /// The clock of the machine is set: so many hours off the true time.
    Clock(i8),
    /// The next backups are taken by the owner of the database, or by another user: root.
    ByOwner(bool),
}

/// How a backup is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backup {
    pub(crate) db: Db,
    /// Which of the repositories of the database.
    pub(crate) repository: u8,
    pub(crate) mode: Option<&'static str>,
    pub(crate) by: Name,
    /// Whether others read the repository meanwhile.
    pub(crate) is_read: bool,
}

/// What is done at the same time as a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// Another one of the same database.
    Backup,
    /// One of a copy of the database, which no lock keeps out.
    BackupOfCopy,
    /// A vault is made smaller; in a folder another backup.
    Compact,
}

/// By what name a backup knows the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Own,
    SymbolicLink,
    HardLink,
}

/// A file of a repository that is made from its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Small {
    Record,
    Manifest,
}

impl Db {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl Work {
    /// The statements.
    pub(crate) fn op(self) -> String {
        match self {
            Self::Insert(number) => format!("INSERT (:R {{i:{number}}})"),
            Self::Set(number) => format!("MATCH (r:R) SET r.v = {number}"),
            Self::Delete(number) => format!("MATCH (r:R {{i:{number}}}) DELETE r"),
            Self::Pair => "START TRANSACTION; INSERT (:Q {i:0}); INSERT (:Q {i:1}); COMMIT".into(),
            Self::RolledBack => "START TRANSACTION; INSERT (:R {i:9}); ROLLBACK".into(),
            Self::Nothing => "MATCH (n:Nothing) SET n.v = 1".into(),
            Self::Empty => "START TRANSACTION; COMMIT".into(),
            Self::CreateType => "CREATE NODE TYPE T (x INT64)".into(),
            Self::DropType => "DROP NODE TYPE T".into(),
            Self::CreateGraph => "CREATE GRAPH g".into(),
        }
    }
}

/// A list of what happens, for people.
pub(crate) struct Listed<'a>(pub(crate) &'a [Op]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, op) in self.0.iter().enumerate() {
            writeln!(f, "{index:>4}  {op:?}")?;
        }
        Ok(())
    }
}

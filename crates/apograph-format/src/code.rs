//! The stable names of errors, for programs.

use std::fmt;

/// Declares the codes once: the variants, their names and the list of all.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The kind of an error, by a name that stays: what a program decides by.
        ///
        /// Each error of these crates tells its own by `code()`. Most are of the command as well:
        /// docs/cli.md has them with their exit statuses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

codes! {
    /// The operating system said no, or a file changes faster than it can be read.
    Io = "io",
    /// The caller ended the operation.
    Interrupted = "interrupted",
    /// What was asked for makes no sense, or would lie where it cannot stay.
    Usage = "usage",
    /// A segment is damaged.
    CorruptSegment = "corrupt-segment",
    /// The manifest is damaged, or contradicts the files that it names.
    CorruptManifest = "corrupt-manifest",
    /// The notes of a repository are damaged.
    CorruptNotes = "corrupt-notes",
    /// The cursor in the log folder is damaged.
    CorruptCursor = "corrupt-cursor",
    /// The database file is damaged.
    CorruptDatabase = "corrupt-database",
    /// `checkpoint.meta` or a log file is damaged.
    CorruptWal = "corrupt-wal",
    /// The chain cannot be continued or used.
    ChainBroken = "chain-broken",
    /// There is no full backup to begin with.
    NoFullBackup = "no-full-backup",
    /// There is no repository at the path.
    NotARepository = "not-a-repository",
    /// What is named is no database of Grafeo.
    NotADatabase = "not-a-database",
    /// The repository belongs to another database.
    ForeignDatabase = "foreign-database",
    /// The log of an open database is not beside the name that was given.
    LogNotFound = "log-not-found",
    /// The target can only be found with the database's key.
    Encrypted = "encrypted",
    /// What is encrypted cannot be read without a private key that is not there.
    IdentityMissing = "identity-missing",
    /// Segments are encrypted for others than those that were named.
    RecipientsDiffer = "recipients-differ",
    /// No full backup that leads to the newest commit was verified.
    NotVerified = "not-verified",
    /// What was pruned is deleted.
    UndoTooLate = "undo-too-late",
    /// The clock of this machine and the times in a repository do not agree.
    ClockDoubtful = "clock-doubtful",
    /// No segment has the target.
    TargetNotCovered = "target-not-covered",
    /// Several timelines have the target.
    AmbiguousTarget = "ambiguous-target",
    /// Something stands where the output would go.
    OutputExists = "output-exists",
    /// Another command is writing.
    RepositoryBusy = "repository-busy",
    /// A file is of a version, or has a feature, that is not known here.
    UnsupportedVersion = "unsupported-version",
    /// Embeddings lie outside of the database file, and may be lacking in it.
    SpilledVectors = "spilled-vectors",
    /// The live log is damaged in the middle, or lacks a file.
    WalDamaged = "wal-damaged",
    /// A store of objects did not answer, or not in time.
    StoreUnreachable = "store-unreachable",
    /// A store of objects does not let the caller do this.
    AccessDenied = "access-denied",
    /// A store lets several writers create one name.
    StoreUnsafe = "store-unsafe",
    /// Another process holds a lock.
    Busy = "busy",
    /// Bytes end before their structure does.
    TooShort = "too-short",
    /// A structure does not begin with its magic number.
    WrongMagic = "wrong-magic",
    /// A structure contradicts itself or its surroundings, or a text is not what it has to be.
    Malformed = "malformed",
    /// Bytes are not those that a checksum was made of.
    ChecksumMismatch = "checksum-mismatch",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, name: &&str) -> bool {
        self.as_str() == *name
    }
}

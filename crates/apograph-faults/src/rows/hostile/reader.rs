//! Who reads a trap.

/// A command that reads a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    List,
    Verify,
    Restore,
    Inspect,
    Rebuild,
    Backup,
}

impl Reader {
    /// Each of them. A backup comes last: it writes.
    pub(super) const ALL: [Self; 6] = [
        Self::List,
        Self::Verify,
        Self::Restore,
        Self::Inspect,
        Self::Rebuild,
        Self::Backup,
    ];
}

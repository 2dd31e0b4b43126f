//! What a file system does not have.

use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::io::Errno;

/// Something that is used where it is there, and that a file system does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lack {
    /// A rename that fails where the name is taken.
    FreeRename,
    /// A rename that lets two files change names.
    Exchange,
    /// A second name for a file.
    Link,
    /// A lock on a folder.
    FolderLock,
    /// Any lock.
    Exclusion,
    /// Permissions of its own for each file.
    Permissions,
    /// A sync of a folder.
    FolderSync,
}

impl Lack {
    /// Those that a person should know of: there is no other way that gives the same.
    const TOLD: [Self; 3] = [Self::Exclusion, Self::Permissions, Self::FolderSync];

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FreeRename => "its file system has no rename that fails where the name is taken",
            Self::Exchange => "its file system has no rename that lets two files change names",
            Self::Link => "its file system has no hard links",
            Self::FolderLock => "its file system cannot lock a folder",
            Self::Exclusion => {
                "its file system has no locks, so nothing keeps two commands from writing there \
                 at once: run one at a time"
            }
            Self::Permissions => {
                "its file system keeps no permissions: the files there have those of the mount"
            }
            Self::FolderSync => {
                "its file system cannot make the names in a folder durable: a power cut within the \
                 next seconds may undo what was done"
            }
        })
    }
}

/// What was found missing so far, and what was told of it.
#[derive(Debug, Default)]
pub(crate) struct Lacks {
    found: AtomicU16,
    told: AtomicU16,
}

impl Lacks {
    pub(crate) fn has(&self, lack: Lack) -> bool {
        self.found.load(Ordering::Relaxed) & lack.bit() != 0
    }

    pub(crate) fn note(&self, lack: Lack) {
        self.found.fetch_or(lack.bit(), Ordering::Relaxed);
    }

    /// Those that a person should know of and was not told.
    pub(crate) fn untold(&self) -> impl Iterator<Item = Lack> {
        let found = self.found.load(Ordering::Relaxed);
        let told = self.told.fetch_or(found, Ordering::Relaxed);
        let new = move |lack: &Lack| found & !told & lack.bit() != 0;
        Lack::TOLD.into_iter().filter(new)
    }
}

/// Whether the system says that it cannot do such a thing at all. (Some of Linux's file systems say
/// of a flag or an operation that they do not know that it is invalid.)
pub(crate) fn is_unsupported(errno: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP].contains(&errno)
}

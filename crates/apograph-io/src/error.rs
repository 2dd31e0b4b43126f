//! What can go wrong between a backup and the operating system.

use std::io;
use std::path::{Path, PathBuf};

use apograph_format::Code;
use rustix::io::Errno;

use crate::lack::is_unsupported;

/// An operation on a file that did not succeed; it names the operation and the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The operating system said no.
    #[error("cannot {operation} {}", path.display())]
    Failed {
        /// The operation, as a verb.
        operation: &'static str,
        /// The path it was tried on.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A file in the folder for temporary ones cannot be made, written or read. It says nothing of
    /// what was to be kept in it, whatever the system answered.
    #[error(
        "cannot {operation} a temporary file in {}, which TMPDIR names",
        path.display()
    )]
    Spool {
        /// The operation, as a verb.
        operation: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The operating system does not give the bytes at a place of a file.
    #[error("cannot read {} at byte {offset}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The first byte that was not read.
        offset: u64,
        /// What the system answered.
        source: io::Error,
    },
    /// A file was expected, and a link, folder, device or pipe stands there.
    #[error("{} is {found}, not a regular file", path.display())]
    NotARegularFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A folder was expected, and something else stands there, be it a link to one.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The name of a file was expected, and it is a path, or empty.
    #[error("{} is not a name in a folder", path.display())]
    NotAName {
        /// The folder, with what was to be looked up in it.
        path: PathBuf,
    },
    /// The file is larger than its kind can be.
    #[error("{} has {found} bytes; a file of its kind has at most {limit}", path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// The bound in bytes.
        limit: u64,
        /// The file's size in bytes.
        found: u64,
    },
    /// The file changed its size while it was read, or has another one than was written to it.
    #[error("{} has {read} of {expected} bytes", path.display())]
    EndedEarly {
        /// The path.
        path: PathBuf,
        /// How many bytes it should have.
        expected: u64,
        /// How many there are.
        read: u64,
    },
    /// A file that was just written is not what was written.
    #[error("{} was written and does not read back as written", path.display())]
    NotAsWritten {
        /// The path.
        path: PathBuf,
    },
    /// Others could read or write a file that was to be closed to them: the file system has
    /// permissions of its own.
    #[error(
        "{} would have the permissions {found:03o} in place of {asked:03o}, and its file system keeps \
         no others: mount it closed to others (as with umask=077 or file_mode=0600)",
        path.display()
    )]
    TooOpen {
        /// The file, which is removed again.
        path: PathBuf,
        /// The permissions that were asked for.
        asked: u32,
        /// Those that it has.
        found: u32,
    },
    /// Another process holds the lock.
    #[error("{} is locked by another process", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// The caller's [`Monitor`](crate::Monitor) did not let the operation go on.
    #[error("the operation was interrupted")]
    Interrupted,
}

impl IoError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Busy { .. } => Code::Busy,
            Self::Interrupted => Code::Interrupted,
            _ => Code::Io,
        }
    }

    /// The path that the error is about; empty where it is about none.
    pub fn path(&self) -> &Path {
        match self {
            Self::Failed { path, .. }
            | Self::Spool { path, .. }
            | Self::Unreadable { path, .. }
            | Self::NotARegularFile { path, .. }
            | Self::NotAFolder { path }
            | Self::NotAName { path }
            | Self::TooLarge { path, .. }
            | Self::EndedEarly { path, .. }
            | Self::NotAsWritten { path }
            | Self::TooOpen { path, .. }
            | Self::Busy { path } => path,
            Self::Interrupted => Path::new(""),
        }
    }

    /// Whether nothing exists at the path.
    pub fn is_not_found(&self) -> bool {
        self.kind() == Some(io::ErrorKind::NotFound)
    }

    /// Whether something exists at the path that had to be free.
    pub fn is_already_exists(&self) -> bool {
        self.kind() == Some(io::ErrorKind::AlreadyExists)
    }

    /// Whether the system said that it cannot do such a thing at all.
    pub(crate) fn is_unsupported(&self) -> bool {
        self.errno().is_some_and(is_unsupported) || self.kind() == Some(io::ErrorKind::Unsupported)
    }

    /// Whether the system said that this process may not, or nobody.
    pub fn is_not_permitted(&self) -> bool {
        self.kind() == Some(io::ErrorKind::PermissionDenied)
    }

    pub(crate) fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Failed { source, .. } => Some(source.kind()),
            _ => None,
        }
    }

    /// What the system answered, as a number.
    pub(crate) fn errno(&self) -> Option<Errno> {
        match self {
            Self::Failed { source, .. } => Errno::from_io_error(source),
            _ => None,
        }
    }
}

/// The result of an operation on files.
pub type Result<T> = std::result::Result<T, IoError>;

/// Names the operation and the path of an I/O error.
pub(crate) fn failed<E: Into<io::Error>>(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(E) -> IoError {
    let path = path.to_owned();
    move |source| IoError::Failed {
        operation,
        path,
        source: source.into(),
    }
}

//! What tells files and folders apart, and from themselves once they were changed.

use std::fmt;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FileType, Stat};

use crate::error::{Result, failed};

/// What tells one file or folder of this machine from another, as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of an open file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed).
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let metadata = file.metadata().map_err(failed("inspect", path))?;
        Ok(Self::from(&metadata))
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

/// What tells a file from another, and from itself once it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatus {
    /// Whether it is a regular file.
    pub is_regular: bool,
    /// Its size in bytes.
    pub length: u64,
    /// Its number on its device.
    pub inode: u64,
    /// When its bytes were last modified, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// When it was last changed in any way.
    pub changed_ns: i64,
}

impl FileStatus {
    pub(crate) fn of(found: &Stat) -> Self {
        Self {
            is_regular: FileType::from_raw_mode(found.st_mode) == FileType::RegularFile,
            length: u64::try_from(found.st_size).unwrap_or_default(),
            inode: found.st_ino,
            modified_ns: nanoseconds(found.st_mtime, found.st_mtime_nsec),
            changed_ns: nanoseconds(found.st_ctime, found.st_ctime_nsec),
        }
    }
}

impl From<&Metadata> for FileStatus {
    fn from(found: &Metadata) -> Self {
        Self {
            is_regular: found.is_file(),
            length: found.len(),
            inode: found.ino(),
            modified_ns: nanoseconds(found.mtime(), found.mtime_nsec()),
            changed_ns: nanoseconds(found.ctime(), found.ctime_nsec()),
        }
    }
}

/// A time of a file, in nanoseconds since 1970. (Systems have other types for the rest.)
fn nanoseconds(seconds: i64, rest: impl TryInto<i64>) -> i64 {
    let rest = rest.try_into().unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

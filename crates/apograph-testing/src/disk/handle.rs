//! What an open file or folder is known by, wherever it was moved to.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The number of a file or folder, as long as it is held open.
pub(super) type Inode = u64;

pub(super) fn inode(file: &File) -> Inode {
    file.metadata().expect("an open file").ino()
}

/// A path to an open folder, wherever it was moved to.
pub(super) fn held_open(folder: &impl AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd()).into()
}

//! Where the files of a test lie that makes many.

use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A folder in memory, which syncs at once.
const IN_MEMORY: &str = "/dev/shm";

/// A temporary folder, in memory where the machine has a place for that.
///
/// # Errors
///
/// Where it cannot be created.
pub fn scratch() -> io::Result<TempDir> {
    if Path::new(IN_MEMORY).is_dir() {
        tempfile::tempdir_in(IN_MEMORY)
    } else {
        tempfile::tempdir()
    }
}

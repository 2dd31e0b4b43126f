//! Where the files of a run lie.

use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A folder in memory, which syncs at once: a sweep makes some hundred thousand files.
const IN_MEMORY: &str = "/dev/shm";

/// A temporary folder, in memory where the machine has a place for that.
///
/// # Errors
///
/// Where it cannot be created.
pub fn scratch() -> Result<TempDir> {
    let folder = if Path::new(IN_MEMORY).is_dir() {
        tempfile::tempdir_in(IN_MEMORY)
    } else {
        tempfile::tempdir()
    };
    folder.context("cannot create a temporary folder")
}

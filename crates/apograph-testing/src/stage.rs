//! A repository that an engine wrote, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_io::Folder;
use tempfile::TempDir;

use crate::fixtures::Fixtures;

/// The segments of [`Stage::new`].
pub const SEGMENTS: [&str; 4] = [
    "backup_full_0000.grafeo",
    "backup_incr_0001.wal",
    "backup_incr_0002.wal",
    "backup_incr_0003.wal",
];

/// `repository`, and a place beside it.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
}

impl Stage {
    /// One with [`SEGMENTS`].
    ///
    /// # Panics
    ///
    /// Where it cannot be made.
    pub fn new(fixtures: Fixtures) -> Self {
        Self::of(fixtures, "02_chain40")
    }

    /// The repository of a fixture.
    ///
    /// # Panics
    ///
    /// Where it cannot be made.
    pub fn of(fixtures: Fixtures, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stage = Self { folder };
        let golden = fixtures.root().join(name).join("backup");
        copy(&golden, &stage.repository());
        stage
    }

    /// A path beside the repository.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path of the repository.
    pub fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// The repository, held open.
    ///
    /// # Panics
    ///
    /// Where it is not there any more.
    pub fn folder(&self) -> Folder {
        Folder::open(&self.repository()).expect("a folder")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file");
    }
}

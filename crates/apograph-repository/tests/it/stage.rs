//! A repository that an engine wrote, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_io::Folder;
use apograph_testing::fixtures::Fixtures;
use tempfile::TempDir;

pub(crate) const SEGMENTS: [&str; 4] = [
    "backup_full_0000.grafeo",
    "backup_incr_0001.wal",
    "backup_incr_0002.wal",
    "backup_incr_0003.wal",
];

/// `repository`, and a place beside it.
pub(crate) struct Stage {
    folder: TempDir,
}

impl Stage {
    /// One with [`SEGMENTS`].
    pub(crate) fn new(fixtures: Fixtures) -> Self {
        Self::of(fixtures, "02_chain40")
    }

    pub(crate) fn of(fixtures: Fixtures, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stage = Self { folder };
        let golden = fixtures.root().join(name).join("backup");
        copy(&golden, &stage.repository());
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    pub(crate) fn folder(&self) -> Folder {
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

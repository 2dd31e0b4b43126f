//! A live database whose log grows by a commit at a time, as an engine would have it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use apograph_repository::format::{Generation, log_folder};
use apograph_testing::encoding::{v1, v2};
use apograph_testing::fixtures::Fixtures;
use apograph_testing::scratch::scratch;
use tempfile::TempDir;

/// The last epoch in the fixture.
const LAST_EPOCH: u64 = 8;

/// A database with its log, and a place for repositories beside it.
pub(crate) struct Growing {
    folder: TempDir,
    generation: Generation,
    commits: u64,
}

impl Growing {
    pub(crate) fn of(fixtures: Fixtures) -> Self {
        let folder = scratch().expect("a temporary folder");
        copy(&fixtures.root().join("10_live/source"), folder.path());
        Self {
            folder,
            generation: fixtures.generation(),
            commits: 0,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("src.grafeo")
    }

    /// The epoch of the last commit.
    pub(crate) fn epoch(&self) -> u64 {
        LAST_EPOCH + self.commits
    }

    /// Commits, at an instant that generation 2 logs.
    pub(crate) fn commit(&mut self, at_ms: u64) {
        self.commits += 1;
        let (epoch, file) = (self.epoch(), self.log_file());
        let bytes = match self.generation {
            Generation::One => v1::commit(epoch, b"\x01\x02"),
            Generation::Two => {
                let length = fs::metadata(&file).expect("a log file").len();
                let start = file
                    .file_stem()
                    .and_then(|it| it.to_str()?.strip_prefix("wal_"));
                let start: u64 = start.and_then(|it| it.parse().ok()).expect("a position");
                let lsn = start + length - v2::LOG_HEADER_BYTES as u64;
                let mut payload = lsn.to_le_bytes().to_vec();
                payload.extend(v2::group_begin(epoch, at_ms, 0));
                payload.extend(v2::record(v2::SET_NODE_PROPERTY, v2::REQUIRED, b"\x01\x02"));
                v2::frame(lsn, epoch, v2::FIRST | v2::LAST, &payload)
            }
        };
        let mut log = OpenOptions::new().append(true).open(file).expect("a log");
        log.write_all(&bytes).expect("written");
    }

    /// The log is gone, as after a close in order.
    pub(crate) fn close(&self) {
        fs::remove_dir_all(log_folder(&self.database())).expect("a log folder");
    }

    /// The newest log file.
    fn log_file(&self) -> PathBuf {
        let files = fs::read_dir(log_folder(&self.database())).expect("a log folder");
        let files = files.map(|entry| entry.expect("an entry").path());
        let logs = files.filter(|path| path.extension().is_some_and(|it| it == "log"));
        logs.max().expect("a log file")
    }
}

/// Copies what is in a folder into another one.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

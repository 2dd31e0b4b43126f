//! A repository that an engine wrote, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_format::{Crc32, Epoch, SegmentKind, SegmentName, UnixMillis};
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{FileName, Manifest, Segment, Unknown, read_manifest, write_manifest};
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

    /// The manifest.
    ///
    /// # Panics
    ///
    /// Where there is none that is sound.
    pub fn manifest(&self) -> Manifest {
        let manifest = read_manifest(&self.folder()).expect("a sound manifest");
        manifest.expect("a manifest")
    }

    /// Changes the manifest.
    ///
    /// # Panics
    ///
    /// Where it cannot be read or written.
    pub fn edit_manifest(&self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = self.manifest();
        change(&mut manifest);
        write_manifest(&RealDisk, &self.folder(), Mode::PRIVATE, &manifest).expect("a manifest");
    }

    /// Puts a segment after the others: the file, and its entry in the manifest.
    ///
    /// # Panics
    ///
    /// Where there is no other, or it cannot be written.
    pub fn add_segment(&self, kind: SegmentKind, epochs: (Epoch, Epoch), bytes: &[u8]) {
        self.edit_manifest(|manifest| {
            let index = manifest.segments.len() as u64;
            let name = SegmentName { kind, index }.to_string();
            fs::write(self.repository().join(&name), bytes).expect("a file");
            let last = manifest.segments.last().expect("a segment");
            let created_at = UnixMillis::new(last.created_at.get() + 1);
            manifest.segments.push(Segment {
                kind,
                file: FileName::try_from(name).expect("a name"),
                start_epoch: epochs.0,
                end_epoch: epochs.1,
                checksum: Crc32::of(bytes),
                size_bytes: bytes.len() as u64,
                created_at,
                end_lsn: None,
                unknown: Unknown::new(),
            });
        });
    }

    /// Leaves the first segments, and removes the others.
    ///
    /// # Panics
    ///
    /// Where a file is not there.
    pub fn keep_segments(&self, count: usize) {
        self.edit_manifest(|manifest| {
            for segment in manifest.segments.drain(count..) {
                let file = self.repository().join(segment.file.as_str());
                fs::remove_file(file).expect("a file");
            }
        });
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file");
    }
}

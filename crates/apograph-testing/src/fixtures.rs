//! The golden fixtures: `testdata/v1` ([`V1`]) and `testdata/v2` ([`V2`]) in the repository.
//!
//! Everything here panics with the path where a file is missing: a test without its input fails.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_format::v2::Pieces;
use apograph_format::{Generation, SEGMENT_HEADER_BYTES};

/// The fixtures of generation 1.
pub const V1: Fixtures = Fixtures {
    generation: Generation::One,
};
/// The fixtures of generation 2.
pub const V2: Fixtures = Fixtures {
    generation: Generation::Two,
};

/// The fixtures of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixtures {
    generation: Generation,
}

/// A file of a fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Golden {
    /// Its path below the root, with slashes: `01_full_only/backup/backup_manifest.json`.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Golden {
    /// The name of the fixture.
    pub fn fixture(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The name of the file.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl Fixtures {
    /// The generation of the engine that wrote them.
    pub const fn generation(self) -> Generation {
        self.generation
    }

    /// The folder that has one folder for each fixture.
    ///
    /// # Panics
    ///
    /// Where it does not exist: the tests that need it run in a checkout of the repository only.
    pub fn root(self) -> PathBuf {
        let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
        let root = testdata.join(format!("v{}", self.generation.number()));
        assert!(
            root.is_dir(),
            "the golden fixtures are missing: no folder {}; run this test in a checkout of the \
             repository",
            root.display()
        );
        root
    }

    /// The names of all fixtures.
    ///
    /// # Panics
    ///
    /// Where there are none.
    pub fn names(self) -> Vec<String> {
        let names = list(&self.root());
        assert!(!names.is_empty(), "{} is empty", self.root().display());
        names
    }

    /// The file at a path below the root.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    pub fn read(self, path: &str) -> Golden {
        let file = self.root().join(path);
        let bytes = fs::read(&file)
            .unwrap_or_else(|error| panic!("cannot read the fixture {}: {error}", file.display()));
        Golden {
            path: path.to_owned(),
            bytes,
        }
    }

    /// Every database file: full backups, and the sources as they lay on disk.
    pub fn database_files(self) -> Vec<Golden> {
        self.files(|name| extension(name) == "grafeo")
    }

    /// Every incremental segment.
    pub fn segments(self) -> Vec<Golden> {
        self.files(|name| extension(name) == "wal")
    }

    /// Every log file.
    pub fn logs(self) -> Vec<Golden> {
        self.files(|name| extension(name) == "log")
    }

    /// Every log file of generation 2: those of the sources, and those that a segment has pieces
    /// of. The path of a piece is that of its segment.
    ///
    /// # Panics
    ///
    /// Where a segment is not pieces to its end.
    pub fn wal_segments(self) -> Vec<Golden> {
        let mut found = self.logs();
        for segment in self.segments() {
            let body = &segment.bytes[SEGMENT_HEADER_BYTES..];
            for piece in Pieces::new(body) {
                let piece = piece.unwrap_or_else(|error| panic!("{}: {error}", segment.path));
                let file = [&piece.header.bytes()[..], piece.frames].concat();
                found.push(Golden {
                    path: segment.path.clone(),
                    bytes: file,
                });
            }
        }
        found
    }

    /// Every manifest.
    pub fn manifests(self) -> Vec<Golden> {
        self.files(|name| name == "backup_manifest.json")
    }

    /// Every cursor.
    pub fn cursors(self) -> Vec<Golden> {
        self.files(|name| name == "backup_cursor.meta")
    }

    /// Every checkpoint record; only generation 1 has them.
    pub fn checkpoints(self) -> Vec<Golden> {
        self.files(|name| name == "checkpoint.meta")
    }

    /// The log files of one source, `08_torn_tail/source`, in the order of their names.
    ///
    /// # Panics
    ///
    /// Where there are none.
    pub fn logs_of(self, source: &str) -> Vec<Golden> {
        let within = format!("{source}/");
        let mut logs = self.logs();
        logs.retain(|log| log.path.starts_with(&within));
        assert!(!logs.is_empty(), "no log files in the fixture {source}");
        logs
    }

    /// Every file of every fixture with such a name.
    ///
    /// # Panics
    ///
    /// Where there is none.
    fn files(self, is_wanted: impl Fn(&str) -> bool) -> Vec<Golden> {
        let root = self.root();
        let mut paths = Vec::new();
        walk(&root, "", &mut paths);
        let found: Vec<Golden> = paths
            .iter()
            .filter(|path| is_wanted(path.rsplit('/').next().unwrap_or_default()))
            .map(|path| self.read(path))
            .collect();
        assert!(!found.is_empty(), "no such files in {}", root.display());
        found
    }
}

fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) {
    for name in list(&root.join(folder)) {
        let path = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        if root.join(&path).is_dir() {
            walk(root, &path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn list(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    names.sort();
    names
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

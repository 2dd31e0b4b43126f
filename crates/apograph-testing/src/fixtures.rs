//! The golden fixtures of generation 1, `testdata/v1` in the repository.
//!
//! Everything here panics with the path where a file is missing: a test without its input fails.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The folder that has one folder for each fixture.
///
/// # Panics
///
/// Where it does not exist: the tests that need it run in a checkout of the repository only.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/v1");
    assert!(
        root.is_dir(),
        "the golden fixtures are missing: no folder {}; run this test in a checkout of the repository",
        root.display()
    );
    root
}

/// The names of all fixtures.
///
/// # Panics
///
/// Where there are none.
pub fn names() -> Vec<String> {
    let names = list(&root());
    assert!(!names.is_empty(), "{} is empty", root().display());
    names
}

/// The file at a path below the root.
///
/// # Panics
///
/// Where it cannot be read.
pub fn read(path: &str) -> Golden {
    let file = root().join(path);
    let bytes = fs::read(&file)
        .unwrap_or_else(|error| panic!("cannot read the fixture {}: {error}", file.display()));
    Golden {
        path: path.to_owned(),
        bytes,
    }
}

/// Every database file: full backups, and the sources as they lay on disk.
pub fn database_files() -> Vec<Golden> {
    files(|name| extension(name) == "grafeo")
}

/// Every incremental segment.
pub fn segments() -> Vec<Golden> {
    files(|name| extension(name) == "wal")
}

/// Every log file.
pub fn logs() -> Vec<Golden> {
    files(|name| extension(name) == "log")
}

/// Every manifest.
pub fn manifests() -> Vec<Golden> {
    files(|name| name == "backup_manifest.json")
}

/// Every cursor.
pub fn cursors() -> Vec<Golden> {
    files(|name| name == "backup_cursor.meta")
}

/// Every checkpoint record.
pub fn checkpoints() -> Vec<Golden> {
    files(|name| name == "checkpoint.meta")
}

/// The log files of one source, `08_torn_tail/source`, in the order of their names.
///
/// # Panics
///
/// Where there are none.
pub fn logs_of(source: &str) -> Vec<Golden> {
    let within = format!("{source}/");
    let mut logs = logs();
    logs.retain(|log| log.path.starts_with(&within));
    assert!(!logs.is_empty(), "no log files in the fixture {source}");
    logs
}

/// Every file of every fixture with such a name.
///
/// # Panics
///
/// Where there is none.
fn files(is_wanted: impl Fn(&str) -> bool) -> Vec<Golden> {
    let mut paths = Vec::new();
    walk("", &mut paths);
    let found: Vec<Golden> = paths
        .iter()
        .filter(|path| is_wanted(path.rsplit('/').next().unwrap_or_default()))
        .map(|path| read(path))
        .collect();
    assert!(!found.is_empty(), "no such files in {}", root().display());
    found
}

fn walk(folder: &str, paths: &mut Vec<String>) {
    for name in list(&root().join(folder)) {
        let path = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        let entry = root().join(&path);
        if entry.is_dir() {
            walk(&path, paths);
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

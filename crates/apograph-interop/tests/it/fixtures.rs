//! The golden fixtures of generation 1.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_interop::{Engine, Truth};

pub(crate) fn driver() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_grafeo-driver"))
}

pub(crate) fn engine() -> Engine {
    Engine::start(driver())
}

pub(crate) fn all() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/v1");
    let fixtures: Vec<_> = folders_in(&root)
        .into_iter()
        .filter(|dir| dir.join("truth.json").exists())
        .collect();
    assert!(!fixtures.is_empty(), "no fixtures in {}", root.display());
    fixtures
}

pub(crate) fn truth(fixture: &Path) -> Truth {
    Truth::read(&fixture.join("truth.json")).unwrap()
}

pub(crate) fn sources(fixture: &Path) -> Vec<PathBuf> {
    let is_source = |dir: &PathBuf| name(dir).starts_with("source");
    folders_in(fixture).into_iter().filter(is_source).collect()
}

pub(crate) fn name(dir: &Path) -> String {
    dir.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The database in a source folder: the container, or the folder of the one without.
pub(crate) fn database_in(source: &Path) -> PathBuf {
    let container = source.join("src.grafeo");
    if container.exists() {
        container
    } else {
        source.join("db")
    }
}

/// Copies a folder; the copy can be written even when the fixture cannot.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

fn folders_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut folders: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

//! The golden fixtures, and the engine of each generation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use apograph_interop::{Engine, EngineGeneration};
use apograph_testing::truth::Truth;

pub(crate) fn driver(generation: EngineGeneration) -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    match generation {
        EngineGeneration::One => Path::new(env!("CARGO_BIN_EXE_grafeo-driver")),
        EngineGeneration::Two => BUILT.get_or_init(build_the_driver_of_generation_2),
    }
}

/// Builds the driver that is no part of the workspace, where `cargo xtask verify` builds it too.
fn build_the_driver_of_generation_2() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("engine-0.6");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--ignore-rust-version"])
        .arg("--manifest-path")
        .arg(root().join("crates/apograph-interop/engine-0.6/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .unwrap();
    assert!(
        status.success(),
        "the driver of generation 2 does not build"
    );
    let name = format!("grafeo-driver-0-6{}", std::env::consts::EXE_SUFFIX);
    target.join("debug").join(name)
}

pub(crate) fn engine(generation: EngineGeneration) -> Engine {
    Engine::start(driver(generation))
}

pub(crate) fn all(generation: EngineGeneration) -> Vec<PathBuf> {
    let root = root().join(format!("testdata/v{generation}"));
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

/// The root of the repository.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap()
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

//! A small chain of our own, ready to be damaged.

use std::path::{Path, PathBuf};

use apograph_interop::{Engine, EngineGeneration};
use tempfile::TempDir;

use crate::command::backup;
use crate::fixtures;

/// A database that an engine left open (it was killed), and a repository of its backups.
pub(crate) struct ChainStage {
    folder: TempDir,
    generation: EngineGeneration,
}

impl ChainStage {
    /// A full backup, three increments of two commits each, and two commits that are not captured.
    pub(crate) fn new(generation: EngineGeneration) -> Self {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            generation,
        };
        let mut engine = stage.engine();
        engine.open(&stage.database()).unwrap();
        insert(&mut engine, 0..2);
        backup(&stage.database(), &stage.repository(), None).ok();
        for round in 1..4 {
            insert(&mut engine, round * 2..round * 2 + 2);
            backup(
                &stage.database(),
                &stage.repository(),
                Some("--incremental"),
            )
            .ok();
        }
        insert(&mut engine, 8..10);
        engine.kill();
        stage
    }

    /// An engine of the stage's generation.
    pub(crate) fn engine(&self) -> Engine {
        fixtures::engine(self.generation)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("live.grafeo")
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        self.path("live.grafeo.wal")
    }

    /// The one log file.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.log_folder().join(match self.generation {
            EngineGeneration::One => "wal_00000000.log",
            EngineGeneration::Two => "wal_00000000000000000000.log",
        })
    }

    /// The marker that the backups leave beside the log.
    pub(crate) fn marker(&self) -> PathBuf {
        let files = std::fs::read_dir(self.log_folder()).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        let is_marker = |path: &PathBuf| path.extension().is_some_and(|it| it == "mark");
        files.find(is_marker).expect("a marker")
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    pub(crate) fn segment(&self, name: &str) -> PathBuf {
        self.repository().join(name)
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path("output.grafeo")
    }
}

pub(crate) fn insert(engine: &mut Engine, numbers: std::ops::Range<u64>) {
    for number in numbers {
        engine.run(&format!("INSERT (:S {{i:{number}}})")).unwrap();
    }
}

/// Calls `check` with the file damaged at every `step`-th byte in turn, and puts it right again.
pub(crate) fn with_flipped_bytes(path: &Path, step: usize, mut check: impl FnMut(usize)) {
    let sound = std::fs::read(path).unwrap();
    for offset in (0..sound.len()).step_by(step) {
        for mask in [0x01, 0x80, 0xff] {
            let mut damaged = sound.clone();
            damaged[offset] ^= mask;
            std::fs::write(path, &damaged).unwrap();
            check(offset);
        }
    }
    std::fs::write(path, &sound).unwrap();
}

//! Who takes the backups of a scenario.

use std::path::{Path, PathBuf};

use apograph_testing::truth::TruthState;

use crate::driver::{Engine, Taken};

/// Takes the backups of a scenario, from inside the engine or from outside.
pub trait Backups {
    /// Takes a full backup of the live database at this path.
    ///
    /// # Errors
    ///
    /// Why it could not be taken; the scenario goes on and its truth tells.
    fn full(&mut self, database: &Path, engine: &mut Engine) -> Result<Taken, String>;

    /// Takes an incremental backup of the live database at this path.
    ///
    /// # Errors
    ///
    /// Why it could not be taken; the scenario goes on and its truth tells.
    fn incremental(&mut self, database: &Path, engine: &mut Engine) -> Result<Taken, String>;

    /// Is told of every state as it is recorded, while the database is live.
    fn observe(&mut self, database: &Path, state: &TruthState) {
        let _ = (database, state);
    }
}

/// The engine's own backup API.
#[derive(Debug, Clone)]
pub struct EngineBackups {
    dir: PathBuf,
}

impl EngineBackups {
    /// Backups into the directory the fixtures have them in, `backup/` of the scenario's.
    pub fn of(scenario_dir: &Path) -> Self {
        Self {
            dir: scenario_dir.join("backup"),
        }
    }
}

impl Backups for EngineBackups {
    fn full(&mut self, _database: &Path, engine: &mut Engine) -> Result<Taken, String> {
        engine
            .backup_full(&self.dir)
            .map_err(|error| error.to_string())
    }

    fn incremental(&mut self, _database: &Path, engine: &mut Engine) -> Result<Taken, String> {
        engine
            .backup_incremental(&self.dir)
            .map_err(|error| error.to_string())
    }
}

//! What Grafeo 0.5 says in words of its own.

use std::path::Path;

use apograph_interop::EngineGeneration;
use apograph_interop::protocol::{Key, OpenOptions};
use grafeo_common::storage::{SectionType, TierOverride};
use grafeo_common::types::EpochId;
use grafeo_common::utils::error::Error;
use grafeo_engine::{Config, GrafeoDB};
use grafeo_storage::wal::{WalConfig, WalManager, WalRecovery};

pub(crate) const GENERATION: EngineGeneration = EngineGeneration::One;

pub(crate) const NAME: &str = if cfg!(feature = "temporal") {
    "grafeo-engine 0.5.44 (feature temporal)"
} else {
    "grafeo-engine 0.5.44"
};

const SMALL_FILE_BYTES: u64 = 40;

/// The options that not every generation has.
pub(crate) fn configure(config: Config, options: &OpenOptions) -> Result<Config, String> {
    if options.key.is_some() {
        return Err(NO_ENCRYPTION.into());
    }
    if options.keep_history {
        return Err("generation 1 keeps no history".into());
    }
    if options.spills_vectors {
        return Ok(config.with_section_tier(SectionType::VectorStore, TierOverride::ForceDisk));
    }
    Ok(config)
}

/// Takes back what was moved out of the database.
pub(crate) fn reload(db: &GrafeoDB) {
    db.reload_eligible(1.0);
}

pub(crate) fn rotate(db: &GrafeoDB) -> Result<(), String> {
    let log = db.wal().ok_or("this database has no log")?;
    log.rotate().map_err(|error| error.to_string())
}

pub(crate) fn compact(db: &mut GrafeoDB) -> Result<(), String> {
    db.compact().map_err(|error| error.to_string())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "generation 2 logs it, which can fail"
)]
pub(crate) fn create_property_index(db: &GrafeoDB, property: &str) -> Result<(), Error> {
    db.create_property_index(property);
    Ok(())
}

pub(crate) fn restore(
    dir: &Path,
    epoch: EpochId,
    output: &Path,
    key: Option<Key>,
) -> Result<(), String> {
    if key.is_some() {
        return Err(NO_ENCRYPTION.into());
    }
    GrafeoDB::restore_to_epoch(dir, epoch, output).map_err(|error| error.to_string())
}

/// Writes the records of a log into another, with a rotation after about every third.
pub(crate) fn rewrite_in_small_files(log: &Path, small: &Path) -> Result<(), String> {
    let rewrite = || {
        let config = WalConfig {
            max_log_size: SMALL_FILE_BYTES,
            ..WalConfig::default()
        };
        let records = WalRecovery::new(log).recover_all()?;
        let writer = WalManager::with_config(small, config)?;
        for record in records {
            writer.log(&record)?;
        }
        writer.sync()
    };
    rewrite().map_err(|error: Error| error.to_string())
}

const NO_ENCRYPTION: &str = "generation 1 has no encryption";

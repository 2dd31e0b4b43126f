//! What Grafeo 0.6 says in words of its own.

use std::path::Path;
use std::sync::Arc;

use apograph_interop::EngineGeneration;
use apograph_interop::protocol::{Key, OpenOptions};
use grafeo_common::encryption::KeyChain;
use grafeo_common::types::EpochId;
use grafeo_common::utils::error::Error;
use grafeo_engine::config::EncryptionConfig;
use grafeo_engine::{Config, GrafeoDB, HistoryRetention};

pub(crate) const GENERATION: EngineGeneration = EngineGeneration::Two;

pub(crate) const NAME: &str = "grafeo-engine 0.6.1";

/// The options that not every generation has.
pub(crate) fn configure(mut config: Config, options: &OpenOptions) -> Result<Config, String> {
    if let Some(key) = options.key {
        config = config.with_encryption(encryption(key));
    }
    if options.keep_history {
        config = config.with_history_retention(HistoryRetention::Forever);
    }
    if options.spills_vectors {
        return Err("generation 2 moves no embeddings out of a database".into());
    }
    Ok(config)
}

pub(crate) fn reload(_db: &GrafeoDB) {}

pub(crate) fn rotate(db: &GrafeoDB) -> Result<(), String> {
    let log = db.wal().ok_or("this database has no log")?;
    log.rotate().map(drop).map_err(|error| error.to_string())
}

pub(crate) fn compact(db: &mut GrafeoDB) -> Result<(), String> {
    db.compact().map(drop).map_err(|error| error.to_string())
}

pub(crate) fn create_property_index(db: &GrafeoDB, property: &str) -> Result<(), Error> {
    db.create_property_index(property)
}

pub(crate) fn restore(
    dir: &Path,
    epoch: EpochId,
    output: &Path,
    key: Option<Key>,
) -> Result<(), String> {
    let restored = match key {
        Some(key) => GrafeoDB::restore_to_epoch_with(dir, epoch, output, &encryption(key)),
        None => GrafeoDB::restore_to_epoch(dir, epoch, output),
    };
    restored.map_err(|error| error.to_string())
}

pub(crate) fn rewrite_in_small_files(_log: &Path, _small: &Path) -> Result<(), String> {
    Err("in generation 2 no group spans two files".into())
}

fn encryption(key: Key) -> EncryptionConfig {
    EncryptionConfig::new(Arc::new(KeyChain::new(key)))
}

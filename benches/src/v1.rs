//! Logs of generation 1, by the engine's own log writer.

use std::path::Path;
use std::sync::Arc;

use grafeo_common::types::{EpochId, NodeId, TransactionId, Value};
use grafeo_storage::wal::{DurabilityMode, LpgWal, WalConfig, WalRecord};

use crate::{Frames, LogWriter, Result};

/// A writer of groups of four frames: a node, its property, the commit, the epoch.
pub(crate) struct Writer {
    log: Arc<LpgWal>,
    value: Value,
    epoch: u64,
}

impl Writer {
    pub(crate) fn open(folder: &Path, frames: Frames) -> Result<Self> {
        let config = WalConfig {
            durability: DurabilityMode::NoSync,
            ..WalConfig::default()
        };
        let log = Arc::new(LpgWal::with_config(folder, config)?);
        Ok(Self::behind(log, 0, frames))
    }

    /// A writer that goes on in a log after an epoch.
    pub(crate) fn behind(log: Arc<LpgWal>, epoch: u64, frames: Frames) -> Self {
        Self {
            log,
            value: frames.value().into(),
            epoch,
        }
    }
}

impl LogWriter for Writer {
    fn commit(&mut self) -> Result<()> {
        self.epoch += 1;
        let id = NodeId::new(self.epoch);
        let transaction_id = TransactionId::new(self.epoch + 1);
        let epoch = EpochId::new(self.epoch);
        self.log.log_batch(&[
            WalRecord::CreateNode {
                id,
                labels: vec!["Measurement".to_owned()],
            },
            WalRecord::SetNodeProperty {
                id,
                key: "text".to_owned(),
                value: self.value.clone(),
            },
            WalRecord::TransactionCommit { transaction_id },
            WalRecord::EpochAdvance { epoch },
        ])?;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.log.flush()?)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

//! Logs of the engine's own log writer.

use std::path::{Path, PathBuf};

use grafeo_common::types::{EpochId, NodeId, TransactionId, Value};
use grafeo_storage::wal::{DurabilityMode, LpgWal, WalConfig, WalRecord};
use tempfile::TempDir;

use crate::Result;

const DEFAULT_MIB: u64 = 64;
/// The size of a workload that is run and not measured, in bytes.
const SMOKE_BYTES: u64 = 128 << 10;

/// How large the property is that each commit sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// Frames of 35 bytes on average: most of the work is per frame.
    Small,
    /// A frame of 4 KiB and three small ones: most of the work is per byte.
    Large,
}

impl Frames {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// The name in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small frames",
            Self::Large => "4 KiB frames",
        }
    }

    /// The size of a log of such frames, in bytes.
    pub fn log_bytes(self) -> u64 {
        match self {
            Self::Small => scale_bytes(),
            Self::Large => 4 * scale_bytes(),
        }
    }

    const fn value_bytes(self) -> usize {
        match self {
            Self::Small => 64,
            Self::Large => 4 << 10,
        }
    }
}

/// The size of the log of small frames, in bytes.
///
/// Cargo passes `--bench` to a benchmark that it measures and not to one that it tests.
pub fn scale_bytes() -> u64 {
    if !std::env::args().any(|word| word == "--bench") {
        return SMOKE_BYTES;
    }
    let set = std::env::var("APOGRAPH_BENCH_MIB").ok();
    let mib = set.and_then(|set| set.parse::<u64>().ok());
    mib.unwrap_or(DEFAULT_MIB).max(1) << 20
}

/// Bytes of a group besides the value of its property, about.
const GROUP_BYTES_BESIDE_VALUE: u64 = 76;

/// A log in a temporary folder.
#[derive(Debug)]
pub struct Log {
    folder: TempDir,
    /// Bytes in its files.
    pub bytes: u64,
}

impl Log {
    /// Writes a log of groups of four frames: a node, its property, the commit, the epoch.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub fn write(frames: Frames) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut writer = Writer::open(folder.path(), frames)?;
        writer.write(frames.log_bytes())?;
        let bytes = writer.log.size_bytes() as u64;
        Ok(Self { folder, bytes })
    }

    /// The folder of the log files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The log files, in order.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = self.folder().read_dir()?;
        let paths = entries.map(|entry| Ok(entry?.path()));
        let mut paths = paths.collect::<Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }
}

/// A writer of commit groups, each with the next epoch.
pub(crate) struct Writer {
    log: LpgWal,
    value: Value,
    value_bytes: u64,
    /// The last epoch.
    pub(crate) epoch: u64,
}

impl Writer {
    pub(crate) fn open(folder: &Path, frames: Frames) -> Result<Self> {
        let config = WalConfig {
            durability: DurabilityMode::NoSync,
            ..WalConfig::default()
        };
        let letters: String = ('a'..='z').cycle().take(frames.value_bytes()).collect();
        Ok(Self {
            log: LpgWal::with_config(folder, config)?,
            value_bytes: letters.len() as u64,
            value: letters.into(),
            epoch: 0,
        })
    }

    /// Writes groups of about this many bytes together.
    pub(crate) fn write(&mut self, bytes: u64) -> Result<()> {
        let group_bytes = self.value_bytes + GROUP_BYTES_BESIDE_VALUE;
        for _ in 0..bytes.div_ceil(group_bytes) {
            self.write_group()?;
        }
        self.log.flush()?;
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
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
}

//! `checkpoint.meta` of generation 1 (FORMAT.md, "Checkpoint record").

use crate::bytes::bincode_prefix;
use crate::error::Result;
use crate::numbers::{Epoch, LogSequence, TransactionId, UnixMillis};

/// The name of the checkpoint record in a log folder.
pub const CHECKPOINT_FILE_NAME: &str = "checkpoint.meta";
/// More bytes than four bincode numbers can take.
pub const CHECKPOINT_FILE_MAX_BYTES: u64 = 64;

/// What the engine records in the log folder once a checkpoint's image is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CheckpointRecord {
    /// The epoch in the image's slot.
    pub epoch: Epoch,
    /// Recovery starts at this log file: all before it is in the image.
    pub log_sequence: LogSequence,
    /// Wall clock of the record.
    pub written_at: UnixMillis,
    /// The transaction id in the image's slot.
    pub transaction: TransactionId,
}

impl CheckpointRecord {
    /// Reads the content of `checkpoint.meta`. Bytes after it are ignored, as the engine does.
    ///
    /// # Errors
    ///
    /// [`FormatError::Malformed`](crate::FormatError::Malformed) where its four numbers cannot be
    /// read.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        bincode_prefix("checkpoint record", bytes).map(|(record, _)| record)
    }
}

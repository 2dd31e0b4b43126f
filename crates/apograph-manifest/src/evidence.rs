//! What a backup writes down to prove, the next time, that a log is still the one it captured.
//!
//! The engine's state is its image and the log after it. A chain goes on where its end is proved to
//! be one place of that log; what proves it is compared in `apograph-capture`, and the rule is in
//! FORMAT.md ("Marker") and docs/decisions.md. The record of the newest publish lies in
//! `apograph.json` and, the same, in a slot of the [marker](crate::Marker) in the log folder: where
//! both have the same nonce, the folder is the one that this backup saw, and has not been put back.

use apograph_format::v1::CheckpointRecord;
use apograph_format::{Blake3, LogPosition, LogSequence};
use serde::{Deserialize, Serialize};

use crate::content::ImageIdentity;
use crate::segment::FileName;

random_number! {
    /// A random number of 128 bits, new at each publish, written as 32 lower-case hex digits.
    Nonce
}

/// What a backup wrote down about the log that it captured, and about the image before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// New at each publish.
    pub nonce: Nonce,
    /// The last segment that it published.
    pub segment: SegmentStamp,
    /// Where the chain ends in the log; `None` where the database had none.
    pub end: Option<LogPosition>,
    /// The image that the log is after, as it was when the log was looked at.
    pub image: ImageIdentity,
    /// The hash of the [stamps](crate::FileStamp::hash_of) of the log files before the one that
    /// holds the last captured byte; `None` where one of them had only just been changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_files: Option<Blake3>,
    /// Generation 2: the end of what was captured. It is not in a marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<TailStamp>,
    /// Generation 1: what was seen of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogEvidence>,
    /// The log folder, where the marker could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderStamp>,
}

/// A segment, by its name and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentStamp {
    /// The name of its file.
    pub file: FileName,
    /// The hash of its file.
    pub hash: Blake3,
}

/// The last captured bytes of a log of generation 2, as far as they lie in one log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailStamp {
    /// How many they are.
    pub length: u64,
    /// The hash of the header of their log file, and then of them.
    pub hash: Blake3,
}

/// What was seen of a log of generation 1, which has no id, no position and no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvidence {
    /// The log file that holds the last captured byte; `None` where nothing of the log was
    /// captured.
    pub file: Option<CapturedFile>,
    /// What `checkpoint.meta` said; `None` where there was none.
    pub checkpoint: Option<CheckpointRecord>,
    /// The highest log file.
    pub newest: LogSequence,
    /// How many log files there were after the one that `checkpoint.meta` names, or after the first
    /// where there is none: checkpoints that were under way have begun at most so many.
    pub pending: u64,
    /// How many checkpoint records stood after the end of the chain.
    pub marks: u64,
    /// Whether the log was there before the image, and says nothing of a checkpoint: what a close
    /// left that was killed.
    pub is_older: bool,
}

/// The front of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedFile {
    /// The number of the file.
    pub sequence: LogSequence,
    /// How much of it was captured, in bytes.
    pub length: u64,
    /// The hash of its first `length` bytes.
    pub hash: Blake3,
}

/// A folder of some machine, which was not removed in between where it is the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderStamp {
    /// Its number on its device.
    pub inode: u64,
    /// When it was created, in nanoseconds since 1970.
    pub created_ns: i64,
}

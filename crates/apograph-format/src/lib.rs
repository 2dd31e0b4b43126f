//! Codecs for every byte layout of Grafeo databases, logs and backups.
//!
//! For whoever reads or writes these files: a log inspector, a catalogue, another backup tool.
//! Bytes go in and values come out; there are no files, no threads and no panics on any input.
//! What a log or a chain of backups *means* is told by the crates above this one.
//!
//! The layouts are those of generation 1 (Grafeo 0.5.x), as FORMAT.md in the repository has them.
//!
//! ```
//! use apograph_format::{Epoch, SegmentHeader};
//!
//! let header = SegmentHeader {
//!     start_epoch: Epoch::new(42),
//!     end_epoch: Epoch::new(60),
//!     log_files: 1,
//!     flags: Default::default(),
//! };
//! assert_eq!(SegmentHeader::decode(&header.encode())?, header);
//! # Ok::<(), apograph_format::FormatError>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod bytes;
mod checkpoint;
mod database;
mod error;
mod frame;
mod names;
mod ranges;
mod record;
mod segment;
mod words;

pub use checkpoint::{CHECKPOINT_FILE_MAX_BYTES, CHECKPOINT_FILE_NAME, CheckpointRecord};
pub use database::{
    DATABASE_HEADERS_BYTES, DATABASE_MAGIC, DATABASE_VERSION, DatabaseHeaders, Extent,
    ExtentContent, FileHeader, Image, PAGE_BYTES, Slot,
};
pub use error::{FormatError, Result};
pub use frame::{
    FRAME_CHECKSUM_BYTES, FRAME_LENGTH_BYTES, FRAME_OVERHEAD_BYTES, FrameDefect, RawFrame,
};
pub use names::{LogFolderEntry, SegmentName, checkpoint_image, log_file_name, log_folder};
pub use ranges::RangeSet;
pub use record::{IndexRecord, Record, RecordKind};
pub use segment::{
    SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SEGMENT_VERSION, SegmentFlags, SegmentHeader,
};
pub use words::{
    Crc32, Epoch, Generation, LogPosition, LogSequence, Lsn, ParseWordError, Point, PointName,
    SegmentKind, Timeline, TransactionId, UnixMillis,
};

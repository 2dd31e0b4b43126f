//! Codecs for every byte layout of Grafeo databases, logs and backups.
//!
//! For whoever reads or writes these files: a log inspector, a catalogue, another backup tool.
//! Bytes go in and values come out; there are no files, no threads and no panics on any input.
//! What a log or a chain of backups *means* is told by the crates above this one.
//!
//! The layouts are those that FORMAT.md in the repository describes. What only one generation has
//! is in [`v1`] (Grafeo 0.5.x) or [`v2`] (0.6.x); what both share is here, and finds the generation
//! from the bytes. What a record of a log changes is in [`change`].
//!
//! ```
//! use apograph_format::{Epoch, Generation, SegmentHeader};
//!
//! let header = SegmentHeader {
//!     generation: Generation::Two,
//!     start_epoch: Epoch::new(42),
//!     end_epoch: Epoch::new(60),
//!     count: 19,
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

#[macro_use]
mod serde_as_text;

mod blake3;
mod bytes;
mod causes;
pub mod change;
mod code;
mod crc32;
mod database;
mod database_headers;
mod engine;
mod error;
mod extent;
mod fields;
mod generation;
mod names;
mod numbers;
mod point;
mod position;
mod ranges;
mod segment;
pub mod v1;
pub mod v2;

pub use blake3::Blake3;
pub use causes::{Detail, WithCauses};
pub use code::Code;
pub use crc32::Crc32;
pub use database::{Image, generation_of};
pub use database_headers::{
    Checkpoint, DATABASE_HEADERS_BYTES, DATABASE_MAGIC, DatabaseHeaders, FileHeader, PAGE_BYTES,
};
pub use engine::{
    CommitRecords, Compacted, EngineTraits, EngineVersion, Engines, LogAtBackup, LogAtCheckpoint,
    RolledBack, Spilled,
};
pub use error::{FormatError, Result};
pub use extent::{Extent, ExtentContent};
pub use generation::{Generation, SegmentKind};
pub use names::{
    FOLDER_LOCK_NAME, FOLDER_LOG_NAME, LogFolderEntry, SegmentName, checkpoint_image,
    is_folder_database, log_file_name, log_folder, migrated_original, spill_folder,
};
pub use numbers::{
    DatabaseId, EdgeId, Epoch, LogSequence, Lsn, NodeId, ParseWordError, Timeline, TransactionId,
    UnixMillis, parse_hex,
};
pub use point::{ExactPoint, Point, PointName};
pub use position::{FilePosition, LogPosition};
pub use ranges::RangeSet;
pub use segment::{SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SegmentFlags, SegmentHeader};

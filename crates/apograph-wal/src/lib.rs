//! Scanner for the write-ahead log of the Grafeo graph database.
//!
//! For backup tools, log inspectors and whoever asks "which commits are in this log?". It reads a
//! log folder's files in order ([`LogFolder`]), or any bytes that are a log ([`LogPart`]), as
//! commit groups ([`GroupReader`], on several threads with [`read_ahead`]), tells where the log
//! ends and why ([`LogEnd`]), and to which epoch of which process each group belongs
//! ([`TimelineState`]). Files are read by the piece: memory does not grow with the log, and a file
//! that is cut or cannot be read is an error. It writes nothing, and it knows nothing of backups.
//!
//! ```
//! use apograph_wal::{GroupReader, LogEvent, LogPart};
//!
//! // INSERT (:T {i:2}), without its data records: the commit of transaction 3 and its epoch, 2.
//! let bytes = b"\x02\0\0\0\x23\x03\x24\x34\x79\x66\x02\0\0\0\x26\x02\xf7\xf0\x09\x6c";
//! let parts = [LogPart::of_file(Default::default(), 0, bytes)];
//! let mut groups = GroupReader::new(&parts);
//! let Some(LogEvent::Group(group)) = groups.next().transpose()? else { panic!("one group") };
//! assert_eq!(group.head.epoch().map(|epoch| epoch.get()), Some(2));
//! assert!(groups.next().is_none());
//! # Ok::<(), apograph_io::IoError>(())
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

mod ahead;
mod defect;
mod error;
mod file;
mod first_group;
mod folder;
mod group;
mod image_place;
mod part;
mod placed;
mod reader;
mod records;
mod resume;
mod sequential;
mod timeline;
mod v1;
mod v2;
mod window;

#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
pub use defect::{GroupDefect, LogDefect};
pub use error::{Result, WalError};
pub use file::LogFile;
pub use first_group::first_group;
pub use folder::{LogFolder, LogTail};
pub use group::{Group, GroupHead, LogEnd, LogEndCause, LogEvent};
pub use image_place::{
    FULL_FILE_BYTES, ImagePlace, begins_with_seal, is_begun_anew, is_begun_before, is_fresh,
    is_untouched, may_lead_to,
};
pub use part::{LogPart, PartOf, Place, Run, Runs};
pub use placed::{PlacedEvent, PlacedReader};
pub use reader::{GroupReader, read_ahead, read_chunks};
pub use records::{GroupSpan, LoggedRecord, RecordReader};
pub use resume::next_group;
pub use timeline::{Placement, TimelineState};
pub use v1::logged_checkpoints::{LoggedCheckpoint, logged_checkpoints};
pub use v2::tail::groups_after;

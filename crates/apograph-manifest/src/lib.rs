//! The catalogue of a Grafeo backup repository: manifest, cursor, and what can be restored.
//!
//! For tools that list, check or copy backups without opening a log or a database. It reads and
//! writes the small files of a repository ([`Manifest`], [`Cursor`], [`History`], [`Notes`]), each
//! replaced whole and durably, and reads them as a [`Chain`]: which points can be restored, where
//! the gaps are, and which segments a [`Target`] needs. It opens no segment.
//!
//! ```
//! use apograph_manifest::io::{Folder, Mode, RealDisk};
//! use apograph_manifest::{Manifest, read_manifest, write_manifest};
//!
//! let folder = tempfile::tempdir()?;
//! let repository = Folder::open(folder.path())?;
//! assert_eq!(read_manifest(&repository)?, None);
//! write_manifest(&RealDisk, &repository, Mode::PRIVATE, &Manifest::default())?;
//! assert_eq!(read_manifest(&repository)?, Some(Manifest::default()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[macro_use]
mod random_number;

mod captures;
mod chain;
mod content;
mod cursor;
mod drill_note;
mod entry;
mod error;
mod evidence;
mod further;
mod further_index;
mod gap;
mod hole;
mod manifest;
mod marker;
mod merging;
mod notes;
mod pin;
mod placeholder;
mod plan;
mod pruned;
mod record;
mod run;
mod segment;
mod unusable;
mod verification;

#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
pub use captures::{Capture, Captures};
pub use chain::{Chain, LsnRange, PointRange, log_end};
pub use content::{
    FullContent, FullOf, ImageIdentity, ImageOf, IncrementContent, IncrementOf, LsnIncrement,
    SegmentContent, TimeSpan, TimelineSpan, TimelineSpans,
};
pub use cursor::{CURSOR_FILE_NAME, CURSOR_MAX_BYTES, Cursor, Keep, read_cursor, write_cursor};
pub use drill_note::DrillNote;
pub use entry::ChainEntry;
pub use error::{ManifestError, Result};
pub use evidence::{
    CapturedFile, Evidence, FolderStamp, LogEvidence, Nonce, SegmentStamp, TailStamp,
};
pub use further::FurtherCommits;
pub use gap::{Gap, GapCause, GapKind, missing_entry};
pub use hole::Hole;
pub use manifest::{
    MANIFEST_FILE_NAME, MANIFEST_MAX_BYTES, Manifest, SEGMENTS_MAX, read_manifest, write_manifest,
};
pub use marker::{
    Marker, RESTORED_NOTE_NAME, Slot, marked_repository, marker_name, read_marker, read_markers,
    write_slot,
};
pub use merging::{MergedIncrement, may_join, merges, repeated_bytes};
pub use notes::{NOTES_FILE_NAME, NOTES_MAX_BYTES, Notes, RepositoryId, read_notes, write_notes};
pub use pin::{NotAPinName, Pin, PinName, PinnedPoint, PinnedState};
pub use plan::{Between, ChainError, ChainPlan, Cut, FurthestPlan, Nearest, Target};
pub use pruned::{Front, PrunedNotes, PrunedSegment};
pub use record::{
    HISTORY_FILE_NAME, HISTORY_MAX_BYTES, History, HistoryEnd, HistoryRead, RecordRef,
    SegmentRecord, append_records, read_history, read_records, write_history, write_records,
};
pub use segment::{FileName, NotAFileName, Segment, Unknown};
pub use unusable::{Unusable, UnusableSegment};
pub use verification::{FileStamp, FoundDamage, Level, Verification};

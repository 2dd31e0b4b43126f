//! Full and incremental capture of a live Grafeo database.
//!
//! For programs that take backups by themselves; the `apograph` command is one. [`capture`] copies
//! a database that another process may have open, or the new part of its log, as the next segments
//! of a repository. It needs no help from the engine and does not stop it. It does not restore.
//!
//! ```no_run
//! use apograph_capture::{Captured, Context, Options, Threads, capture};
//!
//! let (database, repository) = ("people.grafeo".as_ref(), "backups");
//! let threads = Threads::default();
//! let context = Context { threads: &threads, ..Context::default() };
//! match capture(database, repository, &Options::default(), context)? {
//!     Captured::UpToDate { end_epoch } => println!("nothing new since epoch {end_epoch}"),
//!     Captured::Added { segments, .. } => println!("{} new segments", segments.len()),
//! }
//! # Ok::<(), apograph_capture::CaptureError>(())
//! ```

mod capture;
mod chain_break;
mod content;
mod continuity;
mod cursor;
mod database;
mod decision;
mod error;
mod folder_database;
mod full;
mod glance;
mod image_copy;
mod increment;
mod indexes;
mod job;
mod live;
mod log_after;
mod log_notes;
mod look;
mod patience;
mod pending;
mod remains;
mod request;
mod retention_hold;
mod spilled;
mod warnings;

#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
#[doc(no_inline)]
pub use apograph_io::{
    CancellationToken, Context, Disk, Monitor, NoProgress, Pace, RealDisk, Threads,
};
#[doc(no_inline)]
pub use apograph_manifest as manifest;
#[doc(no_inline)]
pub use apograph_repository as repository;
#[doc(no_inline)]
pub use apograph_wal as wal;
pub use capture::{capture, capture_into};
pub use chain_break::ChainBreak;
pub use error::{CaptureError, Result};
pub use glance::{Glance, glance};
pub use pending::{Pending, PendingOf, pending};
pub use request::{Captured, Kind, Options};

//! Full and incremental capture of a live Grafeo database.
//!
//! For programs that take backups by themselves; the `apograph` command is one. [`capture`] copies
//! a database that another process may have open, or the new part of its log, as the next segments
//! of a repository. It needs no help from the engine and does not stop it. It does not restore.
//!
//! ```no_run
//! use apograph_capture::{Captured, Options, RealDisk, Silent, capture};
//!
//! let (database, repository) = ("people.grafeo".as_ref(), "backups".as_ref());
//! match capture(&RealDisk, database, repository, &Options::default(), &Silent)? {
//!     Captured::UpToDate { end_epoch } => println!("nothing new since epoch {end_epoch}"),
//!     Captured::Added { segments, .. } => println!("{} new segments", segments.len()),
//! }
//! # Ok::<(), apograph_capture::CaptureError>(())
//! ```

mod broken;
mod capture;
mod content;
mod continuity;
mod cursor;
mod database;
mod error;
mod full;
mod hold;
mod image_copy;
mod image_place;
mod increment;
mod indexes;
mod job;
mod live;
mod log_notes;
mod patience;
mod remains;
mod request;
mod spilled;

#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
#[doc(no_inline)]
pub use apograph_io::{CancellationToken, Disk, Monitor, Pace, RealDisk, Silent, Threads};
#[doc(no_inline)]
pub use apograph_manifest as manifest;
#[doc(no_inline)]
pub use apograph_repository as repository;
#[doc(no_inline)]
pub use apograph_wal as wal;
pub use broken::Broken;
pub use capture::capture;
pub use error::{CaptureError, Result};
pub use request::{Captured, Kind, Options};

//! Backup and point-in-time recovery for the Grafeo graph database.
//!
//! This crate is the library: its layers under one name. A program that needs one layer alone
//! depends on that crate instead; the command is `apograph-cli`.
//!
//! ```no_run
//! use apograph::{Backup, Repository, Target};
//!
//! Backup::new("people.grafeo", "backups").run()?;
//! Repository::open("backups")?.restore(Target::Latest).to("copy.grafeo")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every call blocks until it is done: [`CancellationToken`] ends one from another thread, a
//! [`Monitor`] of your own hears of its progress too. What is cancelled leaves what a failed one
//! leaves: nothing.
//!
//! Each error has a [`Code`] to decide by, and its causes as its sources, which it does not repeat:
//! [`WithCauses`] prints all of them in one sentence, as the command does.
//!
//! The layers, for more than that:
//!
//! | module | crate | for |
//! | --- | --- | --- |
//! | [`format`](mod@format) | `apograph-format` | codecs: bytes in, values out |
//! | [`io`] | `apograph-io` | durable files |
//! | [`manifest`] | `apograph-manifest` | the catalogue and what it can restore |
//! | [`wal`] | `apograph-wal` | reading logs |
//! | [`repository`] | `apograph-repository` | a repository on disk |
//! | [`capture`] | `apograph-capture` | taking backups |
//! | [`restore`] | `apograph-restore` | restoring and verifying |
//! | [`operate`] | `apograph-operate` | how a repository stands, and drills |

mod backup;
pub mod grafeo;
mod handle;
mod prepared;

pub use apograph_capture::{CaptureError, Captured};
pub use apograph_format::{
    Code, Epoch, Generation, Lsn, Point, PointName, Timeline, UnixMillis, WithCauses,
};
pub use apograph_io::{CancellationToken, Monitor, Pace, Threads};
pub use apograph_manifest::{Chain, Gap, GapCause, GapKind, PointRange, Target};
pub use apograph_repository::{Location, RepositoryError};
pub use apograph_restore::{Problem, RestoreError, Restored, Verified};
pub use backup::Backup;
pub use handle::{Repository, Restore, Verify};
pub use prepared::Prepared;

/// Taking backups of a live database.
///
/// ```no_run
/// use apograph::capture::{Kind, Options, capture};
/// use apograph::io::Context;
///
/// let options = Options { kind: Kind::Full, ..Options::default() };
/// capture("people.grafeo".as_ref(), "backups", &options, Context::default())?;
/// # Ok::<(), apograph::capture::CaptureError>(())
/// ```
#[doc(no_inline)]
pub use apograph_capture as capture;
/// Codecs for every byte layout.
///
/// ```
/// use apograph::format::{FormatError, SegmentHeader};
///
/// assert!(matches!(SegmentHeader::decode(b"GBAK"), Err(FormatError::TooShort { .. })));
/// ```
#[doc(no_inline)]
pub use apograph_format as format;
/// Durable files.
///
/// ```
/// use apograph::io::{Threads, crc32};
///
/// assert_eq!(crc32(b"123456789", &Threads::default()).to_string(), "cbf43926");
/// ```
#[doc(no_inline)]
pub use apograph_io as io;
/// The catalogue of a repository.
///
/// ```
/// use apograph::manifest::Manifest;
///
/// assert!(Manifest::default().latest_full().is_none());
/// ```
#[doc(no_inline)]
pub use apograph_manifest as manifest;
/// How a repository stands, and drills.
///
/// ```no_run
/// use apograph::operate::{Context, Repository, Status};
///
/// let repository = Repository::open("backups", Context::default())?;
/// let status = Status::of(&repository, None, Context::default())?;
/// println!("{:?} behind", status.lag());
/// # Ok::<(), apograph::RepositoryError>(())
/// ```
#[doc(no_inline)]
pub use apograph_operate as operate;
/// A repository on disk.
///
/// ```
/// use apograph::repository::{Context, Repository};
///
/// let nothing = tempfile::tempdir()?;
/// let error = Repository::open(nothing.path(), Context::default()).unwrap_err();
/// assert_eq!(error.code(), "not-a-repository");
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(no_inline)]
pub use apograph_repository as repository;
/// Restoring and verifying.
///
/// ```no_run
/// use apograph::io::Context;
/// use apograph::restore::{VerifyOptions, verify};
///
/// let verified = verify("backups", &VerifyOptions::default(), Context::default())?;
/// assert!(verified.problems.is_empty());
/// # Ok::<(), apograph::restore::RestoreError>(())
/// ```
#[doc(no_inline)]
pub use apograph_restore as restore;
/// Reading logs.
///
/// ```
/// use apograph::wal::{GroupReader, LogEndCause};
///
/// let end = GroupReader::new(&[]).finish()?;
/// assert_eq!(end.map(|end| end.cause), Some(LogEndCause::Clean));
/// # Ok::<(), apograph::io::IoError>(())
/// ```
#[doc(no_inline)]
pub use apograph_wal as wal;

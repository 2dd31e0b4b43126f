//! Backup and point-in-time recovery for the Grafeo graph database.
//!
//! This crate is the library: its layers under one name. A program that needs one layer alone depends
//! on that crate instead; the command is `apograph-cli`.
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
//!
//! ```no_run
//! use apograph::capture::{Options, capture};
//! use apograph::io::{RealDisk, Silent};
//! use apograph::manifest::Target;
//! use apograph::restore::restore;
//!
//! let (database, repository) = ("people.grafeo".as_ref(), "backups".as_ref());
//! capture(&RealDisk, database, repository, &Options::default(), &Silent)?;
//!
//! let options = apograph::restore::Options::to(Target::Latest);
//! let restored = restore(&RealDisk, repository, "copy.grafeo".as_ref(), &options, &Silent)?;
//! println!("restored {} commits", restored.commits);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// Taking backups of a live database.
///
/// ```no_run
/// use apograph::capture::{Kind, Options, capture};
/// use apograph::io::{RealDisk, Silent};
///
/// let options = Options { kind: Kind::Full, ..Options::default() };
/// capture(&RealDisk, "people.grafeo".as_ref(), "backups".as_ref(), &options, &Silent)?;
/// # Ok::<(), apograph::capture::CaptureError>(())
/// ```
#[doc(inline)]
pub use apograph_capture as capture;
/// Codecs for every byte layout.
///
/// ```
/// use apograph::format::{FormatError, SegmentHeader};
///
/// assert!(matches!(SegmentHeader::decode(b"GBAK"), Err(FormatError::TooShort { .. })));
/// ```
#[doc(inline)]
pub use apograph_format as format;
/// Durable files.
///
/// ```
/// use apograph::io::{Threads, crc32};
///
/// assert_eq!(crc32(b"123456789", Threads::default()).to_string(), "cbf43926");
/// ```
#[doc(inline)]
pub use apograph_io as io;
/// The catalogue of a repository.
///
/// ```
/// use apograph::manifest::Manifest;
///
/// assert!(Manifest::default().latest_full().is_none());
/// ```
#[doc(inline)]
pub use apograph_manifest as manifest;
/// A repository on disk.
///
/// ```
/// use apograph::repository::Repository;
///
/// let nothing = tempfile::tempdir()?;
/// let error = Repository::open(nothing.path()).unwrap_err();
/// assert_eq!(error.code(), "not-a-repository");
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(inline)]
pub use apograph_repository as repository;
/// Restoring and verifying.
///
/// ```no_run
/// use apograph::io::Silent;
/// use apograph::restore::{VerifyOptions, verify};
///
/// let verified = verify("backups".as_ref(), &VerifyOptions::default(), &Silent)?;
/// assert!(verified.problems.is_empty());
/// # Ok::<(), apograph::restore::RestoreError>(())
/// ```
#[doc(inline)]
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
#[doc(inline)]
pub use apograph_wal as wal;

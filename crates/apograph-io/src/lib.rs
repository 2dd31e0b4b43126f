//! Durable files, for tools whose "done" must survive a power cut.
//!
//! For backup engines and whatever else publishes files that must be whole or absent. It knows
//! nothing of databases or formats.
//!
//! - a [`Folder`] is held open, and names are looked up in it, whatever becomes of its path: no
//!   name leads out of it, no link is followed, no pipe is waited for;
//! - reading: a name ([`At`]) is opened, read up to a limit, or by the piece ([`Source`],
//!   [`Bytes`], [`Window`]): no file is mapped, and none that is cut or cannot be read ends the
//!   process;
//! - writing: [`StagedFile`] and [`replace_file`], over the small trait [`Disk`] that a test can
//!   take the place of, on file systems that have everything and on those that do not ([`Lack`]);
//! - [`FileLock`], [`crc32`] and [`sums`] on all cores;
//! - a [`Context`], with which a command works: its disk, the [`Clock`] that tells it the time, the
//!   [`Threads`] that share what is long, the [`Pace`] at which is read, and the [`Monitor`] that
//!   hears of it and may end it.
//!
//! ```
//! use apograph_io::{Folder, Mode, RealDisk, StagedFile};
//!
//! let folder = tempfile::tempdir()?;
//! let folder = Folder::open(folder.path())?;
//! let report = folder.at("report");
//! let mut staged = StagedFile::create(&RealDisk, report, Mode::PRIVATE)?;
//! staged.write(b"whole or absent")?;
//! assert!(!report.exists()?);
//! staged.publish()?;
//! assert_eq!(report.source()?.read()?, b"whole or absent");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod at;
mod checksum;
mod clock;
mod context;
mod disk;
mod error;
mod folder;
mod identity;
mod lack;
mod lock;
mod monitor;
mod open;
mod pace;
mod random;
mod real_disk;
mod source;
mod sparse;
mod staged;
mod sums;
mod system;
mod temporary_name;
mod threads;
#[cfg(target_os = "linux")]
mod write_back;
mod writer;

pub use access::{Access, Mode, Owner};
#[doc(no_inline)]
pub use apograph_format as format;
pub use at::At;
pub use checksum::crc32;
pub use clock::{Clock, SystemClock};
pub use context::Context;
pub use disk::{Disk, DiskFile, Rename};
pub use error::{IoError, Result};
pub use folder::{Folder, Names};
pub use identity::{FileStatus, Identity};
pub use lack::Lack;
pub use lock::FileLock;
pub use monitor::{CancellationToken, Monitor, NoProgress, Steps};
pub use open::{exists, open_named, open_regular, read_front, read_limited};
pub use pace::Pace;
pub use random::random;
pub use real_disk::{RealDisk, is_silly_renamed};
pub use source::{Bytes, BytesReader, Source, Window, file_of};
pub use staged::{StagedFile, create_file, replace_file, replace_file_with};
pub use sums::{PartsSums, Sums, SumsBehind, sums, sums_behind};
#[cfg(not(target_os = "linux"))]
pub use system::is_locked_by_writer;
pub use system::{spool_error, spool_file};
pub use temporary_name::{TEMPORARY_SUFFIX, is_temporary, temporary_name};
pub use threads::{Tasks, Threads};
#[cfg(target_os = "linux")]
pub use writer::is_locked_by_writer;

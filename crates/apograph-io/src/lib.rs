//! Durable files, for tools whose "done" must survive a power cut.
//!
//! For backup engines and whatever else publishes files that must be whole or absent. It knows
//! nothing of databases or formats.
//!
//! - reading: [`Mapped`] files, [`open_regular`] and [`read_small`], which follow no link and wait
//!   for no pipe;
//! - writing: [`StagedFile`] and [`replace_file`], over the small trait [`Disk`] that a test can
//!   take the place of;
//! - [`FileLock`], and [`crc32`] on all cores.
//!
//! ```
//! use apograph_io::{Mode, RealDisk, StagedFile};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("report");
//! let mut staged = StagedFile::create(&RealDisk, &path, Mode::PRIVATE)?;
//! staged.write(b"whole or absent")?;
//! assert!(!path.exists());
//! staged.publish()?;
//! assert_eq!(std::fs::read(&path)?, b"whole or absent");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checksum;
mod clock;
mod disk;
mod error;
mod holes;
mod lock;
mod map;
mod monitor;
mod open;
mod staged;

pub use checksum::{Threads, crc32};
pub use clock::now;
pub use disk::{Disk, DiskFile, Mode, RealDisk};
pub use error::{IoError, Result};
pub use lock::FileLock;
pub use map::Mapped;
pub use monitor::{Monitor, Silent};
pub use open::{exists, list_folder, open_named, open_regular, read_front, read_small};
pub use staged::{
    StagedFile, TEMPORARY_SUFFIX, is_temporary, parent_folder, replace_file, temporary_path,
};

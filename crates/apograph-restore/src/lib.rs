//! Exact restore and verification of Grafeo backup repositories.
//!
//! For programs that restore or check backups by themselves; the `apograph` command is one.
//! [`restore()`] gives back exactly the state that was asked for, or nothing: once every byte of it
//! was checked the database appears, whole, where nothing was. [`verify()`] is the same
//! walk without output ([`verify_and_record`] remembers what it found), and [`commits`] shows what
//! it sees. Of what is damaged [`salvage`] and [`salvage_database`] make what is left, and say what it
//! lacks. It does not take backups.
//!
//! ```no_run
//! use apograph_restore::{Context, Options, Target, Threads, restore};
//!
//! let (repository, output) = ("backups", "restored.grafeo".as_ref());
//! let options = Options::to(Target::Point("57".parse()?));
//! let threads = Threads::default();
//! let context = Context { threads: &threads, ..Context::default() };
//! let restored = restore(repository, output, &options, context)?;
//! println!("{} commits after {}", restored.commits, restored.full.file);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod beyond;
mod clearing;
mod damaged_database;
mod damaged_image;
mod damaged_log;
mod diff;
mod error;
mod history;
mod maker;
mod net;
mod output;
mod past_damage;
mod pieces;
mod restore;
mod restored;
mod salvage;
mod salvage_database;
mod seen;
mod selection;
mod sink;
mod staging;
mod statements;
mod triples;
mod verify;
mod walk;

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
pub use apograph_manifest::{Level, Target};
#[doc(no_inline)]
pub use apograph_repository as repository;
#[doc(no_inline)]
pub use apograph_wal as wal;
pub use damaged_log::LogDamage;
pub use diff::{ChangeAt, Difference, difference, steps};
pub use error::{RestoreError, Result};
pub use history::{Commit, CommitQuery, Found, FoundRecords, Logged, commits, search};
pub use net::{EdgeChanges, GraphChanges, NetChanges, NodeChanges, PropertyChange};
pub use restore::{Options, restore};
pub use restored::Restored;
pub use salvage::{LeftOut, SalvageGap, Salvaged, salvage};
pub use salvage_database::{
    DatabaseDamage, DatabaseGap, LeftOutLog, SalvagedDatabase, salvage_database,
};
pub use seen::SeenRecord;
pub use verify::{Problem, Verified, VerifyOptions, verify, verify_and_record};

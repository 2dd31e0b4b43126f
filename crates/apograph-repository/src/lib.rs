//! A Grafeo backup repository on disk: its segments, its history, its lock.
//!
//! For the engines that capture and restore, and for whoever inspects repositories. It joins the
//! catalogue (`apograph-manifest`) with the segments' own bytes (`apograph-wal`): a [`Repository`]
//! is a manifest whose every entry was looked at, read as a chain. It also holds the ways in which
//! a repository changes: [`init()`] makes one; a [`Writer`] opens one to add segments
//! ([`HeldRepository::publish`]), which makes whole what a killed backup left, and makes a manifest
//! anew ([`rebuild`](Writer::rebuild), which [`plan_rebuild`] shows first); and what was verified
//! is recorded ([`Repository::record_verifications`]). It knows neither live databases nor restored
//! ones.
//!
//! ```no_run
//! use apograph_repository::{Context, Repository};
//!
//! let repository = Repository::open("/srv/backups", Context::default())?;
//! for range in repository.chain().restorable() {
//!     println!("timeline {}: epochs {} to {}", range.timeline, range.from, range.to);
//! }
//! # Ok::<(), apograph_repository::RepositoryError>(())
//! ```

mod addition;
mod adopt;
mod check;
#[cfg(feature = "vault")]
mod cleaning;
#[cfg(feature = "vault")]
mod compact;
#[cfg(feature = "vault")]
mod compaction;
#[cfg(feature = "vault")]
mod copy;
#[cfg(feature = "vault")]
mod copy_folder;
#[cfg(feature = "vault")]
mod copy_target;
#[cfg(feature = "vault")]
mod copy_vault;
mod drill_notes;
mod error;
mod folder_removal;
mod held;
mod init;
#[cfg(feature = "vault")]
mod init_vault;
mod last_verified;
mod lease;
mod location;
mod manifest_generation;
#[cfg(feature = "vault")]
mod merged_file;
#[cfg(feature = "vault")]
mod merged_rest;
#[cfg(feature = "vault")]
mod merging;
mod moment;
mod opening;
mod overlap;
#[cfg(feature = "vault")]
mod pack;
mod place;
mod placeholders;
mod prefix;
mod publish;
mod read_log;
mod rebuild;
#[cfg(feature = "vault")]
mod recipients;
mod removal;
mod remove;
mod repository;
#[cfg(feature = "vault")]
mod same_history;
mod segment;
mod segment_defect;
#[cfg(feature = "vault")]
mod staging;
mod summary;
mod timelines;
#[cfg(feature = "vault")]
mod vault_checks;
#[cfg(feature = "vault")]
mod vault_damage;
#[cfg(feature = "vault")]
mod vault_kept;
#[cfg(feature = "vault")]
mod vault_lease;
#[cfg(not(feature = "vault"))]
mod vault_lease {
    pub(crate) use crate::vault_segments::VaultLease;
}
#[cfg(feature = "vault")]
mod vault_links;
#[cfg(feature = "vault")]
mod vault_place;
#[cfg(feature = "vault")]
mod vault_rebuild;
#[cfg(feature = "vault")]
mod vault_removal;
#[cfg(not(feature = "vault"))]
#[path = "no_vault_removal.rs"]
mod vault_removal;
#[cfg(feature = "vault")]
mod vault_segments;
#[cfg(not(feature = "vault"))]
#[path = "no_vault.rs"]
mod vault_segments;
#[cfg(feature = "vault")]
mod vault_target;
#[cfg(not(feature = "vault"))]
#[path = "no_vault_target.rs"]
mod vault_target;
mod verification_records;
mod verified;
mod writer;

pub use addition::{Addition, LogNotes, NewSegment, next_name};
#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
#[doc(no_inline)]
pub use apograph_io::Context;
#[doc(no_inline)]
pub use apograph_manifest as manifest;
#[cfg(feature = "vault")]
#[doc(no_inline)]
pub use apograph_vault as vault;
#[doc(no_inline)]
pub use apograph_wal as wal;
pub use check::{Expected, FileCheck, check_beside, check_end, check_file, check_size};
#[cfg(feature = "vault")]
pub use compact::{compact, merge};
#[cfg(feature = "vault")]
pub use compaction::Compaction;
#[cfg(feature = "vault")]
pub use copy::{Copied, copy};
pub use error::{RepositoryError, Result};
pub use held::{HeldRepository, VaultWriter};
pub use init::{Initialized, create, init, uncreate};
#[cfg(feature = "vault")]
pub use init_vault::init_vault;
pub use last_verified::LastVerified;
pub use lease::Lease;
pub use location::Location;
#[cfg(feature = "vault")]
pub use pack::Pack;
pub use place::{check_no_repository, check_outside_logs};
pub use prefix::IncrementPrefix;
pub use read_log::{LogRead, read_log};
pub use rebuild::{Rebuild, plan_rebuild};
#[cfg(feature = "vault")]
pub use recipients::{RecipientChange, change_recipients, recipients};
pub use removal::{Choose, Removal};
pub use remove::{bring_back, pin, remove_segments, unpin};
pub use repository::Repository;
pub use segment::{FullFile, IncrementFile, StoredFile, check_image, parse_image};
pub use segment_defect::SegmentDefect;
pub use summary::{Summary, Surroundings};
pub use timelines::{advance, are_same_spans, further_of_image, image_timeline};
#[cfg(feature = "vault")]
pub use vault_rebuild::{VaultRebuild, plan_vault_rebuild};
pub use verification_records::VerificationRecord;
pub use writer::Writer;

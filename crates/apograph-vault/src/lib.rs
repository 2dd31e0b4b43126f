//! The catalog of a backup vault: what it holds, in numbered versions that nobody replaces.
//!
//! A vault lies in a place of objects, a folder or an object store ([`Store`](store::Store)). Whoever
//! creates the next version of its [`Catalog`] has committed, and several writers need no lock. Each
//! version is small, and no reader needs more than 33, however many segments there are.
//!
//! - [`Catalog`]: reading what is there, and committing a [`CatalogChange`];
//! - [`StoredSegment`]: what is known of a segment, and which objects hold it.
//!
//! ```
//! use apograph_vault::io::{Folder, Mode, RealDisk, SystemClock};
//! use apograph_vault::store::FolderStore;
//! use apograph_vault::{Catalog, CatalogChange, Committed};
//!
//! let folder = tempfile::tempdir()?;
//! let store = FolderStore::new(&RealDisk, Folder::open(folder.path())?, Mode::PRIVATE);
//! let mut catalog = Catalog::create(&store, &SystemClock, "this machine", &[])?;
//! let keys = vec!["age1…".to_owned()];
//! let changes = vec![CatalogChange::Recipients { keys: keys.clone() }];
//! assert_eq!(catalog.commit(changes, &mut |_| None)?, Committed::Version(2));
//!
//! let again = Catalog::open(&store, &SystemClock, "another one")?;
//! assert_eq!(again.read(&mut |_| Ok(()))?.recipients, keys);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalog;
mod change;
mod contents;
mod departure;
mod error;
mod head;
mod lease;
mod log;
mod newest;
mod numbered;
mod object_streams;
mod objects;
mod rebuild;
mod recent;
mod segment;
mod sha256;
mod vault;
mod version;
mod version_contents;

#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
#[doc(no_inline)]
pub use apograph_manifest as manifest;
#[doc(no_inline)]
pub use apograph_store as store;
#[doc(no_inline)]
pub use apograph_wrap as wrap;
pub use catalog::{Catalog, Committed, KeptCatalog, read_before};
pub use change::CatalogChange;
pub use contents::{CatalogSegment, EachSegment, Settings};
pub use departure::{Departure, Why};
pub use error::{Result, VaultError};
pub use head::{HEAD, VaultHead, find_vault, mend_head, needs_head};
pub use lease::{LEASE_RENEWED_EVERY, LEASES, LeaseObject, oldest_leased};
pub use log::is_old;
pub use objects::{Form, Packing, check_objects, put_segment, read_segment};
pub use rebuild::{CatalogRebuild, Skipped, plan_catalog};
pub use segment::{
    Check, Encryption, Link, SEGMENTS, SegmentDamage, SegmentId, Stored, StoredObject,
    StoredSegment, Wrapping,
};
pub use sha256::Sha256;
pub use vault::create_vault;
pub use version::CATALOG;
pub use version_contents::VersionContents;

//! Immutable objects: a name is created once, and what it stands for is never replaced.
//!
//! For backup vaults, and whatever else commits by creating the next number of a log. A [`Store`]
//! has what that needs and nothing more. Everything blocks, and nothing is async.
//!
//! - [`ObjectName`]: names that every store can have, and no name leads out of it;
//! - [`FolderStore`]: objects in a folder, durably, on whatever file system;
//! - `CloudStore`, with the feature `cloud`: objects in a bucket, `s3://`, `gs://` or `az://`;
//! - [`probe`]: whether a store really lets only one of several writers create a name.
//!
//! ```
//! use apograph_store::io::{Folder, Mode, RealDisk};
//! use apograph_store::{Created, FolderStore, ObjectName, Store};
//!
//! let folder = tempfile::tempdir()?;
//! let store = FolderStore::new(&RealDisk, Folder::open(folder.path())?, Mode::PRIVATE);
//! let name = ObjectName::parse("catalog/00000000000000000001")?;
//! assert_eq!(store.create(&name, b"the first version")?, Created::New);
//! assert_eq!(store.create(&name, b"of another writer")?, Created::Taken);
//! assert_eq!(store.read(&name, 1 << 20)?.as_deref(), Some(&b"the first version"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "cloud")]
mod cloud;
mod error;
mod folder;
mod name;
mod probe;
mod remote;
mod store;
mod traffic;

#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
#[cfg(feature = "cloud")]
pub use cloud::CloudStore;
pub use error::{Result, StoreError};
pub use folder::FolderStore;
pub use name::{NameError, ObjectName};
pub use probe::{PROBES, probe};
pub use remote::RemoteError;
pub use store::{Created, Leftovers, Listing, Object, Store, Upload};
pub use traffic::Traffic;

//! Segments of backups, wrapped: independent frames of zstd, with the segment's record and a seek
//! table behind them.
//!
//! Whoever has a wrapped segment can unwrap it without this crate: `zstd -d` gives back the plain
//! bytes. Each frame holds 4 MiB of them, so a part is read without the rest, and all cores pack and
//! unpack. FORMAT.md has the layout ("Wrapped segment").
//!
//! - [`wrap`]: from plain bytes to a stream, each frame unpacked and compared before it is handed on;
//! - [`unwrap`]: from a stream to plain bytes, in order;
//! - [`WrappedFile`]: the record, and any range of the plain bytes;
//! - [`Recipients`] and [`Identities`]: whom a stream is encrypted for, and who reads it. With the
//!   feature `encryption` alone, without which none can be made.
//!
//! ```
//! use std::io::Cursor;
//!
//! use apograph_wrap::io::Context;
//! use apograph_wrap::{Compression, WrappedFile, unwrap, wrap};
//!
//! let plain = b"commit ".repeat(100_000);
//! let mut wrapped = Vec::new();
//! wrap(&plain, b"what it is", Compression::LOG, Context::default(), &mut wrapped)?;
//! assert!(wrapped.len() < plain.len() / 100);
//!
//! let mut file = WrappedFile::open(Cursor::new(&wrapped))?;
//! assert_eq!(file.record(), b"what it is");
//! assert_eq!(file.read(14..20)?, b"commit");
//!
//! let mut again = Vec::new();
//! unwrap(&wrapped[..], Context::default(), |piece| {
//!     again.extend_from_slice(piece);
//!     Ok(())
//! })?;
//! assert_eq!(again, plain);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod file;
mod frame;
mod in_order;
mod key_error;
#[cfg(feature = "encryption")]
mod keys;
#[cfg(not(feature = "encryption"))]
#[path = "no_keys.rs"]
mod keys;
mod people;
mod spare;
#[cfg(feature = "encryption")]
mod streams;
#[cfg(not(feature = "encryption"))]
#[path = "no_streams.rs"]
mod streams;
mod trailer;
mod unwrap;
mod wrap;

#[doc(no_inline)]
pub use apograph_format as format;
#[doc(no_inline)]
pub use apograph_io as io;
pub use error::{Result, WrapError};
pub use file::WrappedFile;
pub use frame::{Compression, FRAME_BYTES};
pub use key_error::KeyError;
pub use people::{Identities, Recipients};
pub use trailer::RECORD_MAX_BYTES;
pub use unwrap::unwrap;
pub use wrap::{Wrapped, wrap};

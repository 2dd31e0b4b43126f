//! The tests of the wrapped segments.

mod damage;
#[cfg(feature = "encryption")]
mod encryption;
mod layout;
#[cfg(not(feature = "encryption"))]
mod no_encryption;
mod round_trips;

use std::io::Cursor;
use std::num::NonZero;

use apograph_wrap::io::{Context, Threads};
use apograph_wrap::{Compression, Result, WrappedFile, unwrap, wrap};

/// A little more than two frames.
const SOME: usize = 2 * apograph_wrap::FRAME_BYTES + 12_345;

/// Bytes that can be packed, and are nowhere the same.
fn plain(length: usize) -> Vec<u8> {
    let words = (0_u64..).flat_map(|word| (word * word).to_le_bytes());
    words.take(length).collect()
}

fn threads(count: usize) -> Threads {
    Threads::new(NonZero::new(count).expect("not zero"))
}

fn by(threads: &Threads) -> Context<'_> {
    Context {
        threads,
        ..Context::default()
    }
}

fn wrapped(plain: &[u8], record: &[u8]) -> Vec<u8> {
    let (threads, mut wrapped) = (threads(3), Vec::new());
    wrap(plain, record, Compression::LOG, by(&threads), &mut wrapped).expect("in memory");
    wrapped
}

/// The plain bytes and the record, by one thread.
fn unwrapped(wrapped: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut plain = Vec::new();
    let record = unwrap(wrapped, Context::default(), |piece| {
        plain.extend_from_slice(piece);
        Ok(())
    })?;
    Ok((plain, record))
}

fn opened(wrapped: &[u8]) -> Result<WrappedFile<Cursor<&[u8]>>> {
    WrappedFile::open(Cursor::new(wrapped))
}

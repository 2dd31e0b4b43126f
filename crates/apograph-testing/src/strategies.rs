//! Values that proptest generates, for the tests of several crates.
//!
//! What fails shrinks to the smallest input that still does, and is kept in a file of
//! `proptest-regressions/` beside the test, which is tried first from then on.

mod changes;
mod manifest;
mod words;

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed};

use crate::effort::is_long;

pub use changes::{RecordParts, record_parts};
pub use manifest::{cursor, evidence, history, manifest, notes, segment, segment_record, slot};
pub use words::{
    blake3, bytes, crc32, database_id, digits, generation, log_position, number, point, range_set,
    segment_header, segment_kind, segment_name, text, word,
};

/// The seed of every run that is not long: what passes, passes again.
const SEED: u64 = 14;
/// How many times as many cases a long run has.
const LONG_FACTOR: u32 = 20;

/// So many cases, the same in each run; others and more of them in a long one.
/// `PROPTEST_RNG_SEED` and `PROPTEST_CASES` say which and how many too.
pub fn cases(cases: u32) -> Config {
    let asked = Config::default();
    let many = if is_long() {
        cases * LONG_FACTOR
    } else {
        cases
    };
    Config {
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => asked.cases,
            None => many,
        },
        rng_seed: match asked.rng_seed {
            RngSeed::Random if !is_long() => RngSeed::Fixed(SEED),
            seed => seed,
        },
        max_shrink_iters: 20_000,
        ..asked
    }
}

/// One byte of some, changed in one way.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    place: Index,
    mask: u8,
}

impl Change {
    /// Where it is, in so many bytes.
    pub fn place(&self, length: usize) -> usize {
        self.place.index(length)
    }

    /// The same bytes with that one changed.
    pub fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        changed[self.place(bytes.len())] ^= self.mask;
        changed
    }
}

/// A change of one byte.
pub fn change() -> impl Strategy<Value = Change> {
    (any::<Index>(), 1..=u8::MAX).prop_map(|(place, mask)| Change { place, mask })
}

/// A place to cut some bytes at.
pub fn cut() -> impl Strategy<Value = Index> {
    any::<Index>()
}

/// Bytes that are cut or changed are refused, or say what they say: written again, what is read of
/// them is read the same.
///
/// # Errors
///
/// Where that is not so.
pub fn refuses_or_says<T: Debug + PartialEq>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Option<T>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> Result<(), TestCaseError> {
    if let Some(value) = decode(bytes) {
        let written = encode(&value);
        prop_assert_eq!(decode(&written), Some(value));
    }
    Ok(())
}

//! Both checksums of a file in one pass over its bytes, on all cores: the CRC-32, which the
//! engine's formats have, and the strong hash.
//!
//! Bytes are read a step at a time, which stays in a core's own cache for the second of the two.
//! BLAKE3 is a tree over chunks of 1 KiB: chunks of a power of two of them, at a multiple of their
//! size, are whole subtrees, which threads compute apart and which are merged at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use apograph_format::{Blake3, Crc32};
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::checksum::Threads;
use crate::error::Result;
use crate::reading::Reading;

/// Bytes that one thread takes at a time: large enough that merging costs nothing.
const CHUNK_BYTES: usize = 4 << 20;
/// Bytes that are read for one checksum and then for the other.
const STEP_BYTES: usize = 32 << 10;
const _: () = assert!(CHUNK_BYTES.is_power_of_two() && CHUNK_BYTES.is_multiple_of(STEP_BYTES));

/// The two checksums of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// The CRC-32.
    pub crc32: Crc32,
    /// The strong hash.
    pub blake3: Blake3,
}

impl Sums {
    /// Those of `bytes`, on the caller's own thread.
    pub fn of(bytes: &[u8]) -> Self {
        sums(bytes, Threads::ONE)
    }
}

/// The checksums of `bytes`, computed on all cores where they are many.
pub fn sums(bytes: &[u8], threads: Threads) -> Sums {
    let reading = Reading {
        threads,
        ..Reading::default()
    };
    // Nobody interrupts it.
    read_sums(bytes, reading).unwrap_or_else(|_| Sums {
        crc32: Crc32::of(bytes),
        blake3: Blake3::of(bytes),
    })
}

/// The checksums of `bytes`, as a reading reads them.
///
/// # Errors
///
/// [`IoError::Interrupted`](crate::IoError::Interrupted).
pub fn read_sums(bytes: &[u8], reading: Reading<'_>) -> Result<Sums> {
    Ok(PartsSums::of(bytes, [], reading)?.whole())
}

/// The checksums of some bytes and the CRC-32 of parts of them, for which each byte is read once.
///
/// A database image has a checksum for each of its sections, and its file has those for all.
#[derive(Debug)]
pub struct PartsSums {
    /// The CRC-32 between two places where a part, or a chunk, begins or ends, by where it begins.
    cuts: BTreeMap<usize, crc32fast::Hasher>,
    whole: Sums,
}

impl PartsSums {
    /// Reads `bytes`, of which `parts` will be asked for. At a pace, one thread is enough.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub fn of(
        bytes: &[u8],
        parts: impl IntoIterator<Item = Range<usize>>,
        reading: Reading<'_>,
    ) -> Result<Self> {
        let threads = if reading.pace.is_unlimited() {
            reading.threads
        } else {
            Threads::ONE
        };
        let ends = parts.into_iter().flat_map(|part| [part.start, part.end]);
        let ends: BTreeSet<usize> = ends.collect();
        let chunks = bytes.len().div_ceil(CHUNK_BYTES).max(1);
        let read: Vec<OnceLock<Chunk>> = (0..chunks).map(|_| OnceLock::new()).collect();
        threads.try_for_each(chunks, |index| {
            let start = index * CHUNK_BYTES;
            let end = bytes.len().min(start + CHUNK_BYTES);
            let ends = ends.range(start..end).copied().filter(|&cut| cut > start);
            let is_only = chunks == 1;
            let chunk = Chunk::of(&bytes[start..end], start, is_only, ends, reading)?;
            read[index].get_or_init(|| chunk);
            Ok(())
        })?;
        let (mut cuts, mut nodes) = (BTreeMap::new(), Vec::with_capacity(chunks));
        let mut crc32 = crc32fast::Hasher::new();
        for chunk in read.into_iter().filter_map(OnceLock::into_inner) {
            for (start, cut) in chunk.cuts {
                crc32.combine(&cut);
                cuts.insert(start, cut);
            }
            nodes.push(chunk.node);
        }
        let whole = Sums {
            crc32: Crc32::new(crc32.finalize()),
            blake3: Blake3::new(root(&nodes)),
        };
        Ok(Self { cuts, whole })
    }

    /// The CRC-32 of one of the parts; outside of the bytes, that of nothing.
    pub fn part(&self, range: Range<usize>) -> Crc32 {
        let mut crc32 = crc32fast::Hasher::new();
        if range.start < range.end {
            for cut in self.cuts.range(range).map(|(_, cut)| cut) {
                crc32.combine(cut);
            }
        }
        Crc32::new(crc32.finalize())
    }

    /// Those of all bytes.
    pub const fn whole(&self) -> Sums {
        self.whole
    }
}

/// A chunk that was read.
#[derive(Debug)]
struct Chunk {
    cuts: Vec<(usize, crc32fast::Hasher)>,
    /// Its subtree, which is the root where it is the only one.
    node: ChainingValue,
}

impl Chunk {
    /// Reads the chunk that begins at `start`, which is cut at some places behind it.
    fn of(
        bytes: &[u8],
        start: usize,
        is_only: bool,
        ends: impl Iterator<Item = usize>,
        reading: Reading<'_>,
    ) -> Result<Self> {
        let step_bytes = reading.pace.piece_bytes().map_or(STEP_BYTES, |bytes| {
            usize::try_from(bytes).map_or(STEP_BYTES, |bytes| bytes.min(STEP_BYTES))
        });
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(start as u64);
        let (mut cuts, mut from) = (Vec::new(), 0);
        for end in ends.map(|end| end - start).chain([bytes.len()]) {
            let mut crc32 = crc32fast::Hasher::new();
            for step in bytes[from..end].chunks(step_bytes) {
                reading.take(step.len() as u64)?;
                crc32.update(step);
                hasher.update(step);
            }
            cuts.push((start + from, crc32));
            from = end;
        }
        let node = if is_only {
            hasher.finalize().into()
        } else {
            hasher.finalize_non_root()
        };
        Ok(Self { cuts, node })
    }
}

/// The root of the subtrees of some chunks, of which all but the last are full.
fn root(nodes: &[ChainingValue]) -> [u8; Blake3::BYTES] {
    match halves(nodes) {
        Ok((left, right)) => merge_subtrees_root(&merged(left), &merged(right), Mode::Hash).into(),
        Err(only) => only,
    }
}

fn merged(nodes: &[ChainingValue]) -> ChainingValue {
    match halves(nodes) {
        Ok((left, right)) => merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash),
        Err(only) => only,
    }
}

/// The left subtree is as large as it can be with something on its right.
fn halves(
    nodes: &[ChainingValue],
) -> std::result::Result<(&[ChainingValue], &[ChainingValue]), ChainingValue> {
    match nodes {
        [] => Err(ChainingValue::default()),
        [only] => Err(*only),
        _ => Ok(nodes.split_at(nodes.len().next_power_of_two() / 2)),
    }
}

/// Checksums that trail behind a reader: they take bytes that were just read, which are still in
/// the cache of the processor.
#[derive(Debug)]
pub struct TrailingSums<'a> {
    rest: &'a [u8],
    taken: usize,
    crc32: crc32fast::Hasher,
    blake3: blake3::Hasher,
}

impl<'a> TrailingSums<'a> {
    /// How far they lie behind, at most: what a core's own cache holds.
    const LAG_BYTES: usize = 64 << 10;

    /// Those of `bytes`, of which nothing was read.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            taken: 0,
            crc32: crc32fast::Hasher::new(),
            blake3: blake3::Hasher::new(),
        }
    }

    /// The reader has read all bytes before an offset.
    pub fn read_to(&mut self, offset: usize) {
        if offset.saturating_sub(self.taken) >= Self::LAG_BYTES {
            self.take(offset - self.taken);
        }
    }

    /// The checksums, for which the rest is read.
    pub fn finish(&mut self) -> Sums {
        self.take(self.rest.len());
        Sums {
            crc32: Crc32::new(self.crc32.clone().finalize()),
            blake3: self.blake3.finalize().into(),
        }
    }

    fn take(&mut self, length: usize) {
        let (front, rest) = self.rest.split_at(length.min(self.rest.len()));
        for step in front.chunks(STEP_BYTES) {
            self.crc32.update(step);
            self.blake3.update(step);
        }
        self.taken += front.len();
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    fn at_once(bytes: &[u8]) -> Sums {
        Sums {
            crc32: Crc32::of(bytes),
            blake3: Blake3::of(bytes),
        }
    }

    #[test]
    fn split_and_whole_agree() {
        let threads = Threads::new(NonZero::new(3).expect("not zero"));
        let rest = [0, 0, 0, 1, 70_000, 0, 1, 0, 1];
        for (chunks, rest) in rest.into_iter().enumerate() {
            let length = chunks * CHUNK_BYTES + rest;
            let bytes = bytes(length);
            assert_eq!(sums(&bytes, threads), at_once(&bytes), "{length}");
        }
    }

    #[test]
    fn parts_are_told_beside_the_whole() {
        let bytes = bytes(2 * CHUNK_BYTES + 900);
        let long = 100..CHUNK_BYTES + 300;
        let overlapping = [10..30, 20..25, 29..40, 30..30, long.clone(), 200..400];
        for parts in [
            &[][..],
            &overlapping,
            &[5..5, 5..9, 5..7],
            &[0..10, 10..bytes.len()],
            &[CHUNK_BYTES..CHUNK_BYTES + 1, 0..bytes.len()],
        ] {
            let reading = Reading::default();
            let sums = PartsSums::of(&bytes, parts.iter().cloned(), reading).expect("no end");
            for part in parts {
                let expected = Crc32::of(&bytes[part.clone()]);
                assert_eq!(sums.part(part.clone()), expected, "{part:?}");
            }
            assert_eq!(sums.whole(), at_once(&bytes), "{parts:?}");
        }
    }

    #[test]
    fn a_part_outside_of_the_bytes_is_of_nothing() {
        let parts = [9..12, Range { start: 3, end: 2 }];
        let sums = PartsSums::of(b"12345", parts.clone(), Reading::default()).expect("no end");
        for part in parts {
            assert_eq!(sums.part(part), Crc32::of(b""));
        }
    }

    #[test]
    fn what_trails_behind_a_reader_is_the_sums_of_all() {
        let lag = TrailingSums::LAG_BYTES;
        let bytes = bytes(3 * lag + 5);
        for step in [1, 1000, lag - 1, lag, lag + 1, bytes.len(), usize::MAX] {
            let mut sums = TrailingSums::of(&bytes);
            for offset in (0..bytes.len()).step_by(step) {
                sums.read_to(offset);
                assert!(offset - sums.taken < lag, "{step}");
            }
            sums.read_to(bytes.len() + 7);
            assert_eq!(sums.finish(), at_once(&bytes), "{step}");
        }
    }
}

//! CRC-32 of large slices, on all cores, and without a second look at bytes that are looked at
//! anyway: what is larger than the memory of a machine comes from the disk each time.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use apograph_format::Crc32;
use crc32fast::Hasher;

use crate::error::Result;
use crate::reading::Reading;

/// How many threads share a computation.
///
/// [`Threads::default`] is one for each core that the process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(NonZero<usize>);

impl Threads {
    /// The caller's own thread alone.
    pub const ONE: Self = Self(NonZero::<usize>::MIN);

    /// This many threads.
    pub const fn new(count: NonZero<usize>) -> Self {
        Self(count)
    }

    /// The number of threads.
    pub const fn get(self) -> usize {
        self.0.get()
    }

    /// Calls `work` once for each index below `count`, spread over the threads.
    pub fn for_each(self, count: usize, work: impl Fn(usize) + Sync) {
        let work = |index| {
            work(index);
            Ok::<(), Infallible>(())
        };
        let Ok(()) = self.try_for_each(count, work);
    }

    /// The same, until one fails.
    ///
    /// # Errors
    ///
    /// One of those of `work`.
    pub fn try_for_each<E: Send>(
        self,
        count: usize,
        work: impl Fn(usize) -> std::result::Result<(), E> + Sync,
    ) -> std::result::Result<(), E> {
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(None);
        let run = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                if let Err(error) = work(index) {
                    next.store(count, Ordering::Relaxed);
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.get().min(count) {
                // Where there is no thread to be had, the others do its work.
                drop(thread::Builder::new().spawn_scoped(scope, run));
            }
            run();
        });
        let failed = failed.into_inner();
        failed
            .unwrap_or_else(PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self(thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN))
    }
}

/// The CRC-32 of `bytes`, computed on all cores where they are many.
pub fn crc32(bytes: &[u8], threads: Threads) -> Crc32 {
    let reading = Reading {
        threads,
        ..Reading::default()
    };
    // Nobody interrupts it.
    read_crc32(bytes, reading).unwrap_or_else(|_| Crc32::of(bytes))
}

/// The CRC-32 of `bytes`, as a reading reads them.
///
/// # Errors
///
/// [`IoError::Interrupted`](crate::IoError::Interrupted).
pub fn read_crc32(bytes: &[u8], reading: Reading<'_>) -> Result<Crc32> {
    Ok(Crc32::new(hashed(bytes, reading)?.finalize()))
}

/// What has read some bytes, in pieces: large enough that combining costs nothing. At a pace, one
/// thread is enough.
fn hashed(bytes: &[u8], reading: Reading<'_>) -> Result<Hasher> {
    let piece_bytes = usize::try_from(reading.piece_bytes()).unwrap_or(usize::MAX);
    let threads = if reading.pace.is_unlimited() {
        reading.threads
    } else {
        Threads::ONE
    };
    let pieces = bytes.len().div_ceil(piece_bytes);
    let hashers: Vec<OnceLock<Hasher>> = (0..pieces).map(|_| OnceLock::new()).collect();
    threads.try_for_each(pieces, |index| {
        let start = index * piece_bytes;
        let piece = &bytes[start..bytes.len().min(start + piece_bytes)];
        reading.take(piece.len() as u64)?;
        let mut hasher = Hasher::new();
        hasher.update(piece);
        hashers[index].get_or_init(|| hasher);
        Ok(())
    })?;
    let mut whole = Hasher::new();
    for piece in hashers.iter().filter_map(OnceLock::get) {
        whole.combine(piece);
    }
    Ok(whole)
}

/// The CRC-32 of some bytes and of parts of them, for which each byte is read once.
///
/// A database image has a checksum for each of its sections, and its file has one for all.
pub struct PartsCrc32<'a> {
    bytes: &'a [u8],
    reading: Reading<'a>,
    /// What was read, by where it begins, with its length.
    read: BTreeMap<usize, (usize, Hasher)>,
}

impl<'a> PartsCrc32<'a> {
    /// The checksums of `bytes`, as a reading reads them.
    pub const fn of(bytes: &'a [u8], reading: Reading<'a>) -> Self {
        Self {
            bytes,
            reading,
            read: BTreeMap::new(),
        }
    }

    /// That of one part, which is read now; outside of the bytes, that of nothing.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub fn part(&mut self, range: Range<usize>) -> Result<Crc32> {
        let hasher = self.hashed(range.clone())?;
        let crc32 = Crc32::new(hasher.clone().finalize());
        if range.end <= self.bytes.len() {
            self.read.insert(range.start, (range.len(), hasher));
        }
        Ok(crc32)
    }

    /// That of all of them, for which what is in no part is read.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub fn whole(&self) -> Result<Crc32> {
        let mut whole = Hasher::new();
        let mut end = 0;
        for (&start, (length, hasher)) in &self.read {
            // What overlaps the part before it is read anew.
            if start >= end {
                whole.combine(&self.hashed(end..start)?);
                whole.combine(hasher);
                end = start + length;
            }
        }
        whole.combine(&self.hashed(end..self.bytes.len())?);
        Ok(Crc32::new(whole.finalize()))
    }

    fn hashed(&self, range: Range<usize>) -> Result<Hasher> {
        let bytes = self.bytes.get(range).unwrap_or_default();
        hashed(bytes, self.reading)
    }
}

/// A CRC-32 that trails behind a reader: it takes bytes that were just read, which are still in the
/// cache of the processor.
#[derive(Debug)]
pub struct TrailingCrc32<'a> {
    rest: &'a [u8],
    taken: usize,
    hasher: Hasher,
}

impl<'a> TrailingCrc32<'a> {
    /// How far it lies behind, at most: what a core's own cache holds.
    const LAG_BYTES: usize = 64 << 10;

    /// That of `bytes`, of which nothing was read.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            taken: 0,
            hasher: Hasher::new(),
        }
    }

    /// The reader has read all bytes before an offset.
    pub fn read_to(&mut self, offset: usize) {
        if offset.saturating_sub(self.taken) >= Self::LAG_BYTES {
            self.take(offset - self.taken);
        }
    }

    /// The checksum, for which the rest is read.
    pub fn finish(&mut self) -> Crc32 {
        self.take(self.rest.len());
        Crc32::new(self.hasher.clone().finalize())
    }

    fn take(&mut self, length: usize) {
        let (front, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.hasher.update(front);
        self.taken += front.len();
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK_BYTES: usize = 4 << 20;

    #[test]
    fn split_and_whole_agree() {
        let pattern = |length| (0..=250).cycle().take(length);
        for length in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17] {
            let bytes: Vec<u8> = pattern(length).collect();
            let threads = Threads::new(NonZero::new(3).expect("not zero"));
            assert_eq!(crc32(&bytes, threads), Crc32::of(&bytes), "{length}");
        }
    }

    #[test]
    fn the_whole_is_that_of_its_parts_and_of_what_is_between_them() {
        let bytes: Vec<u8> = (0..=250).cycle().take(2 * CHUNK_BYTES + 900).collect();
        let whole = Crc32::of(&bytes);
        let long = 100..CHUNK_BYTES + 300;
        let overlapping = [10..30, 20..25, 29..40, 30..30, long.clone(), 200..400];
        for parts in [
            &[][..],
            &overlapping,
            &[5..5, 5..9, 5..7],
            &[0..10, 10..bytes.len()],
        ] {
            let mut checksums = PartsCrc32::of(&bytes, Reading::default());
            for part in parts {
                let expected = Crc32::of(&bytes[part.clone()]);
                let found = checksums.part(part.clone()).expect("a part");
                assert_eq!(found, expected, "{part:?}");
            }
            assert_eq!(checksums.whole().expect("the whole"), whole, "{parts:?}");
        }
    }

    #[test]
    fn a_part_that_was_read_is_not_read_again_for_the_whole() {
        let mut checksums = PartsCrc32::of(b"123456789", Reading::default());
        checksums.part(2..6).expect("a part");
        checksums.bytes = b"12xxxx789";
        let whole = checksums.whole().expect("the whole");
        assert_eq!(whole, Crc32::of(b"123456789"));
    }

    #[test]
    fn what_trails_behind_a_reader_is_the_checksum_of_all() {
        let lag = TrailingCrc32::LAG_BYTES;
        let bytes: Vec<u8> = (0..=250).cycle().take(3 * lag + 5).collect();
        for step in [1, 1000, lag - 1, lag, lag + 1, bytes.len(), usize::MAX] {
            let mut checksum = TrailingCrc32::of(&bytes);
            for offset in (0..bytes.len()).step_by(step) {
                checksum.read_to(offset);
                assert!(offset - checksum.taken < lag, "{step}");
            }
            checksum.read_to(bytes.len() + 7);
            assert_eq!(checksum.finish(), Crc32::of(&bytes), "{step}");
        }
    }
}

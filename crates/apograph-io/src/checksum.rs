//! CRC-32 of large slices, on all cores.

use std::convert::Infallible;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use apograph_format::Crc32;
use crc32fast::Hasher;

/// Bytes that one thread takes at a time: large enough that combining costs nothing.
const CHUNK_BYTES: usize = 4 << 20;

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

    /// One fewer, for who has another thread at work beside these; at least one.
    #[must_use]
    pub const fn but_one(self) -> Self {
        match NonZero::new(self.0.get() - 1) {
            Some(count) => Self(count),
            None => self,
        }
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
        work: impl Fn(usize) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
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
        // To find out reads some files.
        static CORES: OnceLock<NonZero<usize>> = OnceLock::new();
        let found = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self(*CORES.get_or_init(found))
    }
}

/// The CRC-32 of `bytes`, computed on all cores where they are many.
pub fn crc32(bytes: &[u8], threads: Threads) -> Crc32 {
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK_BYTES).collect();
    let hashers: Vec<OnceLock<Hasher>> = chunks.iter().map(|_| OnceLock::new()).collect();
    threads.for_each(chunks.len(), |index| {
        let mut hasher = Hasher::new();
        hasher.update(chunks[index]);
        hashers[index].get_or_init(|| hasher);
    });
    let mut whole = Hasher::new();
    for chunk in hashers.iter().filter_map(OnceLock::get) {
        whole.combine(chunk);
    }
    Crc32::new(whole.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_and_whole_agree() {
        let pattern = |length| (0..=250).cycle().take(length);
        for length in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17] {
            let bytes: Vec<u8> = pattern(length).collect();
            let threads = Threads::new(NonZero::new(3).expect("not zero"));
            assert_eq!(crc32(&bytes, threads), Crc32::of(&bytes), "{length}");
        }
    }
}

//! CRC-32 of large slices on all cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use apograph_format::Crc32;

use crate::pace::Pace;

/// Bytes that one thread takes at a time: large enough that combining costs nothing.
const CHUNK_BYTES: usize = 4 << 20;

/// How many threads share a computation.
///
/// [`Threads::default`] is one for each core that the process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(NonZero<usize>);

impl Threads {
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
        let next = AtomicUsize::new(0);
        let run = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                work(index);
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.get().min(count) {
                // Where there is no thread to be had, the others do its work.
                drop(thread::Builder::new().spawn_scoped(scope, run));
            }
            run();
        });
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self(thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN))
    }
}

/// The CRC-32 of `bytes`, computed on all cores where they are many.
pub fn crc32(bytes: &[u8], threads: Threads) -> Crc32 {
    if bytes.len() <= CHUNK_BYTES || threads.get() == 1 {
        return Crc32::of(bytes);
    }
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK_BYTES).collect();
    let parts: Vec<std::sync::OnceLock<crc32fast::Hasher>> =
        chunks.iter().map(|_| std::sync::OnceLock::new()).collect();
    threads.for_each(chunks.len(), |index| {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(chunks[index]);
        parts[index].get_or_init(|| hasher);
    });
    let mut whole = crc32fast::Hasher::new();
    for part in parts.iter().filter_map(std::sync::OnceLock::get) {
        whole.combine(part);
    }
    Crc32::new(whole.finalize())
}

/// The CRC-32 of `bytes`, read no faster than a pace allows.
pub fn crc32_at_pace(bytes: &[u8], threads: Threads, pace: &Pace) -> Crc32 {
    let piece = pace.piece_bytes().map(usize::try_from);
    let Some(Ok(piece_bytes)) = piece else {
        return crc32(bytes, threads);
    };
    let mut hasher = crc32fast::Hasher::new();
    for piece in bytes.chunks(piece_bytes) {
        pace.take(piece.len() as u64);
        hasher.update(piece);
    }
    Crc32::new(hasher.finalize())
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

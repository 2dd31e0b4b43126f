//! CRC-32 of large slices, on all cores.

use std::sync::OnceLock;

use apograph_format::Crc32;
use crc32fast::Hasher;

use crate::threads::Threads;

/// Bytes that one thread takes at a time: large enough that combining costs nothing.
const CHUNK_BYTES: usize = 4 << 20;

/// The CRC-32 of `bytes`, computed on several threads where they are many.
pub fn crc32(bytes: &[u8], threads: &Threads) -> Crc32 {
    if bytes.len() <= CHUNK_BYTES {
        return Crc32::of(bytes);
    }
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK_BYTES).collect();
    let sums: Vec<OnceLock<Hasher>> = chunks.iter().map(|_| OnceLock::new()).collect();
    threads.for_each(chunks.len(), |index| {
        let mut hasher = Hasher::new();
        hasher.update(chunks[index]);
        sums[index].get_or_init(|| hasher);
    });
    let mut whole = Hasher::new();
    for chunk in sums.iter().filter_map(OnceLock::get) {
        whole.combine(chunk);
    }
    Crc32::new(whole.finalize())
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use super::*;

    #[test]
    fn split_and_whole_agree() {
        let pattern = |length| (0..=250).cycle().take(length);
        for length in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17] {
            let bytes: Vec<u8> = pattern(length).collect();
            for threads in [1, 3] {
                let threads = Threads::new(NonZero::new(threads).expect("not zero"));
                assert_eq!(crc32(&bytes, &threads), Crc32::of(&bytes), "{length}");
            }
        }
    }
}

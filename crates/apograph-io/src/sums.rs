//! Both checksums of a file in one pass over its bytes, on all cores: the CRC-32, which the
//! engine's formats have, and the strong hash.
//!
//! Bytes are read a step at a time, which stays in a core's own cache for the second of the two.
//! BLAKE3 is a tree over chunks of 1 KiB: chunks of a power of two of them, at a multiple of their
//! size, are whole subtrees, which threads compute apart and which are merged at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use apograph_format::{Blake3, Crc32};
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::context::Context;
use crate::error::{IoError, Result};
use crate::source::{Bytes, Window};
use crate::threads::{Tasks, Threads};

/// Bytes that one thread takes at a time: large enough that merging costs nothing.
const CHUNK_BYTES: usize = 2 << 20;
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
    /// Those of `bytes` in memory, on the caller's own thread.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            crc32: Crc32::of(bytes),
            blake3: Blake3::of(bytes),
        }
    }
}

/// The checksums of some bytes, read as a context says.
///
/// # Errors
///
/// As [`Bytes::read`], and [`IoError::Interrupted`](crate::IoError::Interrupted).
pub fn sums<'a>(bytes: impl Into<Bytes<'a>>, context: Context<'_>) -> Result<Sums> {
    Ok(PartsSums::of(bytes, [], context)?.whole())
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
    /// As [`sums`].
    pub fn of<'a>(
        bytes: impl Into<Bytes<'a>>,
        parts: impl IntoIterator<Item = Range<usize>>,
        context: Context<'_>,
    ) -> Result<Self> {
        let threads = if context.pace.is_unlimited() {
            context.threads
        } else {
            &Threads::ONE
        };
        let ends = parts.into_iter().flat_map(|part| [part.start, part.end]);
        let chunks = Chunks::of(bytes.into(), ends.collect(), &|_, _| Ok(()));
        let read = threads.try_for_each(chunks.count(), |index| chunks.read(index, context));
        match read {
            Ok(()) | Err(Unread) => chunks.sums(),
        }
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

/// The checksums of some bytes that somebody reads: they are computed right after, while what was
/// read is still in memory, by other threads, at no pace.
///
/// The reader takes a share where the others cannot follow; on one thread, all of it. Where the
/// reader fails, or the reading is interrupted, the rest is not read.
///
/// # Errors
///
/// That of `read`, and as [`sums`]: the first one in the bytes.
pub fn sums_behind<'a, R, E: From<IoError>>(
    bytes: impl Into<Bytes<'a>>,
    context: Context<'_>,
    read: impl FnOnce(&SumsBehind<'_>) -> std::result::Result<R, E>,
) -> std::result::Result<(R, Sums), E> {
    checked_behind(bytes.into(), context, &|_, _| Ok(()), read)
}

/// The same, where each step of the bytes is checked too, with its offset, in no order.
pub(crate) fn checked_behind<R, E: From<IoError>>(
    bytes: Bytes<'_>,
    context: Context<'_>,
    check: &Check<'_>,
    read: impl FnOnce(&SumsBehind<'_>) -> std::result::Result<R, E>,
) -> std::result::Result<(R, Sums), E> {
    let followers = Followers::of(Chunks::of(bytes, BTreeSet::new(), check), context);
    let read = followers.threads().scope(|tasks| {
        let read_to = |offset| followers.read_to(offset, tasks);
        let read = read(&SumsBehind(&read_to));
        if read.is_ok() {
            read_to(usize::MAX);
        } else {
            followers.limit.store(0, Ordering::Relaxed);
        }
        read
    })?;
    Ok((read, followers.chunks.sums()?.whole()))
}

/// So many chunks for each other thread may be read and not summed yet.
const LAG_CHUNKS: usize = 8;

/// The computation that [`sums_behind`] a reader does.
pub struct SumsBehind<'a>(&'a (dyn Fn(usize) + Sync));

impl SumsBehind<'_> {
    /// The reader has read all bytes before an offset.
    pub fn read_to(&self, offset: usize) {
        (self.0)(offset);
    }
}

/// Those who sum what a reader has read, chunk after chunk.
struct Followers<'a> {
    chunks: Chunks<'a>,
    context: Context<'a>,
    /// How many chunks the reader has read.
    readable: AtomicUsize,
    /// From which chunk on none is needed.
    limit: AtomicUsize,
}

impl<'a> Followers<'a> {
    fn of(chunks: Chunks<'a>, context: Context<'a>) -> Self {
        Self {
            chunks,
            context: context.again(),
            readable: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
        }
    }

    /// Who is worth it for so many chunks.
    fn threads(&self) -> &'a Threads {
        if self.chunks.count() > 1 {
            self.context.threads
        } else {
            &Threads::ONE
        }
    }

    fn read_to<'s>(&'s self, offset: usize, tasks: &Tasks<'_, 's>) {
        let readable = (offset / CHUNK_BYTES).min(self.chunks.count());
        let before = self.readable.fetch_max(readable, Ordering::Relaxed);
        if readable <= before {
            return;
        }
        for index in before..readable {
            tasks.spawn(move || {
                let is_needed = index < self.limit.load(Ordering::Relaxed);
                if is_needed && self.chunks.read(index, self.context).is_err() {
                    self.limit.fetch_min(index, Ordering::Relaxed);
                }
            });
        }
        let lag_chunks = (self.context.threads.get() - 1) * LAG_CHUNKS;
        while tasks.waiting() > lag_chunks && tasks.help() {}
    }
}

/// What else is asked of bytes that are read, which begin at an offset.
pub(crate) type Check<'a> = dyn Fn(usize, &[u8]) -> Result<()> + Sync + 'a;

/// The chunks of some bytes, which threads take one by one.
struct Chunks<'a> {
    bytes: Bytes<'a>,
    check: &'a Check<'a>,
    /// Where a chunk is cut in two.
    ends: BTreeSet<usize>,
    read: Vec<OnceLock<Result<Chunk>>>,
}

/// A chunk could not be read; why is where the chunk would be.
struct Unread;

/// A chunk that was read.
#[derive(Debug)]
struct Chunk {
    cuts: Vec<(usize, crc32fast::Hasher)>,
    /// Its subtree, which is the root where it is the only one.
    node: ChainingValue,
}

impl<'a> Chunks<'a> {
    fn of(bytes: Bytes<'a>, ends: BTreeSet<usize>, check: &'a Check<'a>) -> Self {
        let chunks = bytes.len().div_ceil(CHUNK_BYTES).max(1);
        Self {
            bytes,
            check,
            ends,
            read: (0..chunks).map(|_| OnceLock::new()).collect(),
        }
    }

    fn count(&self) -> usize {
        self.read.len()
    }

    /// Reads one that nobody has read.
    fn read(&self, index: usize, context: Context<'_>) -> std::result::Result<(), Unread> {
        let chunk = || self.chunk(index * CHUNK_BYTES, context);
        match self.read[index].get_or_init(chunk) {
            Ok(_) => Ok(()),
            Err(_) => Err(Unread),
        }
    }

    fn chunk(&self, start: usize, context: Context<'_>) -> Result<Chunk> {
        let step_bytes = context.pace.piece_bytes().map_or(STEP_BYTES, |bytes| {
            usize::try_from(bytes).map_or(STEP_BYTES, |bytes| bytes.min(STEP_BYTES))
        });
        let end = self.bytes.len().min(start + CHUNK_BYTES);
        let ends = self.ends.range(start..end).copied();
        let ends = ends.filter(|&cut| cut > start).chain([end]);
        let mut window = Window::of(self.bytes.slice(start..end));
        let mut blake3 = blake3::Hasher::new();
        blake3.set_input_offset(start as u64);
        let (mut cuts, mut from) = (Vec::new(), start);
        for end in ends {
            let mut crc32 = crc32fast::Hasher::new();
            let mut at = from;
            while at < end {
                let length = step_bytes.min(end - at);
                context.take(length as u64)?;
                let step = &window.at(at - start, length)?[..length];
                (self.check)(at, step)?;
                crc32.update(step);
                blake3.update(step);
                at += length;
            }
            cuts.push((from, crc32));
            from = end;
        }
        let node = if self.count() == 1 {
            blake3.finalize().into()
        } else {
            blake3.finalize_non_root()
        };
        Ok(Chunk { cuts, node })
    }

    /// What all of them make together, or the first error in the bytes.
    fn sums(self) -> Result<PartsSums> {
        let (mut cuts, mut nodes) = (BTreeMap::new(), Vec::with_capacity(self.count()));
        let mut crc32 = crc32fast::Hasher::new();
        for chunk in self.read.into_iter().filter_map(OnceLock::into_inner) {
            let chunk = chunk?;
            for (start, cut) in chunk.cuts {
                crc32.combine(&cut);
                if !self.ends.is_empty() {
                    cuts.insert(start, cut);
                }
            }
            nodes.push(chunk.node);
        }
        let whole = Sums {
            crc32: Crc32::new(crc32.finalize()),
            blake3: Blake3::new(root(&nodes)),
        };
        Ok(PartsSums { cuts, whole })
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

#[cfg(test)]
mod tests {
    use std::num::NonZero;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::monitor::Monitor;

    fn bytes(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
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

    #[test]
    fn split_and_whole_agree() {
        let rest = [0, 0, 0, 1, 70_000, 0, 1, 0, 1];
        for (chunks, rest) in rest.into_iter().enumerate() {
            let bytes = bytes(chunks * CHUNK_BYTES + rest);
            let found = sums(&bytes, by(&threads(3))).expect("in memory");
            assert_eq!(found, Sums::of(&bytes), "{chunks}");
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
            let sums = PartsSums::of(&bytes, parts.iter().cloned(), by(&threads(3)));
            let sums = sums.expect("in memory");
            for part in parts {
                let expected = Crc32::of(&bytes[part.clone()]);
                assert_eq!(sums.part(part.clone()), expected, "{part:?}");
            }
            assert_eq!(sums.whole(), Sums::of(&bytes), "{parts:?}");
        }
    }

    #[test]
    fn a_part_outside_of_the_bytes_is_of_nothing() {
        let parts = [9..12, Range { start: 3, end: 2 }];
        let sums = PartsSums::of(b"12345", parts.clone(), by(&threads(1))).expect("in memory");
        for part in parts {
            assert_eq!(sums.part(part), Crc32::of(b""));
        }
    }

    #[test]
    fn what_is_computed_behind_a_reader_is_the_sums_of_all() {
        let bytes = bytes(3 * CHUNK_BYTES + 5);
        for threads in [1, 3].map(threads) {
            for step in [1 << 16, CHUNK_BYTES - 1, CHUNK_BYTES, bytes.len()] {
                let (read, sums) = sums_behind(&bytes, by(&threads), |behind| {
                    let reads = (0..bytes.len()).step_by(step);
                    Ok::<_, IoError>(reads.map(|offset| behind.read_to(offset)).count())
                })
                .expect("in memory");
                assert_eq!(read, bytes.len().div_ceil(step));
                assert_eq!(sums, Sums::of(&bytes), "{step}");
            }
        }
    }

    #[test]
    fn nothing_is_summed_that_was_not_read_and_no_reader_runs_far_ahead() {
        let bytes = bytes(20 * CHUNK_BYTES);
        for (count, lag) in [(1, 0), (2, 8)] {
            let threads = threads(count);
            let chunks = Chunks::of((&bytes).into(), BTreeSet::new(), &|_, _| Ok(()));
            let followers = Followers::of(chunks, by(&threads));
            threads.scope(|tasks| {
                for chunk in 0..=20 {
                    followers.read_to(chunk * CHUNK_BYTES, tasks);
                    let summed = chunk - tasks.waiting();
                    assert!((chunk.saturating_sub(lag)..=chunk).contains(&summed));
                }
            });
            let found = followers.chunks.sums().expect("in memory").whole();
            assert_eq!(found, Sums::of(&bytes));
        }
    }

    #[test]
    fn the_first_error_in_the_bytes_is_told_whichever_comes_first() {
        const LATER: usize = 2 * CHUNK_BYTES;
        let bytes = bytes(4 * CHUNK_BYTES);
        let threads = threads(2);
        let later_failed = AtomicBool::new(false);
        let failed = |offset: usize| {
            Err(IoError::EndedEarly {
                path: "file".into(),
                expected: 0,
                read: offset as u64,
            })
        };
        let check = |offset, _: &[u8]| match offset {
            CHUNK_BYTES => {
                while !later_failed.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                failed(offset)
            }
            LATER => {
                later_failed.store(true, Ordering::Relaxed);
                failed(offset)
            }
            _ => Ok(()),
        };
        let end = checked_behind((&bytes).into(), by(&threads), &check, |_| {
            Ok::<_, IoError>(())
        });
        let first = CHUNK_BYTES as u64;
        assert!(matches!(end, Err(IoError::EndedEarly { read, .. }) if read == first));
    }

    #[test]
    fn where_the_reader_fails_nothing_more_is_read() {
        let bytes = bytes(9 * CHUNK_BYTES);
        for threads in [1, 3].map(threads) {
            let end = sums_behind(&bytes, by(&threads), |behind| {
                behind.read_to(CHUNK_BYTES);
                Err::<(), _>(IoError::Interrupted)
            });
            assert!(matches!(end, Err(IoError::Interrupted)));
        }
    }

    struct Ended(AtomicBool);

    impl Monitor for Ended {
        fn is_interrupted(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn what_is_interrupted_ends() {
        let bytes = bytes(9 * CHUNK_BYTES);
        for threads in [1, 3].map(threads) {
            let monitor = Ended(AtomicBool::new(false));
            let context = Context {
                monitor: &monitor,
                ..by(&threads)
            };
            let end = sums_behind(&bytes, context, |behind| {
                monitor.0.store(true, Ordering::Relaxed);
                behind.read_to(usize::MAX);
                Ok::<_, IoError>(())
            });
            assert!(matches!(end, Err(IoError::Interrupted)));
            let end = sums(&bytes, context);
            assert!(matches!(end, Err(IoError::Interrupted)));
        }
    }
}

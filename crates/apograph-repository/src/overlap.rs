//! What a segment of the engine repeats of the segments before it.
//!
//! In generation 2 the LSNs tell. What follows is about generation 1: the engine captures whole log
//! files. Where apograph captured the front of a file before, the engine's increment begins with
//! those bytes again. The repeated part is a run of whole groups at the end of the log so far, and
//! stands byte for byte at the front of the new body.

use std::sync::atomic::{AtomicUsize, Ordering};

use apograph_io::{Bytes, IoError, Result, Threads, Window};
use apograph_wal::{GroupReader, LogEvent, LogPart};
use memchr::memmem::Finder;

/// So many bytes at the front of a body are looked for: more than a frame's length and checksum.
const FRONT_BYTES: usize = 64;
/// So many bytes are searched by one thread at a time.
const CHUNK_BYTES: usize = 4 << 20;

/// How many bytes at the front of `body` repeat the end of the log in `before`.
///
/// `before` are the bodies of the segments before it, newest last. Nearly always nothing is
/// repeated: then its front stands nowhere in them, and no group of theirs is read for that.
pub(crate) fn overlap_bytes(
    before: &[LogPart<'_>],
    body: Bytes<'_>,
    threads: &Threads,
) -> Result<u64> {
    let front = body.slice(0..FRONT_BYTES).read()?;
    let mut longest = 0;
    for first in (0..before.len()).rev() {
        let later = before.get(first + 1..).unwrap_or_default();
        let Some(part) = before.get(first) else {
            break;
        };
        let Some(found) = find_front(part.bytes, &front, threads)? else {
            continue;
        };
        let starts = group_starts(part)?.into_iter();
        for start in starts.filter(|start| *start >= found) {
            let tail = part.bytes.skip(start);
            if let Some(length) = prefix_of(tail, later, body)? {
                longest = longest.max(length);
                break;
            }
        }
    }
    Ok(longest as u64)
}

/// The first place at which bytes are as a front, as far as they go on there.
fn find_front(bytes: Bytes<'_>, front: &[u8], threads: &Threads) -> Result<Option<usize>> {
    let found = AtomicUsize::new(usize::MAX);
    let finder = Finder::new(front);
    threads.try_for_each(bytes.len().div_ceil(CHUNK_BYTES), |chunk| {
        let (mut offset, end) = (chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
        let mut window = Window::of(bytes.slice(0..end.saturating_add(front.len())));
        while offset < end {
            let seen = window.at(offset, front.len())?;
            if let Some(at) = finder.find(seen) {
                found.fetch_min(offset.saturating_add(at), Ordering::Relaxed);
                break;
            }
            if seen.len() <= front.len() {
                break;
            }
            offset = offset.saturating_add(seen.len() - front.len());
        }
        Ok::<_, IoError>(())
    })?;
    let last = bytes.len().saturating_sub(front.len());
    let end = bytes.skip(last).read()?;
    let short = (0..end.len()).find(|at| front.starts_with(end.get(*at..).unwrap_or_default()));
    let short = short.map_or(usize::MAX, |at| last.saturating_add(at));
    let found = found.into_inner().min(short);
    Ok((found < bytes.len()).then_some(found))
}

fn group_starts(part: &LogPart<'_>) -> Result<Vec<usize>> {
    let parts = [*part];
    let starts = GroupReader::new(&parts).map(|event| {
        Ok(match event? {
            LogEvent::Group(group) => group.start.offset,
            LogEvent::Seal { run }
            | LogEvent::LeadingEpoch { run, .. }
            | LogEvent::SyncMarker { run } => run.start,
        })
    });
    starts.collect()
}

fn prefix_of(tail: Bytes<'_>, later: &[LogPart<'_>], body: Bytes<'_>) -> Result<Option<usize>> {
    let mut length = 0;
    for bytes in [tail]
        .into_iter()
        .chain(later.iter().map(|part| part.bytes))
    {
        let end = length + bytes.len();
        if !body.slice(length..end).equal(bytes)? {
            return Ok(None);
        }
        length = end;
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(transaction: u8) -> Vec<u8> {
        let payload = [0x23, transaction];
        let mut frame = vec![2, 0, 0, 0];
        frame.extend(payload);
        frame.extend(apograph_format::Crc32::of(&payload).get().to_le_bytes());
        frame
    }

    #[test]
    fn the_longest_run_of_whole_groups_counts() {
        let log: Vec<Vec<u8>> = (2..8).map(commit).collect();
        let older = log[..2].concat();
        let newer = log[2..4].concat();
        let part = |bytes| LogPart::of_file(apograph_format::LogSequence::default(), 32, bytes);
        let before = [part(older.as_slice()), part(newer.as_slice())];
        let rows = [
            (log[1..].concat(), 30),
            (log[..].concat(), 40),
            (log[3..].concat(), 10),
            (log[4..].concat(), 0),
            (log[4][..4].to_vec(), 0),
            (log[1..3].concat(), 0),
        ];
        for (body, expected) in rows {
            let found = overlap_bytes(&before, (&body).into(), &Threads::ONE);
            assert_eq!(found.expect("bytes in memory"), expected);
        }
    }

    #[test]
    fn a_front_is_found_wherever_it_begins() {
        let front: Vec<u8> = (1..=64).collect();
        for start in [
            0,
            1,
            CHUNK_BYTES - 64,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            2 * CHUNK_BYTES + 5,
            3 * CHUNK_BYTES - 64,
            3 * CHUNK_BYTES - 63,
            3 * CHUNK_BYTES - 1,
        ] {
            let mut bytes = vec![0; 3 * CHUNK_BYTES];
            let rest = &mut bytes[start..];
            let length = rest.len().min(front.len());
            rest[..length].copy_from_slice(&front[..length]);
            for threads in [&Threads::ONE, &Threads::default()] {
                let found = find_front((&bytes).into(), &front, threads);
                assert_eq!(found.expect("bytes in memory"), Some(start));
            }
        }
        let bytes = vec![0; CHUNK_BYTES + 1];
        let found = find_front((&bytes).into(), &front, &Threads::default());
        assert_eq!(found.expect("bytes in memory"), None);
    }
}

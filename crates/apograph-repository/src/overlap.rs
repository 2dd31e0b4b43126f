//! What a segment of the engine repeats of the segments before it.
//!
//! In generation 2 the LSNs tell. What follows is about generation 1: the engine captures whole log
//! files. Where apograph captured the front of a file before, the engine's increment begins with
//! those bytes again. The repeated part is a run of whole groups at the end of the log so far, and
//! stands byte for byte at the front of the new body.

use apograph_io::{Bytes, Result};
use apograph_wal::{GroupReader, LogEvent, LogPart};

/// How many bytes at the front of `body` repeat the end of the log in `before`.
///
/// `before` are the bodies of the segments before it, newest last.
pub(crate) fn overlap_bytes(before: &[LogPart<'_>], body: Bytes<'_>) -> Result<u64> {
    let mut longest = 0;
    for first in (0..before.len()).rev() {
        let later = before.get(first + 1..).unwrap_or_default();
        let Some(part) = before.get(first) else {
            break;
        };
        for start in group_starts(part)? {
            let tail = part.bytes.skip(start);
            if let Some(length) = prefix_of(tail, later, body)? {
                longest = longest.max(length);
                break;
            }
        }
    }
    Ok(longest as u64)
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
            let found = overlap_bytes(&before, (&body).into());
            assert_eq!(found.expect("bytes in memory"), expected);
        }
    }
}

//! Which increments of a chain are merged into one, and what is then known of it.
//!
//! Small increments are what a backup every second leaves. They are merged by windows of time: those
//! that were captured in the same 30 seconds, once these are over, then in the same 5 minutes, the
//! same hour, the same day. A window lies in the next larger one, so what was merged for one is an
//! increment like another for the next, and is read four times at most.
//!
//! A merged increment says all that its inputs said, and no answer changes. So neighbours are joined
//! only where no answer hangs on the place between them (FORMAT.md, "Merged segments").

use std::ops::Range;

use apograph_format::{Epoch, Generation, Lsn, SEGMENT_HEADER_BYTES, UnixMillis};

use crate::captures::{Capture, Captures};
use crate::content::{IncrementContent, IncrementOf, LsnIncrement, TimeSpan};
use crate::entry::ChainEntry;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// In milliseconds, counted from 1970 on; the longest first. Each is a whole number of the next.
const WINDOWS: [u64; 4] = [24 * HOUR, HOUR, 5 * MINUTE, 30 * SECOND];
/// No more are in one increment: its record and its change of a catalog stay small enough.
const CAPTURES_MAX: usize = 100_000;

/// The increments of a chain that are to be merged at a time, as ranges of its entries: those that
/// were captured in the same window, the longest that is over by then.
///
/// The last entry stays as it is: the next backup goes on from it.
pub fn merges(entries: &[ChainEntry], now: UnixMillis) -> Vec<Range<usize>> {
    let images = entries.iter().filter_map(|it| it.full()?.start_lsn());
    let mut images: Vec<Lsn> = images.collect();
    images.sort_unstable();
    let window = |entry: &ChainEntry| window_of(entry.segment.created_at, now);
    let is_joined = |before: &ChainEntry, after: &ChainEntry| {
        window(before).is_some_and(|it| window(after) == Some(it))
            && may_join(before, after)
            && !is_image_between(&images, before, after)
    };
    let inner = entries.split_last().map_or(&[][..], |(_, inner)| inner);
    let mut end = 0_usize;
    let groups = inner.chunk_by(is_joined).flat_map(bounded).map(|group| {
        let start = end;
        end = start.saturating_add(group.len());
        start..end
    });
    groups.filter(|group| group.len() > 1).collect()
}

/// The parts of a group that have no more captures than one increment may.
fn bounded(group: &[ChainEntry]) -> Vec<&[ChainEntry]> {
    let (mut parts, mut rest) = (Vec::new(), group);
    while !rest.is_empty() {
        let mut captures = 0_usize;
        let fits = rest.iter().take_while(|entry| {
            captures = captures.saturating_add(entry.captured().count());
            captures <= CAPTURES_MAX
        });
        let (part, others) = rest.split_at(fits.count().max(1));
        parts.push(part);
        rest = others;
    }
    parts
}

/// The longest window that an instant is in and that is over: how long it is, and its number.
fn window_of(instant: UnixMillis, now: UnixMillis) -> Option<(u64, u64)> {
    let windows = WINDOWS.iter().map(|length| {
        let number = instant.get().checked_div(*length).unwrap_or_default();
        (*length, number)
    });
    let mut windows = windows.into_iter();
    windows.find(|(length, number)| {
        let end = number.saturating_add(1).saturating_mul(*length);
        end <= now.get()
    })
}

/// Generation 2: whether the log after some image begins between the starts of two increments, so
/// that only the commits of the first one are known to be in the image.
fn is_image_between(images: &[Lsn], before: &ChainEntry, after: &ChainEntry) -> bool {
    let start = |entry: &ChainEntry| Some(entry.increment()?.lsns()?.range.start);
    let (Some(first), Some(next)) = (start(before), start(after)) else {
        return false;
    };
    let image = images.partition_point(|image| *image <= first);
    images.get(image).is_some_and(|image| *image <= next)
}

/// Whether a segment can be merged with the one right after it.
pub fn may_join(before: &ChainEntry, after: &ChainEntry) -> bool {
    let (Some(first), Some(next)) = (before.increment(), after.increment()) else {
        return false;
    };
    [before, after]
        .iter()
        .all(|it| it.unusable.is_none() && it.is_counted)
        && after.hole.is_none()
        && [first, next].iter().all(|it| is_plain(it))
        && first.continues == next.continues
        && is_same_process(first, next)
        && goes_on(before, first, after, next)
}

/// Whether nothing is said of an increment's place beside other segments.
fn is_plain(increment: &IncrementContent) -> bool {
    let is_placed = |log: &LsnIncrement| log.diverges || log.spans;
    !increment.repeats && !increment.catches_up && !increment.lsns().is_some_and(is_placed)
}

/// Whether both are of one timeline, and of one process as far as that is known.
fn is_same_process(first: &IncrementContent, next: &IncrementContent) -> bool {
    match (&first.stretches[..], &next.stretches[..]) {
        ([one], [other]) => one.timeline == other.timeline && !other.opens && !first.process_ended,
        _ => false,
    }
}

/// Whether the log of one goes on in the other.
fn goes_on(
    before: &ChainEntry,
    first: &IncrementContent,
    after: &ChainEntry,
    next: &IncrementContent,
) -> bool {
    let are_linked = || Some(after.segment.start_epoch) == before.segment.end_epoch.next();
    match (&first.of, &next.of) {
        (IncrementOf::Unplaced, IncrementOf::Unplaced) => {
            before.generation() == Some(Generation::One)
                && after.generation() == Some(Generation::One)
                && are_linked()
        }
        (IncrementOf::Files(one), IncrementOf::Files(other)) => {
            one.end == other.start && are_linked()
        }
        (IncrementOf::Lsns(one), IncrementOf::Lsns(other)) => {
            other.range.start <= one.range.end
                && one.range.end < other.range.end
                && one.is_encrypted == other.is_encrypted
        }
        _ => false,
    }
}

/// What is known of the increment that others are merged into, but for its file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergedIncrement {
    /// That of the first.
    pub start_epoch: Epoch,
    /// That of the last.
    pub end_epoch: Epoch,
    /// Generation 2: that of the last.
    pub end_lsn: Option<Lsn>,
    /// When the last one was captured.
    pub created_at: UnixMillis,
    /// What is in it.
    pub content: IncrementContent,
}

impl MergedIncrement {
    /// What increments are merged into that stand one after the other in a chain; `None` where two
    /// of them cannot be joined, or there is none.
    pub fn of(entries: &[ChainEntry]) -> Option<Self> {
        let (first, rest) = entries.split_first()?;
        let mut content = first.increment()?.clone();
        let mut captures = Vec::new();
        add_captures(&mut captures, first, 0)?;
        let mut before = first;
        for entry in rest {
            if !may_join(before, entry) {
                return None;
            }
            add(&mut content, entry.increment()?);
            add_captures(&mut captures, entry, repeated_bytes(before, entry)?)?;
            before = entry;
        }
        content.captures = Captures::from(captures);
        Some(Self {
            start_epoch: first.segment.start_epoch,
            end_epoch: before.segment.end_epoch,
            end_lsn: before.segment.end_lsn,
            created_at: before.segment.created_at,
            content,
        })
    }
}

/// How many bytes at the front of an increment's log repeat that of the increment before it; `None`
/// where one of them is none.
pub fn repeated_bytes(before: &ChainEntry, after: &ChainEntry) -> Option<u64> {
    let (first, next) = (before.increment()?, after.increment()?);
    Some(match (first.lsns(), next.lsns()) {
        (Some(first), Some(next)) => first.range.end.distance_from(next.range.start),
        _ => next.overlap_bytes,
    })
}

/// How many bytes of a log an increment has, with those that it repeats.
fn logged_bytes(entry: &ChainEntry) -> Option<u64> {
    if let Some(log) = entry.increment()?.lsns() {
        return Some(log.range.end.distance_from(log.range.start));
    }
    let header = SEGMENT_HEADER_BYTES as u64;
    entry.segment.size_bytes.checked_sub(header)
}

/// Adds the captures of an increment, of which so many bytes at the front are left out.
fn add_captures(captures: &mut Vec<Capture>, entry: &ChainEntry, skipped: u64) -> Option<()> {
    let before = captures.last().map_or(0, |last| last.end);
    let end = logged_bytes(entry)?;
    for capture in entry.captured() {
        let own = capture.end.min(end).saturating_sub(skipped);
        captures.push(Capture {
            end: before.saturating_add(own),
            at: capture.at,
        });
    }
    Some(())
}

/// Adds what is known of an increment to what is known of those before it.
fn add(content: &mut IncrementContent, next: &IncrementContent) {
    match (&mut content.of, &next.of) {
        (IncrementOf::Files(range), IncrementOf::Files(next)) => range.end = next.end,
        (IncrementOf::Lsns(log), IncrementOf::Lsns(next)) => {
            log.range.end = next.range.end;
            log.committed = match (log.committed, next.committed) {
                (Some(span), Some(next)) => Some(TimeSpan::with(Some(span), next.last)),
                (span, next) => span.or(next),
            };
        }
        _ => {}
    }
    for (span, next) in content.stretches.iter_mut().zip(&next.stretches) {
        span.epochs.extend(&next.epochs);
        span.further.extend(&next.further);
        span.transactions.extend(&next.transactions);
    }
    content.process_ended = next.process_ended;
    content.commits = content.commits.saturating_add(next.commits);
    content.records = content.records.saturating_add(next.records);
    content.frames = content.frames.saturating_add(next.frames);
}

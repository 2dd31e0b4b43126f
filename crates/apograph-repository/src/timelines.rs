//! The timeline between two segments, from their records alone.

use apograph_format::{Epoch, Point, Timeline};
use apograph_manifest::{ChainEntry, FullContent, FullOf, SegmentContent, TimelineSpan};
use apograph_wal::TimelineState;

/// The timeline after some entries from the start of a chain.
pub(crate) fn timeline_behind(entries: &[ChainEntry]) -> TimelineState {
    let start = Point::new(Timeline::FIRST, Epoch::default());
    let mut state = TimelineState::at(start);
    for index in 0..entries.len() {
        advance(&mut state, entries, index);
    }
    state
}

/// Brings a timeline forward over an entry of a chain.
///
/// An increment that repeats the log before its full backup tells nothing new, unless nothing of
/// that log is known: where the chain begins with the full backup, or what stood right before it was
/// removed, or is lost with its record.
pub fn advance(state: &mut TimelineState, entries: &[ChainEntry], index: usize) {
    let content = |index: usize| entries.get(index)?.content.as_ref();
    let is_lost = |before: usize| {
        content(before).is_none() && entries.get(before + 1).is_some_and(|it| !it.is_counted)
    };
    let begins_anew = |index: usize| match content(index) {
        Some(SegmentContent::Full(full)) => {
            !full.continues
                || is_at_front(entries, index)
                || index.checked_sub(1).is_some_and(is_lost)
        }
        _ => false,
    };
    match content(index) {
        Some(SegmentContent::Full(full)) if begins_anew(index) => {
            *state = TimelineState::at(full.base);
        }
        Some(SegmentContent::Full(full)) => cross(state, full),
        Some(SegmentContent::Increment(increment))
            if !increment.repeats || index.checked_sub(1).is_some_and(begins_anew) =>
        {
            for stretch in &increment.stretches {
                if stretch.opens || stretch.timeline != state.timeline {
                    *state = TimelineState::at(Point::new(stretch.timeline, stretch.base));
                }
                state.epochs.extend(&stretch.epochs);
                state.transactions.extend(&stretch.transactions);
            }
            state.process_ended = increment.process_ended;
        }
        _ => {}
    }
}

/// Whether nothing is known of the log before an entry: the chain begins with it, or what stood right
/// before it is known to be missing.
fn is_at_front(entries: &[ChainEntry], index: usize) -> bool {
    index == 0 || entries.get(index).is_some_and(|it| it.hole.is_some())
}

/// Whether what was read of an increment is what its record says of timelines. Where the timeline began
/// that goes on in it, the segments before it tell, and some of those may have been removed meanwhile, or
/// brought back.
pub fn are_same_spans(recorded: &[TimelineSpan], found: &[TimelineSpan]) -> bool {
    match (recorded.split_first(), found.split_first()) {
        (Some((known, rest)), Some((first, others))) if !known.opens => {
            let first = TimelineSpan {
                base: known.base,
                ..first.clone()
            };
            *known == first && rest == others
        }
        _ => recorded == found,
    }
}

/// The timeline of an image that lies in a log, from the one at the end of that log: less those
/// that begin after the image, and the next one where only a seal before the image ended the last.
/// `after` is the end of the same log, read from the image on as from the first timeline.
pub fn image_timeline(end: &TimelineState, after: &TimelineState) -> Timeline {
    let opened = after.timeline.get().saturating_sub(Timeline::FIRST.get());
    let sealed_before = end.process_ended && !after.process_ended;
    let timeline = end.timeline.get().saturating_add(u64::from(sealed_before));
    let timeline = timeline.saturating_sub(opened);
    Timeline::new(timeline.max(Timeline::FIRST.get()))
}

/// The log goes on across a full backup.
pub(crate) fn cross(state: &mut TimelineState, full: &FullContent) {
    let base = full.base;
    match full.of {
        FullOf::One { .. } => state.imaged = state.imaged.max(base.timeline),
        FullOf::Two {
            log_start,
            is_spanned,
        } => {
            if is_spanned {
                state.imaged = state.next_timeline();
            }
            state.imaged = state.imaged.max(base.timeline);
            state.cross(log_start, base.epoch);
        }
    }
}

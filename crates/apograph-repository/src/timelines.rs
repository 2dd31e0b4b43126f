//! The timeline between two segments, from their records alone.

use apograph_format::{Epoch, Generation, Point, Timeline};
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
    if content(index).is_none() || is_behind_hole(entries, index) {
        // What is missing may have had some.
        state.further = None;
    }
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
            *state = TimelineState::at(full.base).holding(full.further);
        }
        Some(SegmentContent::Full(full)) => cross(state, full),
        Some(SegmentContent::Increment(increment))
            if !increment.repeats || index.checked_sub(1).is_some_and(begins_anew) =>
        {
            for stretch in &increment.stretches {
                if stretch.opens || stretch.timeline != state.timeline {
                    *state = TimelineState::at(Point::new(stretch.timeline, stretch.base));
                }
                add_span(state, stretch);
            }
            state.process_ended = increment.process_ended;
        }
        _ => {}
    }
}

/// Adds what a segment has of the timeline that it goes on with.
fn add_span(state: &mut TimelineState, span: &TimelineSpan) {
    let before = state.highest();
    // Behind an image that has an epoch of its own the timeline is counted on from there.
    state.base = state.base.max(span.base);
    state.epochs.extend(&span.epochs);
    state.transactions.extend(&span.transactions);
    let highest = state.highest();
    let mut numbers = span.further.last_numbers().iter();
    let number = numbers.find(|(epoch, _)| *epoch == highest);
    state.further = match number {
        _ if span.further.is_unknown() => None,
        Some((_, number)) => *number,
        None if highest > before => Some(0),
        None => state.further,
    };
}

/// Whether something was captured right before an entry that is not there.
fn is_behind_hole(entries: &[ChainEntry], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| entries.get(before));
    entries
        .get(index)
        .is_some_and(|entry| entry.hole_behind(before).is_some())
}

/// Whether nothing is known of the log before an entry: the chain begins with it, or what stood right
/// before it is known to be missing.
fn is_at_front(entries: &[ChainEntry], index: usize) -> bool {
    index == 0 || entries.get(index).is_some_and(|it| it.hole.is_some())
}

/// Whether what was read of an increment is what its record says of timelines. Where the timeline began
/// that goes on in it, and how many further commits its first epoch had, the segments before it tell,
/// and some of those may have been removed meanwhile, or brought back.
pub fn are_same_spans(recorded: &[TimelineSpan], found: &[TimelineSpan]) -> bool {
    let agree = |(index, (known, found)): (usize, (&TimelineSpan, &TimelineSpan))| {
        let goes_on = index == 0 && !known.opens;
        let other = TimelineSpan {
            base: if goes_on { known.base } else { found.base },
            further: known.further.clone(),
            ..found.clone()
        };
        *known == other && known.further.agrees_with(&found.further)
    };
    let mut pairs = recorded.iter().zip(found).enumerate();
    recorded.len() == found.len() && pairs.all(agree)
}

/// How many further commits of its epoch an image holds that lies in a log: those at the end of the
/// log, less those after the image, as long as the epoch is still the last one there. `after` is the
/// end of the same log, read from the image on as if that held none.
///
/// In generation 2 a commit names the epoch that it stands in, and an epoch can be taken without
/// one: what no commit names has no further ones.
pub fn further_of_image(
    generation: Generation,
    end: &TimelineState,
    after: &TimelineState,
    epoch: Epoch,
) -> Option<u64> {
    if generation == Generation::Two && end.highest() < epoch {
        return Some(0);
    }
    let is_last = end.highest() == epoch && after.highest() == epoch;
    let goes_on = after.timeline == Timeline::FIRST;
    let (all, behind) = end
        .further
        .zip(after.further)
        .filter(|_| is_last && goes_on)?;
    all.checked_sub(behind)
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

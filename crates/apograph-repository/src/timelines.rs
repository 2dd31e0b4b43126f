//! The timeline between two segments, from their records alone.

use apograph_format::{Epoch, LogPosition, Point, Timeline};
use apograph_manifest::{ChainEntry, FullContent, SegmentContent};
use apograph_wal::TimelineState;

/// The timeline behind some entries from the start of a chain.
pub(crate) fn timeline_behind(entries: &[ChainEntry]) -> TimelineState {
    let start = Point::new(Timeline::FIRST, Epoch::default());
    let mut state = TimelineState::at(start);
    for (index, entry) in entries.iter().enumerate() {
        advance(&mut state, entry, index == 0);
    }
    state
}

/// Brings a timeline forward over an entry of the chain.
pub fn advance(state: &mut TimelineState, entry: &ChainEntry, first: bool) {
    match &entry.content {
        Some(SegmentContent::Full(full)) if first || !full.continues => {
            *state = TimelineState::at(full.base);
            state.process_ended = full.reopened;
        }
        Some(SegmentContent::Full(full)) => cross(state, full),
        Some(SegmentContent::Increment(increment)) if !increment.repeats => {
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

/// The log goes on across a full backup.
pub(crate) fn cross(state: &mut TimelineState, full: &FullContent) {
    state.imaged = state.imaged.max(full.base.timeline);
    if let Some(image) = full.log_start.and_then(LogPosition::lsn) {
        state.cross(image, full.base.epoch);
    }
}

//! The record of an increment, gathered while its log is read.

use apograph_format::{Epoch, RangeSet, SegmentFlags, Timeline};
use apograph_manifest::{IncrementContent, LogRange, TimeSpan, TimelineSpan, TimelineSpans};
use apograph_wal::{Group, GroupHead, PlacedEvent, Placement, TimelineState};

/// Counts and epochs of the groups seen so far.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    stretches: TimelineSpans,
    commits: u64,
    records: u64,
    frames: u64,
    committed: Option<TimeSpan>,
    first_epoch: Option<Epoch>,
    is_encrypted: bool,
}

/// What is known of an increment besides its groups.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// Where in the log it lies, where that is known.
    pub range: Option<LogRange>,
    /// Bytes at its front that repeat the segment before.
    pub overlap_bytes: u64,
    /// What its header says.
    pub flags: SegmentFlags,
    /// Its front is of another copy of the database than the log before it.
    pub diverges: bool,
}

impl Summary {
    /// Adds an event; `state` is the timeline after it.
    pub fn add(&mut self, event: &PlacedEvent<'_>, state: &TimelineState) {
        match event {
            PlacedEvent::Group(group, placement) => self.add_group(group, placement, state.base),
            PlacedEvent::Seal(_) | PlacedEvent::SyncMarker(_) => {
                self.frames = self.frames.saturating_add(1);
            }
            PlacedEvent::LeadingEpoch(epoch, _) => {
                self.frames = self.frames.saturating_add(1);
                self.stretch(state.timeline, state.base, false)
                    .epochs
                    .insert(epoch.get());
            }
        }
    }

    /// How many groups were added.
    pub const fn commits(&self) -> u64 {
        self.commits
    }

    /// Generation 2: the epoch of the first group, unless it is encrypted.
    pub const fn first_epoch(&self) -> Option<Epoch> {
        self.first_epoch
    }

    /// The epoch to write as the end of the segment: the highest of its last timeline.
    pub fn end_epoch(&self, state: &TimelineState) -> Epoch {
        state.highest()
    }

    /// The record; `state` is the timeline after the last event.
    pub fn content(self, surroundings: Surroundings, state: &TimelineState) -> IncrementContent {
        IncrementContent {
            range: surroundings.range,
            committed: self.committed,
            is_encrypted: self.is_encrypted,
            diverges: surroundings.diverges,
            spans: surroundings.flags.spans,
            overlap_bytes: surroundings.overlap_bytes,
            continues: surroundings.flags.continues,
            repeats: surroundings.flags.repeats,
            catches_up: surroundings.flags.catches_up,
            stretches: self.stretches,
            process_ended: state.process_ended,
            commits: self.commits,
            records: self.records,
            frames: self.frames,
        }
    }

    fn add_group(&mut self, group: &Group<'_>, placement: &Placement, base: Epoch) {
        self.commits = self.commits.saturating_add(1);
        self.records = self.records.saturating_add(group.records);
        self.frames = self.frames.saturating_add(group.frames);
        let opens = placement.opens_timeline;
        let stretch = self.stretch(placement.point.timeline, base, opens);
        if placement.advances {
            stretch.epochs.insert(placement.point.epoch.get());
        }
        match group.head {
            GroupHead::One { .. } if group.transaction.is_session() => {
                stretch.transactions.insert(group.transaction.get());
            }
            GroupHead::One { .. } => {}
            GroupHead::Plain(begin) => {
                self.first_epoch = self.first_epoch.or(Some(begin.epoch));
                self.committed = Some(TimeSpan::with(self.committed, begin.committed_at));
            }
            GroupHead::Encrypted => self.is_encrypted = true,
        }
    }

    fn stretch(&mut self, timeline: Timeline, base: Epoch, opens: bool) -> &mut TimelineSpan {
        let current = self
            .stretches
            .last()
            .is_some_and(|last| last.timeline == timeline);
        if !current {
            let (epochs, transactions) = (RangeSet::new(), RangeSet::new());
            self.stretches.push(TimelineSpan {
                timeline,
                base,
                opens,
                epochs,
                transactions,
            });
        }
        let last = self.stretches.len() - 1;
        &mut self.stretches[last]
    }
}

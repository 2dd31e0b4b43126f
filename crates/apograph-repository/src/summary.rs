//! The record of an increment, gathered while its log is read.

use apograph_format::{Epoch, RangeSet, SegmentFlags, Timeline};
use apograph_manifest::{
    Captures, FurtherCommits, IncrementContent, IncrementOf, TimeSpan, TimelineSpan, TimelineSpans,
};
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
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where in the log it lies.
    pub of: IncrementOf,
    /// Bytes at its front that repeat the segment before.
    pub overlap_bytes: u64,
    /// What its header says.
    pub flags: SegmentFlags,
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

    /// How many data records they have, unless some are encrypted.
    pub fn records(&self) -> Option<u64> {
        (!self.is_encrypted).then_some(self.records)
    }

    /// How many frames were added.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Generation 2: from when to when the groups were written, as far as they are not encrypted.
    pub const fn committed(&self) -> Option<TimeSpan> {
        self.committed
    }

    /// The spans of timelines so far.
    pub fn stretches(&self) -> &[TimelineSpan] {
        &self.stretches
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
        let Surroundings {
            mut of,
            overlap_bytes,
            flags,
        } = surroundings;
        if let IncrementOf::Lsns(log) = &mut of {
            log.committed = self.committed;
            log.is_encrypted = self.is_encrypted;
            log.spans = flags.spans;
        }
        IncrementContent {
            of,
            overlap_bytes,
            continues: flags.continues,
            repeats: flags.repeats,
            catches_up: flags.catches_up,
            stretches: self.stretches,
            process_ended: state.process_ended,
            commits: self.commits,
            records: self.records,
            frames: self.frames,
            captures: Captures::default(),
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
        if placement.further != Some(0) && group.head != GroupHead::Encrypted {
            stretch
                .further
                .add(placement.point.epoch, placement.further);
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
                further: FurtherCommits::NONE,
                transactions,
            });
        }
        let last = self.stretches.len() - 1;
        &mut self.stretches[last]
    }
}

//! A log as it is read: its groups, and where in the history each stands.

use apograph_format::{Epoch, LogPosition};
use apograph_io::Result;

use crate::group::{Group, LogEnd, LogEvent};
use crate::part::{LogPart, Run};
use crate::reader::GroupReader;
use crate::timeline::{Placement, TimelineState};

/// An event of a log, with its place in the history.
#[derive(Debug, Clone, Copy)]
pub enum PlacedEvent<'a> {
    /// A committed group.
    Group(Group<'a>, Placement),
    /// Another process takes over.
    Seal(Run),
    /// The epoch record of the group right before the log.
    LeadingEpoch(Epoch, Run),
    /// A note on how far the log was durable.
    SyncMarker(Run),
}

impl PlacedEvent<'_> {
    /// The bytes of the log that it is, one run for each part.
    pub fn runs(&self) -> impl Iterator<Item = Run> + use<'_> {
        let (group, run) = match self {
            Self::Group(group, _) => (Some(group.runs()), None),
            Self::Seal(run) | Self::LeadingEpoch(_, run) | Self::SyncMarker(run) => {
                (None, Some(*run))
            }
        };
        group.into_iter().flatten().chain(run)
    }

    /// The position of its first byte, in a log of these parts.
    pub fn start(&self, parts: &[LogPart<'_>]) -> Option<LogPosition> {
        let run = self.runs().next()?;
        Some(parts.get(run.part)?.position(run.start))
    }

    /// The position after it, in a log of these parts.
    pub fn end(&self, parts: &[LogPart<'_>]) -> Option<LogPosition> {
        let run = self.runs().last()?;
        Some(parts.get(run.part)?.position(run.end))
    }

    /// How many they are.
    pub fn bytes(&self) -> u64 {
        self.runs().map(|run| run.len() as u64).sum()
    }
}

/// Reads a log group by group and tells where in the history each stands.
#[derive(Debug)]
pub struct PlacedReader<'a, 's> {
    groups: GroupReader<'a, 's>,
    state: &'s mut TimelineState,
}

impl<'a, 's> PlacedReader<'a, 's> {
    /// A reader at the start of a log; `state` is what is known of the timeline there, and is
    /// brought forward as the log is read.
    pub fn new(parts: &'a [LogPart<'a>], state: &'s mut TimelineState) -> Self {
        Self::of(GroupReader::new(parts), state)
    }

    /// The same, of groups that are read already or ahead.
    pub const fn of(groups: GroupReader<'a, 's>, state: &'s mut TimelineState) -> Self {
        Self { groups, state }
    }

    /// What is known of the timeline so far.
    pub const fn state(&self) -> &TimelineState {
        self.state
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub const fn end(&self) -> Option<LogEnd> {
        self.groups.end()
    }
}

impl<'a> Iterator for PlacedReader<'a, '_> {
    type Item = Result<PlacedEvent<'a>>;

    fn next(&mut self) -> Option<Result<PlacedEvent<'a>>> {
        let event = match self.groups.next()? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match event {
            LogEvent::Group(group) => PlacedEvent::Group(group, self.state.place(&group)),
            LogEvent::Seal { run } => {
                self.state.end_process();
                PlacedEvent::Seal(run)
            }
            LogEvent::LeadingEpoch { epoch, run } => {
                self.state.lead(epoch);
                PlacedEvent::LeadingEpoch(epoch, run)
            }
            LogEvent::SyncMarker { run } => PlacedEvent::SyncMarker(run),
        }))
    }
}

//! The whole commits in a log after its damage: they are told, and none of them is replayed.

use std::collections::BTreeMap;

use apograph_format::LogPosition;
use apograph_io::{Context, IoError, Steps};
use apograph_wal::{
    Group, GroupHead, GroupReader, GroupSpan, LogEndCause, LogFile, LogTail, Place, PlacedEvent,
    PlacedReader, Placement, RecordReader, TimelineState, next_group,
};

use crate::error::{RestoreError, Result};
use crate::history::{Commit, FoundRecords, kinds_of};
use crate::seen::CurrentGraph;

/// Reads a log that is not replayed.
pub(crate) struct Past<'c> {
    context: Context<'c>,
    state: TimelineState,
    graph: CurrentGraph,
}

impl<'c> Past<'c> {
    /// After a log with this timeline at its end.
    pub(crate) fn of(state: TimelineState, context: Context<'c>) -> Self {
        Self {
            context,
            state,
            graph: CurrentGraph::default(),
        }
    }

    /// Shows what is whole after a damaged place, or in a log of which what stood before is not there,
    /// whatever is damaged in between, up to what cannot be read.
    pub(crate) fn read_after(
        &mut self,
        tail: &LogTail<'_>,
        damaged: Option<Place>,
        see: &mut dyn FnMut(&LogFile, Commit, FoundRecords<'_, '_>) -> Result<()>,
    ) -> Result<()> {
        match next_group(&tail.parts, damaged) {
            Ok(Some(place)) => self.read(tail, place, see),
            Ok(None) | Err(IoError::Unreadable { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The same from a place on at which a group begins.
    pub(crate) fn read(
        &mut self,
        tail: &LogTail<'_>,
        place: Place,
        see: &mut dyn FnMut(&LogFile, Commit, FoundRecords<'_, '_>) -> Result<()>,
    ) -> Result<()> {
        match self.read_to_end(tail, place, see) {
            Err(RestoreError::Io(IoError::Unreadable { .. })) => Ok(()),
            read => read,
        }
    }

    fn read_to_end(
        &mut self,
        tail: &LogTail<'_>,
        place: Place,
        see: &mut dyn FnMut(&LogFile, Commit, FoundRecords<'_, '_>) -> Result<()>,
    ) -> Result<()> {
        let mut reader = RecordReader::new(&tail.parts);
        let mut steps = Steps::untold(self.context.monitor);
        let mut place = Some(place);
        while let Some(start) = place {
            let groups = GroupReader::from(&tail.parts, start);
            let mut state = self.state.clone();
            let mut placed = PlacedReader::of(groups, &mut state);
            for event in placed.by_ref() {
                let event = event?;
                steps.advance(event.bytes())?;
                if let PlacedEvent::Group(group, placement) = event
                    && let Some(file) = tail.files.get(group.start.part)
                {
                    let (span, graph) = (GroupSpan::of(&group), self.graph.clone());
                    let mut commit = commit_of(file, &group, &placement, self.context);
                    commit.kinds = kinds_of(&mut reader, span)?;
                    let current = &mut self.graph;
                    reader.for_each(span, |record| {
                        current.see(&record, |_| Ok::<_, IoError>(()))
                    })?;
                    see(file, commit, FoundRecords::of(&mut reader, span, graph))?;
                }
            }
            let end = placed.end();
            self.state = state;
            place = match end.map(|end| end.cause) {
                Some(LogEndCause::Damage { place, .. }) => next_group(&tail.parts, Some(place))?,
                _ => None,
            };
        }
        Ok(())
    }
}

/// A commit that is not replayed. It has a point as the log goes on before and after the damage, and
/// no exact one.
fn commit_of(
    file: &LogFile,
    group: &Group<'_>,
    placement: &Placement,
    context: Context<'_>,
) -> Commit {
    Commit {
        point: placement.point,
        further: None,
        is_counted: true,
        own_epoch: placement.own_epoch,
        committed_at: group.head.committed_at(),
        captured_after: None,
        captured_at: context.clock.now(),
        end_lsn: group.end_position().and_then(LogPosition::lsn),
        is_encrypted: group.head == GroupHead::Encrypted,
        transaction: group.transaction,
        segment: file.start().into(),
        offset: group.file_offset(),
        records: group.records,
        kinds: BTreeMap::new(),
    }
}

//! Which groups of a log are part of a target's state.

use apograph_format::{
    Epoch, LogPosition, LogSequence, Lsn, Point, RangeSet, Timeline, UnixMillis,
};
use apograph_io::Result;
use apograph_manifest::Cut;
use apograph_wal::{Group, GroupHead, LogPart, PlacedEvent, Placement, Run, Runs};

use crate::statements::Statements;

/// The groups that a restore keeps, gathered over all its increments.
///
/// In generation 2 the state at a point is a prefix of the log: after the first group that is not
/// part of it, none is. In generation 1 a group can be logged out of order, after one with a higher
/// epoch.
pub(crate) struct Selection {
    cut: Cut,
    runs: Runs,
    /// Markers since the last group: they are part of the log where it goes on after them.
    markers: Runs,
    pub(crate) commits: u64,
    /// The last timeline that a group of the state is in, and its epochs.
    timeline: Timeline,
    epochs: RangeSet,
    /// What was reached with the groups that are part of the state.
    pub(crate) last: Option<Last>,
    /// Whether the records of a group in it are encrypted.
    pub(crate) is_encrypted: bool,
    /// Generation 2: the first group that is not.
    pub(crate) next: Option<Next>,
    latest: Option<UnixMillis>,
    pub(crate) statements: Statements,
}

/// The end of a state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last {
    pub(crate) point: Point,
    /// How many further commits of that point there are, where that is known.
    pub(crate) further: Option<u64>,
    pub(crate) committed_at: Option<UnixMillis>,
    pub(crate) end: Option<Lsn>,
}

/// What follows a state in its log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next {
    pub(crate) committed_at: Option<UnixMillis>,
    pub(crate) end: Option<Lsn>,
}

impl Selection {
    pub(crate) fn new(cut: Cut) -> Self {
        Self {
            cut,
            runs: Runs::default(),
            markers: Runs::default(),
            commits: 0,
            timeline: Timeline::default(),
            epochs: RangeSet::new(),
            last: None,
            is_encrypted: false,
            next: None,
            latest: None,
            statements: Statements::default(),
        }
    }

    /// The runs so far, where they have so many bytes.
    pub(crate) fn take_some(&mut self, bytes: u64) -> Option<Runs> {
        (self.runs.total_bytes() >= bytes).then(|| std::mem::take(&mut self.runs))
    }

    /// The other runs of an increment that are part of the state; the next increment begins anew.
    pub(crate) fn take_rest(&mut self) -> Runs {
        if self.next.is_none() {
            self.flush_markers();
        }
        self.markers = Runs::default();
        std::mem::take(&mut self.runs)
    }

    fn flush_markers(&mut self) {
        for run in std::mem::take(&mut self.markers).as_slice() {
            self.runs.push(*run);
        }
    }

    /// The same of an event of the last increment of the plan: what was captured later than the
    /// state is not part of it.
    pub(crate) fn add_last(
        &mut self,
        event: &PlacedEvent<'_>,
        parts: &[LogPart<'_>],
    ) -> Result<()> {
        match self.cut {
            Cut::Captured(end) if event.end(parts) > Some(in_body(end)) => Ok(()),
            _ => self.add(event),
        }
    }

    pub(crate) fn add(&mut self, event: &PlacedEvent<'_>) -> Result<()> {
        match event {
            PlacedEvent::Group(group, placement) => match group.head {
                GroupHead::One { .. } => self.add_unordered(group, placement)?,
                GroupHead::Plain(_) | GroupHead::Encrypted => self.add_ordered(group, placement)?,
            },
            // The record of a group in the segment before: it goes where that group went.
            PlacedEvent::LeadingEpoch(epoch, run) => self.lead(*epoch, *run),
            PlacedEvent::SyncMarker(run) => self.markers.push(*run),
            PlacedEvent::Seal(_) => {}
        }
        Ok(())
    }

    fn add_unordered(&mut self, group: &Group<'_>, placement: &Placement) -> Result<()> {
        if self.is_at_or_before(placement) {
            self.keep(group, placement, None)?;
        }
        Ok(())
    }

    fn add_ordered(&mut self, group: &Group<'_>, placement: &Placement) -> Result<()> {
        if self.next.is_some() {
            return Ok(());
        }
        let end = group.end_position().and_then(LogPosition::lsn);
        self.latest = self.latest.max(group.head.committed_at());
        let is_in_state = match self.cut {
            Cut::End | Cut::At { .. } | Cut::Captured(_) => self.is_at_or_before(placement),
            Cut::Until(instant) => self.latest.is_none_or(|latest| latest <= instant),
            Cut::Through(lsn) => end.is_none_or(|end| end <= lsn),
        };
        if is_in_state {
            self.keep(group, placement, end)?;
        } else {
            let committed_at = self.latest;
            self.next = Some(Next { committed_at, end });
        }
        Ok(())
    }

    fn keep(&mut self, group: &Group<'_>, placement: &Placement, end: Option<Lsn>) -> Result<()> {
        self.commits += 1;
        self.is_encrypted |= group.head == GroupHead::Encrypted;
        self.note(placement.point);
        // A group can be logged after one with a higher epoch.
        let higher = self.last.filter(|last| last.point > placement.point);
        let (point, further) = higher.map_or((placement.point, placement.further), |last| {
            (last.point, last.further)
        });
        self.last = Some(Last {
            point,
            further,
            committed_at: self.latest,
            end,
        });
        self.flush_markers();
        group.runs().for_each(|run| self.runs.push(run));
        self.statements.add(group)
    }

    fn lead(&mut self, epoch: Epoch, run: Run) {
        let kept = match self.cut {
            Cut::At { point, .. } => epoch <= point.epoch,
            Cut::End | Cut::Captured(_) | Cut::Until(_) | Cut::Through(_) => true,
        };
        if kept {
            let timeline = match self.cut {
                Cut::At { point, .. } => point.timeline,
                _ => self.timeline,
            };
            self.note(Point::new(timeline, epoch));
            if let Some(last) = self.last.as_mut().filter(|last| last.point.epoch < epoch) {
                (last.point.epoch, last.further) = (epoch, Some(0));
            }
            self.runs.push(run);
        }
    }

    fn note(&mut self, point: Point) {
        if point.timeline > self.timeline {
            (self.timeline, self.epochs) = (point.timeline, RangeSet::new());
        }
        if point.timeline == self.timeline {
            self.epochs.insert(point.epoch.get());
        }
    }

    /// The first epochs after one, up to a point, of which no group was seen.
    pub(crate) fn missing_before(&self, point: Point, after: Epoch) -> Option<(u64, u64)> {
        let (from, to) = (after.get().saturating_add(1), point.epoch.get());
        let none = RangeSet::new();
        let is_last = self.timeline == point.timeline;
        let seen = if is_last { &self.epochs } else { &none };
        seen.missing_in(from, to).next()
    }

    fn is_at_or_before(&self, placement: &Placement) -> bool {
        is_by(placement, self.cut)
    }
}

/// Whether a group is part of the state at a point; any is part of a state that ends otherwise.
pub(crate) fn is_by(placement: &Placement, cut: Cut) -> bool {
    match cut {
        Cut::At { point, further } if placement.point == point => {
            further.is_none_or(|last| placement.further.is_some_and(|it| it <= last))
        }
        Cut::At { point, .. } => placement.point < point,
        Cut::End | Cut::Captured(_) | Cut::Until(_) | Cut::Through(_) => true,
    }
}

/// The position after so many bytes of the body of an increment of generation 1.
fn in_body(bytes: u64) -> LogPosition {
    LogPosition::in_file(LogSequence::default(), bytes)
}

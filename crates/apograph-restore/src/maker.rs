//! The making of one database: the walk over the segments of a plan, and what it hands on.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use apograph_format::{Epoch, ExactPoint, Generation, Lsn, Point, SegmentKind, UnixMillis};
use apograph_io::{Context, IoError, Owner, Threads};
use apograph_manifest::{
    ChainError, ChainPlan, Cut, FullContent, GapCause, Segment, SegmentContent, Target,
    UnusableSegment,
};
use apograph_repository::{IncrementPrefix, Repository};
use apograph_wal::PlacedEvent;

use crate::beyond::Beyond;
use crate::error::{RestoreError, Result};
use crate::pieces::{PIECE_BYTES, Pieces, write_beside};
use crate::restored::Restored;
use crate::selection::Selection;
use crate::sink::{Piece, Sink};
use crate::walk::{LastEpoch, Step, Walk, WalkError, total_bytes};

/// The making of one database.
pub(crate) struct Maker<'a> {
    repository: &'a Repository,
    plan: &'a ChainPlan,
    context: Context<'a>,
    selection: Selection,
    bytes_read: u64,
    /// The front of a damaged increment that comes after the plan, and its place in the chain.
    prefix: Option<(usize, IncrementPrefix)>,
    /// What of it is in the state, where there is anything.
    beyond: Option<Beyond>,
    /// Whether the timeline of the full backup is counted.
    is_counted: bool,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(
        repository: &'a Repository,
        plan: &'a ChainPlan,
        context: Context<'a>,
    ) -> Self {
        let entry = repository.chain().entries().get(plan.full);
        Self {
            repository,
            plan,
            context,
            selection: Selection::new(plan.cut),
            bytes_read: 0,
            prefix: None,
            beyond: None,
            is_counted: entry.is_some_and(|entry| entry.is_counted),
        }
    }

    /// The same of a full backup of which it is known otherwise that its timeline is counted.
    pub(crate) fn counted(self) -> Self {
        Self {
            is_counted: true,
            ..self
        }
    }

    /// The same, and after the plan what is sound at the front of an increment that is damaged.
    pub(crate) fn with_prefix(self, prefix: Option<(usize, IncrementPrefix)>) -> Self {
        Self { prefix, ..self }
    }

    /// The same by other threads.
    pub(crate) fn by(self, threads: &'a Threads) -> Self {
        let context = Context {
            threads,
            ..self.context
        };
        Self { context, ..self }
    }

    fn segment(&self, index: usize) -> &'a Segment {
        &self.repository.chain().entries()[index].segment
    }

    /// Those of the plan.
    fn indexes(&self) -> impl Iterator<Item = usize> {
        let increments = self.plan.increments.iter().copied();
        std::iter::once(self.plan.full).chain(increments)
    }

    pub(crate) fn full(&self) -> &'a Segment {
        self.segment(self.plan.full)
    }

    fn full_content(&self) -> &'a FullContent {
        match &self.repository.chain().entries()[self.plan.full].content {
            Some(SegmentContent::Full(full)) => full,
            _ => unreachable!("a plan begins with a full backup of which the content is known"),
        }
    }

    /// Makes the database.
    pub(crate) fn made(self, output: &Path, sink: Sink<'_>) -> Result<Restored> {
        let (maker, sink) = self.staged(sink)?;
        let written = sink.finish()?;
        Ok(maker.restored(output, written))
    }

    /// Makes all of the database but its name: what it will be, what of the increment after the plan is
    /// in it, and what gives it the name.
    pub(crate) fn staged_beyond<'d>(
        self,
        output: &Path,
        sink: Sink<'d>,
    ) -> Result<(Restored, Beyond, Sink<'d>)> {
        let (maker, sink) = self.staged(sink)?;
        let beyond = maker.beyond.clone().unwrap_or_default();
        let restored = maker.restored(output, (sink.bytes(), None));
        Ok((restored, beyond, sink))
    }

    fn staged(mut self, sink: Sink<'_>) -> Result<(Self, Sink<'_>)> {
        let (checked, written) = write_beside(sink, |pieces| self.check(pieces));
        match (checked, written) {
            // That it was not written is why the check ended.
            (Ok(()) | Err(RestoreError::Io(IoError::Interrupted)), Err((index, error))) => {
                Err(self.failed(index, error))
            }
            (Err(error), _) => Err(error),
            (Ok(()), Ok(sink)) => Ok((self, sink)),
        }
    }

    /// Walks the plan, and hands on what the database consists of.
    fn check(&mut self, pieces: &Pieces<'_, '_>) -> Result<()> {
        let in_plan: HashSet<_> = self.indexes().collect();
        let others = self.repository.unsummed();
        let others: Vec<_> = others.filter(|index| !in_plan.contains(index)).collect();
        let read = self.indexes().chain(others.iter().copied());
        let sizes = read.map(|index| self.segment(index).size_bytes);
        let monitor = self.context.monitor;
        monitor.phase("restoring", total_bytes(sizes));
        let mut walk = Walk::from(self.repository, self.plan.full, self.context);
        let full = self.plan.full;
        let read = self.check_full(walk.step(full), pieces);
        self.bytes_read += read.map_err(|error| self.failed(full, error))?;
        for &index in &self.plan.increments {
            let read = self.check_increment(index, walk.step(index), pieces);
            self.bytes_read += read.map_err(|error| self.failed(index, error))?;
        }
        if let Some((index, prefix)) = self.prefix.take() {
            let start = walk.point();
            self.add_prefix((index, start), walk.step(index), prefix, pieces)?;
        }
        self.check_others(&others)?;
        self.check_complete()?;
        self.check_boundary()?;
        self.check_further()?;
        tracing::debug!(point = %walk.point(), "walked the plan");
        Ok(())
    }

    /// Hands on the image of the plan's full backup; tells how many bytes that has.
    fn check_full(
        &self,
        step: Step<'_>,
        pieces: &Pieces<'_, '_>,
    ) -> std::result::Result<u64, WalkError> {
        let opened = match pieces.begin(|sink| sink.fetch_image(&step))? {
            Some(fetched) => step.full_in(Ok(fetched))?,
            None => step.full()?,
        };
        pieces.push(self.plan.full, Piece::Image(Arc::clone(&opened.file)))?;
        opened.check()?;
        Ok(opened.file.bytes().len() as u64)
    }

    /// Hands on what of an increment is part of the state; tells how many bytes that has.
    fn check_increment(
        &mut self,
        index: usize,
        step: Step<'_>,
        pieces: &Pieces<'_, '_>,
    ) -> std::result::Result<u64, WalkError> {
        let selection = &mut self.selection;
        let opened = step.increment()?;
        let (file, overlap_bytes) = (Arc::clone(&opened.file), opened.overlap_bytes);
        let push = |runs| {
            let file = Arc::clone(&file);
            pieces.push(index, Piece::Log(file, overlap_bytes, runs))
        };
        let parts = file.parts(overlap_bytes);
        let is_last = self.plan.increments.last() == Some(&index);
        opened.check(|event| {
            if is_last {
                selection.add_last(event, &parts)?;
            } else {
                selection.add(event)?;
            }
            selection.take_some(PIECE_BYTES).map_or(Ok(()), push)
        })?;
        push(selection.take_rest())?;
        Ok(file.bytes().len() as u64)
    }

    /// Hands on what is whole at the front of an increment.
    fn add_prefix(
        &mut self,
        (index, start): (usize, Point),
        step: Step<'_>,
        prefix: IncrementPrefix,
        pieces: &Pieces<'_, '_>,
    ) -> Result<()> {
        let (file, overlap_bytes) = (Arc::new(prefix.file), prefix.overlap_bytes);
        let mut beyond = Beyond {
            index,
            ..Beyond::default()
        };
        let mut point = start;
        let selection = &mut self.selection;
        let push = |runs| {
            let file = Arc::clone(&file);
            pieces.push(index, Piece::Log(file, overlap_bytes, runs))
        };
        let last = step.read_prefix(&file, overlap_bytes, |event| {
            if let PlacedEvent::Group(_, placement) = event {
                beyond.add(placement, &mut point);
            }
            selection.add(event)?;
            selection.take_some(PIECE_BYTES).map_or(Ok(()), push)
        })?;
        push(selection.take_rest())?;
        beyond.is_unnamed = last == LastEpoch::Unknown;
        if beyond.commits > 0 {
            if file.header.generation == Generation::One {
                beyond.close(point);
            }
            self.bytes_read += file.bytes().len() as u64;
            self.beyond = Some(beyond);
        }
        Ok(())
    }

    /// Compares other files with the manifest: the plan was made of what is in them too.
    fn check_others(&self, others: &[usize]) -> Result<()> {
        let mut walk = Walk::from(self.repository, 0, self.context);
        for &index in others {
            let step = walk.step(index);
            let checked = match step.kind() {
                SegmentKind::Full => step.full().and_then(|full| full.check()),
                SegmentKind::Incremental => step.file().map(drop),
            };
            checked.map_err(|error| self.failed(index, error))?;
        }
        Ok(())
    }

    /// The plan says that every epoch up to the target is in these segments. Now they were read,
    /// and it has to be so.
    fn check_complete(&self) -> Result<()> {
        let (Cut::At { point: target, .. }, Some(from)) = (self.plan.cut, self.plan.complete_from)
        else {
            return Ok(());
        };
        match self.selection.missing_before(target, from.epoch) {
            None => Ok(()),
            Some((first, last)) => {
                let first = Point::new(target.timeline, Epoch::new(first));
                let cause = GapCause::EpochsMissing {
                    first: first.into(),
                    last: Epoch::new(last),
                    is_out_of_order: false,
                };
                let nearest = Box::new(self.repository.chain().nearest(target.into()));
                let (target, cause) = (format!("epoch {target}"), Box::new(cause));
                Err(ChainError::Unreachable {
                    target,
                    cause,
                    nearest,
                }
                .into())
            }
        }
    }

    /// A further commit is a target where there is one of that number.
    fn check_further(&self) -> Result<()> {
        let Cut::At {
            point,
            further: Some(further),
        } = self.plan.cut
        else {
            return Ok(());
        };
        let reached = self.exact().filter(|reached| reached.point == point);
        let last = reached.map_or(0, |reached| reached.further);
        if last == further {
            return Ok(());
        }
        let target = Target::Point(ExactPoint { point, further }.into());
        let last = ExactPoint {
            point,
            further: last,
        };
        Err(self
            .repository
            .chain()
            .no_such_further(&target, last)
            .into())
    }

    /// The state that was reached, by the name that it keeps, where that is known.
    fn exact(&self) -> Option<ExactPoint> {
        let FullContent { base, further, .. } = *self.full_content();
        let (point, further) = match self.selection.last {
            Some(last) if last.point >= base => (last.point, last.further),
            _ => (base, further),
        };
        // Without a commit that is still to be logged, the state is not that of the point.
        let from = self.repository.chain().complete_from(self.plan.full, point);
        if from.is_some_and(|from| self.selection.missing_before(point, from.epoch).is_some()) {
            return None;
        }
        further.map(|further| ExactPoint { point, further })
    }

    /// A position is a target where a commit ends, or the image.
    fn check_boundary(&self) -> Result<()> {
        let Cut::Through(lsn) = self.plan.cut else {
            return Ok(());
        };
        let below = self.end_lsn();
        if below == Some(lsn) {
            return Ok(());
        }
        let above = self.selection.next.and_then(|next| next.end);
        Err(ChainError::NotABoundary { lsn, below, above }.into())
    }

    /// Generation 2: the position after the state.
    fn end_lsn(&self) -> Option<Lsn> {
        let in_log = self.selection.last.and_then(|last| last.end);
        let start = self.full_content().start_lsn();
        in_log.or(start)
    }

    fn failed(&self, index: usize, error: WalkError) -> RestoreError {
        match error {
            WalkError::Io(error) => error.into(),
            WalkError::Output(error) => *error,
            WalkError::Unusable(reason) => {
                let file = self.segment(index).file.clone();
                RestoreError::Segment(UnusableSegment { file, reason })
            }
        }
    }

    fn restored(self, output: &Path, (bytes_written, owner): (u64, Option<Owner>)) -> Restored {
        let full = self.full_content();
        let entries = self.repository.chain().entries();
        let increments = self
            .plan
            .increments
            .iter()
            .chain(self.beyond.iter().map(|beyond| &beyond.index))
            .filter_map(|&index| Some(entries.get(index)?.segment.clone()));
        let last = self.selection.last;
        let read = last.map_or(full.base, |last| last.point);
        let point = match self.plan.point {
            Some(point) if self.beyond.is_none() => Some(point),
            _ => (!self.selection.is_encrypted).then_some(read),
        };
        let is_counted = self.is_counted;
        let point = point.filter(|_| is_counted);
        let timeline = point.map_or(full.base.timeline, |point| point.timeline);
        let exact = self.exact().filter(|exact| point == Some(exact.point));
        Restored {
            output: output.to_owned(),
            point,
            exact,
            timeline: is_counted.then_some(timeline),
            lsn: self.end_lsn(),
            full: self.full().clone(),
            increments: increments.collect(),
            commits: self.selection.commits,
            bytes_read: self.bytes_read,
            bytes_written,
            owner,
            interval: self.interval(),
            bytes_free: None,
            statements_to_run: self.selection.statements.into_list(),
        }
    }

    /// What the plan knows, and what was read of the commits around the instant.
    fn interval(&self) -> Option<(UnixMillis, Option<UnixMillis>)> {
        let (from, to) = self.plan.interval?;
        let last = self.selection.last.and_then(|last| last.committed_at);
        let next = self.selection.next.and_then(|next| next.committed_at);
        Some((last.unwrap_or(from), next.or(to)))
    }
}

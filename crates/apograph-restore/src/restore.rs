//! One restore: the target's plan, the walk over its segments, the database it makes.

use std::path::{Path, PathBuf};

use apograph_format::{Epoch, Point, RangeSet, UnixMillis};
use apograph_io::{Disk, Mode, Monitor, Threads, open_regular};
use apograph_manifest::{ChainError, ChainPlan, Cut, HoleCause, Segment, Target};
use apograph_repository::Repository;
use apograph_wal::{PlacedEvent, Run, Runs};

use crate::error::{RestoreError, Result};
use crate::staging::{Staging, check_free};
use crate::statements::Statements;
use crate::walk::{Walk, WalkError};

/// How to restore.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What to restore.
    pub target: Target,
    /// Verify everything and write nothing.
    pub dry_run: bool,
    /// How many threads compute checksums.
    pub threads: Threads,
}

impl Options {
    /// A restore of `target`, with every core.
    pub fn to(target: Target) -> Self {
        Self {
            target,
            dry_run: false,
            threads: Threads::default(),
        }
    }
}

/// What a restore did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database.
    pub output: PathBuf,
    /// The point it is at.
    pub point: Point,
    /// The full backup it was made from.
    pub full: Segment,
    /// The increments that were replayed, in order.
    pub increments: Vec<Segment>,
    /// How many commits stand in its log.
    pub commits: u64,
    /// Bytes of segments that were read and checked.
    pub bytes_read: u64,
    /// Bytes of the database file and its log.
    pub bytes_written: u64,
    /// What the engine does not replay from the log: statements to run after opening.
    pub statements_to_run: Vec<String>,
    /// For a target in time: when the state was captured, and when the next segment was.
    pub interval: Option<(UnixMillis, Option<UnixMillis>)>,
}

/// Restores a database from the repository in `folder` to `output`.
///
/// Every byte that is used is checked before it is written. The database appears whole, or not at
/// all, and takes the place of nothing.
///
/// # Errors
///
/// [`RestoreError`]; nothing was written then.
pub fn restore(
    disk: &dyn Disk,
    folder: &Path,
    output: &Path,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Restored> {
    check_free_or_left(output)?;
    let repository = Repository::open(folder)?;
    let plan = repository.chain().plan(&options.target)?;
    let mut maker = Maker::new(&repository, &plan, options.threads, monitor);
    if options.dry_run {
        maker.make(&mut Sink::Count(0))?;
        return Ok(maker.restored(output));
    }
    let model = repository.path_of(maker.full()?);
    let mode = Mode::of(&open_regular(&model)?, &model)?;
    let mut sink = Sink::Staging(Staging::begin(disk, output, mode)?);
    maker.make(&mut sink)?;
    if let Sink::Staging(staging) = sink {
        maker.bytes_written = staging.publish()?;
    }
    Ok(maker.restored(output))
}

/// What an interrupted restore left is no obstacle; it is cleared before anything is written.
fn check_free_or_left(output: &Path) -> Result<()> {
    if apograph_io::exists(&apograph_io::temporary_path(output))? {
        return Ok(());
    }
    check_free(output)
}

/// Where the bytes of a restored database go.
enum Sink<'d> {
    Count(u64),
    Staging(Staging<'d>),
}

impl Sink<'_> {
    fn image(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Count(count) => *count += bytes.len() as u64,
            Self::Staging(staging) => staging.write_image(bytes)?,
        }
        Ok(())
    }

    fn log(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Count(count) => *count += bytes.len() as u64,
            Self::Staging(staging) => staging.append_log(bytes)?,
        }
        Ok(())
    }
}

/// The making of one database.
struct Maker<'a> {
    repository: &'a Repository,
    plan: &'a ChainPlan,
    threads: Threads,
    monitor: &'a dyn Monitor,
    commits: u64,
    bytes_read: u64,
    bytes_written: u64,
    statements: Statements,
}

impl<'a> Maker<'a> {
    fn new(
        repository: &'a Repository,
        plan: &'a ChainPlan,
        threads: Threads,
        monitor: &'a dyn Monitor,
    ) -> Self {
        let statements = Statements::default();
        let (commits, bytes_read, bytes_written) = (0, 0, 0);
        Self {
            repository,
            plan,
            threads,
            monitor,
            commits,
            bytes_read,
            bytes_written,
            statements,
        }
    }

    fn segment(&self, index: usize) -> Result<&'a Segment> {
        let entry = self.repository.chain().entries().get(index);
        let entry = entry.ok_or(RestoreError::Chain(ChainError::NoFullBackup))?;
        Ok(&entry.segment)
    }

    fn full(&self) -> Result<&'a Segment> {
        self.segment(self.plan.full)
    }

    fn make(&mut self, sink: &mut Sink<'_>) -> Result<()> {
        let indexes =
            || std::iter::once(self.plan.full).chain(self.plan.increments.iter().copied());
        let sizes = indexes().map(|index| self.segment(index).map(|it| it.size_bytes));
        self.monitor.phase("restoring", sizes.sum::<Result<u64>>()?);
        let mut walk = Walk::from(self.repository, self.plan.full, self.threads, self.monitor);
        let full = walk
            .full(self.plan.full)
            .map_err(|error| self.failed(self.plan.full, error))?;
        self.bytes_read += full.bytes().len() as u64;
        sink.image(full.bytes())?;
        drop(full);
        let mut seen = RangeSet::new();
        for &index in &self.plan.increments {
            let mut kept = Kept::new(self.plan.cut);
            let read = walk.increment(index, |event| kept.add(event, &mut self.statements));
            let (file, walked) = read.map_err(|error| self.failed(index, error))?;
            self.bytes_read += file.bytes().len() as u64;
            self.commits += kept.commits;
            seen.extend(&kept.epochs);
            let parts = [file.part(walked.overlap_bytes)];
            for run in kept.runs.as_slice() {
                sink.log(run.bytes(&parts))?;
            }
        }
        self.check_complete(&seen)?;
        if let Sink::Count(count) = sink {
            self.bytes_written = *count;
        }
        tracing::debug!(point = %walk.point(), "walked the plan");
        Ok(())
    }

    /// The plan says that every epoch up to the target is in these segments. Now they were read,
    /// and it has to be so.
    fn check_complete(&self, seen: &RangeSet) -> Result<()> {
        let Cut::At(target) = self.plan.cut else {
            return Ok(());
        };
        let from = self.plan.complete_from.epoch.get().saturating_add(1);
        match seen.missing_in(from, target.epoch.get()).next() {
            None => Ok(()),
            Some((first, last)) => {
                let first = Point::new(target.timeline, Epoch::new(first));
                let cause = HoleCause::EpochsMissing {
                    first,
                    last: Epoch::new(last),
                };
                let nearest = self.repository.chain().nearest(target.into());
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

    fn failed(&self, index: usize, error: WalkError) -> RestoreError {
        match (error, self.segment(index)) {
            (WalkError::Io(error), _) => error.into(),
            (WalkError::Unusable(reason), Ok(segment)) => RestoreError::Segment {
                file: segment.file.clone(),
                reason,
            },
            (WalkError::Unusable(_), Err(error)) => error,
        }
    }

    fn restored(self, output: &Path) -> Restored {
        let segments = self.repository.manifest().segments.as_slice();
        let increments = self
            .plan
            .increments
            .iter()
            .filter_map(|&index| segments.get(index));
        Restored {
            output: output.to_owned(),
            point: self.plan.point,
            full: segments[self.plan.full].clone(),
            increments: increments.cloned().collect(),
            commits: self.commits,
            bytes_read: self.bytes_read,
            bytes_written: self.bytes_written,
            statements_to_run: self.statements.into_list(),
            interval: self.plan.interval,
        }
    }
}

/// The groups of an increment that are part of the target's state.
struct Kept {
    cut: Cut,
    runs: Runs,
    commits: u64,
    /// The epochs of the target's timeline.
    epochs: RangeSet,
}

impl Kept {
    fn new(cut: Cut) -> Self {
        Self {
            cut,
            runs: Runs::default(),
            commits: 0,
            epochs: RangeSet::new(),
        }
    }

    fn add(&mut self, event: &PlacedEvent<'_>, statements: &mut Statements) {
        match event {
            PlacedEvent::Group(group, placement) => {
                if self.is_in_state(placement.point) {
                    self.commits += 1;
                    self.note(placement.point);
                    group.runs().for_each(|run| self.runs.push(run));
                    statements.add(group);
                }
            }
            // The record of a group in the segment before: it goes where that group went.
            PlacedEvent::LeadingEpoch(epoch, run) => self.lead(*epoch, *run),
            PlacedEvent::Seal(_) => {}
        }
    }

    fn lead(&mut self, epoch: Epoch, run: Run) {
        let kept = match self.cut {
            Cut::End => true,
            Cut::At(target) => epoch <= target.epoch,
        };
        if kept {
            if let Cut::At(target) = self.cut {
                self.note(Point::new(target.timeline, epoch));
            }
            self.runs.push(run);
        }
    }

    fn note(&mut self, point: Point) {
        if matches!(self.cut, Cut::At(target) if target.timeline == point.timeline) {
            self.epochs.insert(point.epoch.get());
        }
    }

    fn is_in_state(&self, point: Point) -> bool {
        match self.cut {
            Cut::End => true,
            Cut::At(target) => {
                point.timeline < target.timeline
                    || point.timeline == target.timeline && point.epoch <= target.epoch
            }
        }
    }
}

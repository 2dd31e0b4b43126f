//! What is left of a repository of which something is damaged or missing.
//!
//! A restore is exact or an error. A salvage makes the newest state that can be proved and says what it
//! lacks: the full backup and the increments that lead furthest, and of the increment after these, where
//! that is damaged, every whole group up to the first damage. What comes after is in order no more. It
//! is read and told, and nothing of it is in the state.
//!
//! It is the same walk as that of a restore, into the same staging folder: what is written was checked
//! frame by frame, and appears whole or not at all.

use std::path::Path;

use apograph_format::{Point, RangeSet, SegmentKind};
use apograph_io::{Context, IoError};
use apograph_manifest::{
    FurthestPlan, GapCause, Segment, SegmentContent, Unusable, UnusableSegment,
};
use apograph_repository::{IncrementPrefix, Lease, Location, Repository};

use crate::beyond::Beyond;
use crate::error::{RestoreError, Result};
use crate::history::{Commit, CommitQuery, FoundRecords, OneSegment};
use crate::maker::Maker;
use crate::output::Output;
use crate::restore::form_for;
use crate::restored::Restored;
use crate::seen::CurrentGraph;
use crate::sink::Sink;
use crate::staging::Staging;
use crate::walk::Walk;

/// What was salvaged, and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// The database, as a restore tells it.
    pub restored: Restored,
    /// Whether it is a state that was. Else commits with lower epochs were logged after the gap; or it
    /// begins with an image that was written while commits went on, or may have been, and what was
    /// captured with it is lost: it can hold some of what was committed later.
    pub is_exact: bool,
    /// Where the history ends that is in it; `None` where nothing came after.
    pub gap: Option<SalvageGap>,
    /// What was captured after that, in the order of the chain.
    pub left_out: Vec<LeftOut>,
}

/// The end of what was salvaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvageGap {
    /// The point before it; unknown where it has no name.
    pub after: Option<Point>,
    /// The first point after it that could be read and has a name.
    pub before: Option<Point>,
    /// Why the history does not go on.
    pub cause: Option<GapCause>,
}

/// A segment of which not all is in a salvaged database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The segment.
    pub segment: Segment,
    /// How many commits of it are in the database.
    pub kept: u64,
    /// The epochs that these took, in the timeline of the last one.
    pub kept_epochs: RangeSet,
    /// How many more are whole, and could be read.
    pub intact: u64,
    /// How many it had in all; unknown where nothing tells.
    pub captured: Option<u64>,
    /// The first and the last point of those that are whole and left out, where they have a name.
    pub points: Option<(Point, Point)>,
    /// Why it cannot be used; `None` where it comes after the gap, and is sound.
    pub unusable: Option<UnusableSegment>,
}

/// Makes the newest state that is left in a repository. `see` is told of every whole commit after the
/// first gap, and of its records, in the order of the log: nothing of these is in the database. Then
/// `accept` is told what came of it, right before the database appears.
///
/// # Errors
///
/// [`RestoreError`], and that of `see` and `accept`; nothing was written then. Where no full backup can
/// be used there is nothing to begin with.
pub fn salvage(
    repository: impl Into<Location>,
    output: &Path,
    context: Context<'_>,
    mut see: impl FnMut(Commit, FoundRecords<'_, '_>) -> Result<()>,
    accept: impl FnOnce(&Salvaged) -> Result<()>,
) -> Result<Salvaged> {
    let place = Output::ready(output)?;
    let location = repository.into();
    let lease = Lease::take(&location, context);
    let context = lease.context();
    let mut repository = lease.narrow(Repository::open(&location, context)?);
    let mut keeps_prefix = true;
    let (way, (mut restored, beyond, sink)) = loop {
        let way = Way::find(&repository, keeps_prefix, context)?;
        match way.go(&repository, &place, output, context) {
            // It is as if that had been seen when the repository was opened.
            Err(RestoreError::Segment(segment)) => {
                // What is no part of the plan does not go on from it.
                keeps_prefix = is_usable(&repository, &segment);
                repository = repository.without(&segment.file, segment.reason.clone());
            }
            Ok(made) => break (way, made),
            Err(error) => {
                // A sector that cannot be read is damage like any other.
                let segment = unreadable(&repository, error)?;
                keeps_prefix = false;
                repository = repository.without(&segment.file, segment.reason);
            }
        }
    };
    let Way {
        furthest, is_exact, ..
    } = way;
    let is_exact = is_exact && !beyond.lacks_lower;
    let is_named = is_exact && !beyond.is_unnamed;
    let left_out = left_out(&repository, furthest.through + 1, beyond, context, &mut see)?;
    let is_whole = furthest.through + 1 >= repository.chain().entries().len();
    let first = left_out.iter().find_map(|segment| segment.points);
    if !is_named {
        (restored.point, restored.exact) = (None, None);
    }
    let gap = (!is_whole).then_some(SalvageGap {
        after: restored.point,
        before: first.map(|(first, _)| first),
        cause: furthest.cause,
    });
    let mut salvaged = Salvaged {
        restored,
        is_exact,
        gap,
        left_out,
    };
    accept(&salvaged)?;
    (_, salvaged.restored.owner) = sink.finish()?;
    Ok(salvaged)
}

/// What leads furthest, with what is known of the segments so far.
struct Way {
    furthest: FurthestPlan,
    /// The index of the increment after that, where what is whole at its front is used.
    prefix: Option<usize>,
    is_exact: bool,
}

impl Way {
    fn find(repository: &Repository, keeps_prefix: bool, context: Context<'_>) -> Result<Self> {
        let chain = repository.chain();
        let proved = chain.plan_furthest();
        let prefix_after = |furthest: &FurthestPlan| {
            let next = Some(furthest.through + 1).filter(|_| keeps_prefix);
            next.map_or(Ok(None), |next| prefix_at(repository, next, context))
        };
        let image = chain.plan_last_image();
        let newer = |image: &FurthestPlan| {
            proved
                .as_ref()
                .is_ok_and(|proved| proved.through >= image.through)
        };
        if let Some(image) = image.filter(|image| !newer(image)) {
            let prefix = prefix_after(&image)?;
            // The increment right after it says that it is a state by itself.
            let is_told = prefix
                .as_ref()
                .is_some_and(|prefix| !prefix.file.header.flags.catches_up);
            if is_told || proved.is_err() {
                return Ok(Self {
                    prefix: prefix.map(|_| image.through + 1),
                    furthest: image,
                    is_exact: is_told,
                });
            }
        }
        let furthest = proved?;
        let prefix = prefix_after(&furthest)?;
        let earlier = chain.plan_before_nothing(&furthest);
        let (furthest, prefix) = match earlier.filter(|_| prefix.is_none()) {
            Some(earlier) => {
                let prefix = prefix_after(&earlier)?;
                (earlier, prefix)
            }
            None => (furthest, prefix),
        };
        Ok(Self {
            prefix: prefix.map(|_| furthest.through + 1),
            furthest,
            is_exact: true,
        })
    }

    /// Makes the database, but for its name; tells what of the segment after the plan is in it.
    fn go<'d>(
        &self,
        repository: &Repository,
        place: &Output,
        output: &Path,
        context: Context<'d>,
    ) -> Result<(Restored, Beyond, Sink<'d>)> {
        let plan = &self.furthest.plan;
        let prefix = match self.prefix {
            Some(index) => prefix_at(repository, index, context)?.map(|prefix| (index, prefix)),
            None => None,
        };
        let beside_a_writer = context.threads.but_one();
        let maker = Maker::new(repository, plan, context).with_prefix(prefix);
        // Nothing but what told that could say otherwise of the first timeline.
        let first = repository.chain().entries().first();
        let is_first = plan.full == 0 && first.is_some_and(|it| it.hole.is_none());
        let maker = if self.is_exact && is_first {
            maker.counted()
        } else {
            maker
        };
        let mode = repository.mode_of(maker.full())?;
        let staging = Staging::begin(place.clone(), mode, context)?;
        let form = form_for(place);
        maker
            .by(&beside_a_writer)
            .staged_beyond(output, Sink::to(staging, context.clock.now(), form))
    }
}

/// Whether nothing was wrong with a segment so far.
fn is_usable(repository: &Repository, segment: &UnusableSegment) -> bool {
    let mut entries = repository.chain().entries().iter();
    let entry = entries.find(|entry| entry.segment.file == segment.file);
    entry.is_some_and(|entry| entry.unusable.is_none())
}

/// The segment of which the operating system does not give a part.
///
/// # Errors
///
/// Another error than that.
fn unreadable(repository: &Repository, error: RestoreError) -> Result<UnusableSegment> {
    let RestoreError::Io(IoError::Unreadable {
        path,
        offset,
        source,
    }) = &error
    else {
        return Err(error);
    };
    let mut entries = repository.chain().entries().iter();
    let name = path.file_name().and_then(|name| name.to_str());
    match entries.find(|entry| Some(entry.segment.file.as_str()) == name) {
        Some(entry) => Ok(UnusableSegment {
            file: entry.segment.file.clone(),
            reason: Unusable::damaged(*offset, format!("it cannot be read: {source}")),
        }),
        None => Err(error),
    }
}

/// What is sound of an increment that is damaged.
fn prefix_at(
    repository: &Repository,
    index: usize,
    context: Context<'_>,
) -> Result<Option<IncrementPrefix>> {
    let entry = repository.chain().entries().get(index);
    let is_damaged = entry.is_some_and(|entry| {
        entry.segment.kind == SegmentKind::Incremental && entry.unusable.is_some()
    });
    let prefix = is_damaged.then(|| repository.prefix(index, context));
    Ok(prefix.transpose()?.flatten())
}

/// What was captured from a segment on, of which something may be in the state.
fn left_out(
    repository: &Repository,
    first: usize,
    mut beyond: Beyond,
    context: Context<'_>,
    see: &mut dyn FnMut(Commit, FoundRecords<'_, '_>) -> Result<()>,
) -> Result<Vec<LeftOut>> {
    let entries = repository.chain().entries();
    let mut walk = Walk::from(repository, 0, context);
    let query = CommitQuery {
        with_records: true,
        ..CommitQuery::default()
    };
    let mut graph = CurrentGraph::default();
    let mut found = Vec::new();
    for (index, entry) in entries.iter().enumerate().skip(first) {
        let unusable = |reason: &Unusable| UnusableSegment {
            file: entry.segment.file.clone(),
            reason: reason.clone(),
        };
        let mut of_segment = LeftOut {
            segment: entry.segment.clone(),
            kept: beyond.commits,
            kept_epochs: std::mem::take(&mut beyond).epochs,
            intact: 0,
            captured: None,
            points: None,
            unusable: entry.unusable.as_deref().map(unusable),
        };
        // What is whole of one of which something was kept is kept.
        if entry.segment.kind == SegmentKind::Incremental && of_segment.kept == 0 {
            let segment = OneSegment::of(entries, index);
            let each = |commit: Commit, records: FoundRecords<'_, '_>| {
                of_segment.add(&commit);
                see(commit, records)
            };
            let found = match segment.read(walk.step(index), &query, &mut graph, each) {
                Ok(reason) => reason.as_ref().map(unusable),
                Err(error) => Some(unreadable(repository, error)?),
            };
            of_segment.unusable = of_segment.unusable.or(found);
        }
        if let Some(SegmentContent::Increment(increment)) = &entry.content {
            of_segment.captured = Some(increment.commits);
        }
        found.push(of_segment);
    }
    Ok(found)
}

impl LeftOut {
    fn add(&mut self, commit: &Commit) {
        self.intact += 1;
        if commit.is_counted && !commit.is_encrypted {
            let first = self.points.map_or(commit.point, |(first, _)| first);
            self.points = Some((first, commit.point));
        }
    }
}

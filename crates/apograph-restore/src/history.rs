//! The commits of a repository, one by one: what `apograph log` shows.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use apograph_format::change::GraphElement;
use apograph_format::{
    ExactPoint, LogPosition, LogSequence, Lsn, Point, SegmentKind, TransactionId, UnixMillis,
};
use apograph_io::{Context, IoError};
use apograph_manifest::{ChainEntry, FileName, SegmentContent, Unusable, UnusableSegment};
use apograph_repository::Repository;
use apograph_wal::{Group, GroupHead, GroupSpan, PlacedEvent, Placement, RecordReader};

use crate::error::RestoreError;
use crate::seen::{CurrentGraph, SeenRecord};
use crate::walk::{Step, Walk, WalkError, Walked};

/// A commit group in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The point it belongs to.
    pub point: Point,
    /// Which of the further commits of that point it is; 0 where it took the epoch, and unknown where
    /// that cannot be told.
    pub further: Option<u64>,
    /// Whether the timeline of the point is counted, and so the point a name.
    pub is_counted: bool,
    /// Whether the epoch is its own.
    pub own_epoch: bool,
    /// Generation 2: when it was written.
    pub committed_at: Option<UnixMillis>,
    /// The last capture before the one that found it: it was made after that, as far as times of
    /// captures are known.
    pub captured_after: Option<UnixMillis>,
    /// The capture that found it: it was made by then.
    pub captured_at: UnixMillis,
    /// Generation 2: the position after it.
    pub end_lsn: Option<Lsn>,
    /// Whether its epoch, its time and its records are encrypted.
    pub is_encrypted: bool,
    /// The id it was committed under.
    pub transaction: TransactionId,
    /// The segment it is in.
    pub segment: FileName,
    /// Where its first frame begins in the segment's file, in bytes.
    pub offset: u64,
    /// How many data records it has.
    pub records: u64,
    /// How many of each kind, by the names of the kinds.
    pub kinds: BTreeMap<Cow<'static, str>, u64>,
}

impl Commit {
    /// The state right after it, where that has a name.
    pub fn exact(&self) -> Option<ExactPoint> {
        let further = self.further.filter(|_| self.is_counted)?;
        let point = self.point;
        Some(ExactPoint { point, further })
    }
}

/// What a repository says of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// A commit.
    Commit(Commit),
    /// An increment that cannot be used, in the place of its commits.
    Unusable(UnusableSegment),
}

/// Which commits are sought, and how.
#[derive(Clone, Copy, Default)]
pub struct CommitQuery<'q> {
    /// The last one first.
    pub newest_first: bool,
    /// No more than so many.
    pub limit: Option<usize>,
    /// What a commit has to be. The counts of its kinds of records are not there yet.
    pub commit: Option<&'q dyn Fn(&Commit) -> bool>,
    /// What one of its records has to be about. The others are not decoded.
    pub element: Option<GraphElement>,
    /// What one of its records has to be.
    pub record: Option<&'q dyn Fn(&SeenRecord<'_>) -> bool>,
    /// Records will be asked for: in generation 1 those before them tell the graph that they are
    /// about, within a segment.
    pub with_records: bool,
}

impl CommitQuery<'_> {
    const fn seeks_record(&self) -> bool {
        self.element.is_some() || self.record.is_some()
    }

    const fn looks_into_records(&self) -> bool {
        self.seeks_record() || self.with_records
    }

    /// Whether a record is one of those that are sought.
    fn wants(&self, seen: &SeenRecord<'_>) -> bool {
        let change = seen.record.change.as_ref().ok();
        let element = change.and_then(|change| change.operation.element());
        (self.element.is_none() || element == self.element)
            && self.record.is_none_or(|is_wanted| is_wanted(seen))
    }
}

/// What was found in the log of a repository.
pub enum Found<'a, 'r> {
    /// A commit, and its records.
    Commit(Box<Commit>, FoundRecords<'a, 'r>),
    /// An increment that cannot be used, in the place of its commits.
    Unusable(UnusableSegment),
}

/// The records of a commit, which are read where they are asked for.
pub struct FoundRecords<'a, 'r> {
    reader: &'a mut RecordReader<'r>,
    span: GroupSpan,
    graph: CurrentGraph,
}

impl<'a, 'r> FoundRecords<'a, 'r> {
    /// Those of a group, before which the log has switched to a graph.
    pub(crate) fn of(
        reader: &'a mut RecordReader<'r>,
        span: GroupSpan,
        graph: CurrentGraph,
    ) -> Self {
        Self {
            reader,
            span,
            graph,
        }
    }

    /// Decodes each, with the graph that it is about.
    ///
    /// # Errors
    ///
    /// What the operating system says, and that of `each`.
    pub fn for_each<E: From<RestoreError>>(
        &mut self,
        mut each: impl FnMut(&SeenRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut graph = self.graph.clone();
        let read = self.reader.for_each(self.span, |record| {
            graph.see(&record, |seen| each(seen).map_err(Stop::Visitor))
        });
        read.map_err(Stop::into_visitors)
    }
}

/// Why records are not read on.
enum Stop<E> {
    Io(IoError),
    Visitor(E),
}

impl<E: From<RestoreError>> Stop<E> {
    fn into_visitors(self) -> E {
        match self {
            Self::Io(error) => RestoreError::from(error).into(),
            Self::Visitor(error) => error,
        }
    }
}

impl<E> From<IoError> for Stop<E> {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

/// Reads every commit of the repository in `folder`, in log order, or the last one first.
///
/// Commits that a segment repeats are seen once. A segment is checked whole before any of its
/// commits is seen.
///
/// # Errors
///
/// [`RestoreError`], and that of `visit`.
pub fn commits<E: From<RestoreError>>(
    repository: &Repository,
    newest_first: bool,
    context: Context<'_>,
    mut visit: impl FnMut(Logged) -> Result<(), E>,
) -> Result<(), E> {
    let query = CommitQuery {
        newest_first,
        ..CommitQuery::default()
    };
    search(repository, &query, context, |found| {
        visit(match found {
            Found::Commit(commit, _) => Logged::Commit(*commit),
            Found::Unusable(segment) => Logged::Unusable(segment),
        })
    })
}

/// Looks for commits in a repository, as [`commits`] reads them.
///
/// # Errors
///
/// [`RestoreError`], and that of `visit`.
pub fn search<E: From<RestoreError>>(
    repository: &Repository,
    query: &CommitQuery<'_>,
    context: Context<'_>,
    mut visit: impl FnMut(Found<'_, '_>) -> Result<(), E>,
) -> Result<(), E> {
    let entries = repository.chain().entries();
    let is_wanted = |index: &usize| {
        let entry = entries.get(*index);
        entry.is_some_and(|entry| {
            let repeats = matches!(
                &entry.content,
                Some(SegmentContent::Increment(increment)) if increment.repeats
            );
            entry.segment.kind == SegmentKind::Incremental && !repeats
        })
    };
    let mut walk = Walk::from(repository, 0, context).checking_first();
    let steps = (0..entries.len())
        .filter(is_wanted)
        .map(|index| (index, walk.step(index)));
    let mut left = query.limit.unwrap_or(usize::MAX);
    let mut graph = CurrentGraph::default();
    if !query.newest_first {
        for (index, step) in steps {
            if left == 0 {
                break;
            }
            let segment = OneSegment::of(entries, index);
            let reason = segment.read(step, query, &mut graph, |commit, records| {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                visit(Found::Commit(Box::new(commit), records))
            })?;
            if let Some(reason) = reason {
                visit(Found::Unusable(segment.unusable(reason)))?;
            }
        }
        return Ok(());
    }
    // What is before a segment tells where in the history it is.
    let mut steps: Vec<_> = steps.collect();
    while let Some((index, step)) = steps.pop().filter(|_| left > 0) {
        let segment = OneSegment::of(entries, index);
        let reason = segment.read_back(step, query, left, |commit, records| {
            left -= 1;
            visit(Found::Commit(Box::new(commit), records))
        });
        if let Some(reason) = reason? {
            visit(Found::Unusable(segment.unusable(reason)))?;
        }
    }
    Ok(())
}

/// An increment, and when it was captured.
pub(crate) struct OneSegment<'a> {
    entry: &'a ChainEntry,
    /// When each of its captures was taken, and the last one before that.
    captured: Vec<(UnixMillis, Option<UnixMillis>)>,
}

impl<'a> OneSegment<'a> {
    pub(crate) fn of(entries: &'a [ChainEntry], index: usize) -> Self {
        let (before, entry) = (&entries[..index], &entries[index]);
        let own: Vec<_> = entry.captured().map(|capture| capture.at).collect();
        let captured = own.iter().enumerate().map(|(number, at)| {
            let earlier = own[..number].iter().rev().copied();
            let before = before.iter().rev();
            let before = before.flat_map(|entry| entry.captured().rev().map(|it| it.at));
            (*at, earlier.chain(before).find(|it| it < at))
        });
        Self {
            entry,
            captured: captured.collect(),
        }
    }

    /// The capture that found a group: when it was taken, and the last one before that.
    fn captured(&self, group: &Group<'_>) -> (UnixMillis, Option<UnixMillis>) {
        let number = match &self.entry.content {
            Some(SegmentContent::Increment(increment)) => {
                let start = increment.lsns().map(|log| log.range.start.into());
                let start = start.unwrap_or(LogPosition::in_file(LogSequence::default(), 0));
                let end = group
                    .end_position()
                    .and_then(|end| end.distance_from(start));
                increment.captures.holding(end.unwrap_or_default())
            }
            _ => 0,
        };
        self.captured[number]
    }

    fn unusable(&self, reason: Unusable) -> UnusableSegment {
        let file = self.entry.segment.file.clone();
        UnusableSegment { file, reason }
    }

    /// Reads the commits that are sought; tells why it cannot be used, where it cannot.
    pub(crate) fn read<E: From<RestoreError>>(
        &self,
        step: Step<'_>,
        query: &CommitQuery<'_>,
        graph: &mut CurrentGraph,
        mut see: impl FnMut(Commit, FoundRecords<'_, '_>) -> Result<(), E>,
    ) -> Result<Option<Unusable>, E> {
        let mut outcome = Ok(());
        let read = step.increment().and_then(|increment| {
            let file = increment.file.clone();
            let parts = file.parts(increment.overlap_bytes);
            let mut reader = RecordReader::new(&parts);
            increment.check(|event| {
                let (PlacedEvent::Group(group, placement), Ok(())) = (event, &outcome) else {
                    return Ok(());
                };
                let span = GroupSpan::of(group);
                let before = graph.clone();
                if self.is_sought(group, placement, query, &mut reader, graph)? {
                    let mut commit = self.commit(group, placement);
                    commit.kinds = kinds_of(&mut reader, span)?;
                    outcome = see(commit, FoundRecords::of(&mut reader, span, before));
                }
                Ok(())
            })
        });
        outcome?;
        judged(read)
    }

    /// Whether a commit is sought.
    fn is_sought(
        &self,
        group: &Group<'_>,
        placement: &Placement,
        query: &CommitQuery<'_>,
        reader: &mut RecordReader<'_>,
        graph: &mut CurrentGraph,
    ) -> apograph_io::Result<bool> {
        let is_commit = query
            .commit
            .is_none_or(|is_wanted| is_wanted(&self.commit(group, placement)));
        // Another commit can still switch to another graph.
        let is_of_one = matches!(group.head, GroupHead::One { .. });
        let is_read = query.seeks_record() && is_commit || query.looks_into_records() && is_of_one;
        if !is_read {
            return Ok(is_commit);
        }
        let mut is_record = !query.seeks_record();
        reader.for_each_about(query.element, GroupSpan::of(group), |record| {
            graph.see(&record, |seen| {
                is_record = is_record || query.wants(seen);
                Ok::<_, IoError>(())
            })
        })?;
        Ok(is_commit && is_record)
    }

    /// The same, the last of them first, and no more than so many.
    fn read_back<E: From<RestoreError>>(
        &self,
        step: Step<'_>,
        query: &CommitQuery<'_>,
        limit: usize,
        mut see: impl FnMut(Commit, FoundRecords<'_, '_>) -> Result<(), E>,
    ) -> Result<Option<Unusable>, E> {
        let mut last = VecDeque::new();
        let mut file = None;
        let increment = step.increment();
        if let Ok(increment) = &increment {
            file = Some((increment.file.clone(), increment.overlap_bytes));
        }
        let mut graph = CurrentGraph::default();
        let read = increment.and_then(|increment| {
            let file = increment.file.clone();
            let parts = file.parts(increment.overlap_bytes);
            let mut reader = RecordReader::new(&parts);
            increment.check(|event| {
                let PlacedEvent::Group(group, placement) = event else {
                    return Ok(());
                };
                let before = graph.clone();
                if self.is_sought(group, placement, query, &mut reader, &mut graph)? {
                    if last.len() == limit {
                        last.pop_front();
                    }
                    let commit = self.commit(group, placement);
                    last.push_back((commit, GroupSpan::of(group), before));
                }
                Ok(())
            })
        });
        let reason = judged(read)?;
        if let (None, Some((file, overlap_bytes))) = (&reason, file) {
            let parts = file.parts(overlap_bytes);
            let mut reader = RecordReader::new(&parts);
            for (mut commit, span, graph) in last.into_iter().rev() {
                commit.kinds = kinds_of(&mut reader, span).map_err(RestoreError::from)?;
                see(commit, FoundRecords::of(&mut reader, span, graph))?;
            }
        }
        Ok(reason)
    }

    /// A commit, of which the records are not counted.
    fn commit(&self, group: &Group<'_>, placement: &Placement) -> Commit {
        let (captured_at, captured_after) = self.captured(group);
        Commit {
            point: placement.point,
            further: placement.further,
            is_counted: self.entry.is_counted,
            own_epoch: placement.own_epoch,
            committed_at: group.head.committed_at(),
            captured_after,
            captured_at,
            end_lsn: group.end_position().and_then(LogPosition::lsn),
            is_encrypted: group.head == GroupHead::Encrypted,
            transaction: group.transaction,
            segment: self.entry.segment.file.clone(),
            offset: group.file_offset(),
            records: group.records,
            kinds: BTreeMap::new(),
        }
    }
}

/// How many records of each kind a commit has. The reader stands where the commit is, so that no
/// record is read for it alone.
pub(crate) fn kinds_of(
    reader: &mut RecordReader<'_>,
    span: GroupSpan,
) -> apograph_io::Result<BTreeMap<Cow<'static, str>, u64>> {
    let mut kinds = BTreeMap::new();
    reader.for_each(span, |record| {
        *kinds.entry(record.kind).or_insert(0) += 1;
        Ok::<_, IoError>(())
    })?;
    Ok(kinds)
}

/// Why a segment cannot be used, where that is what was found.
fn judged<E: From<RestoreError>>(read: Result<Walked, WalkError>) -> Result<Option<Unusable>, E> {
    match read {
        Ok(_) => Ok(None),
        Err(WalkError::Unusable(reason)) => Ok(Some(reason)),
        Err(WalkError::Io(error)) => Err(RestoreError::from(error).into()),
        Err(WalkError::Output(error)) => Err((*error).into()),
    }
}

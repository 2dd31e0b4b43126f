//! The commits of a repository, one by one: what `apograph log` shows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apograph_format::{
    LogPosition, LogSequence, Lsn, Point, SegmentKind, TransactionId, UnixMillis,
};
use apograph_io::Context;
use apograph_manifest::{ChainEntry, FileName, SegmentContent, Unusable, UnusableSegment};
use apograph_repository::Repository;
use apograph_wal::{Group, GroupHead, PlacedEvent, Placement};

use crate::error::RestoreError;
use crate::walk::{Step, Walk, WalkError};

/// A commit group in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The point it belongs to.
    pub point: Point,
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

/// What a repository says of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// A commit.
    Commit(Commit),
    /// An increment that cannot be used, in the place of its commits.
    Unusable(UnusableSegment),
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
    if !newest_first {
        return steps.into_iter().try_for_each(|(index, step)| {
            let segment = OneSegment::of(entries, index);
            segment
                .read(step, |commit| visit(Logged::Commit(commit)))?
                .map_or(Ok(()), |reason| visit(segment.unusable(reason)))
        });
    }
    // What is before a segment tells where in the history it is.
    let mut steps: Vec<_> = steps.collect();
    while let Some((index, step)) = steps.pop() {
        let segment = OneSegment::of(entries, index);
        let mut seen = Vec::new();
        let reason = segment.read(step, |commit| {
            seen.push(commit);
            Ok::<(), E>(())
        })?;
        if let Some(reason) = reason {
            visit(segment.unusable(reason))?;
        }
        let mut newest_first = seen.into_iter().rev().map(Logged::Commit);
        newest_first.try_for_each(&mut visit)?;
    }
    Ok(())
}

/// An increment, and when it was captured.
struct OneSegment<'a> {
    entry: &'a ChainEntry,
    /// When each of its captures was taken, and the last one before that.
    captured: Vec<(UnixMillis, Option<UnixMillis>)>,
}

impl<'a> OneSegment<'a> {
    fn of(entries: &'a [ChainEntry], index: usize) -> Self {
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

    fn unusable(&self, reason: Unusable) -> Logged {
        let file = self.entry.segment.file.clone();
        Logged::Unusable(UnusableSegment { file, reason })
    }

    /// Reads its commits; tells why it cannot be used, where it cannot.
    fn read<E: From<RestoreError>>(
        &self,
        step: Step<'_>,
        mut see: impl FnMut(Commit) -> Result<(), E>,
    ) -> Result<Option<Unusable>, E> {
        let mut outcome = Ok(());
        let read = step.increment().and_then(|increment| {
            increment.check(|event| {
                if let (PlacedEvent::Group(group, placement), Ok(())) = (event, &outcome) {
                    outcome = see(self.commit(group, placement)?);
                }
                Ok(())
            })
        });
        outcome?;
        match read {
            Ok(_) => Ok(None),
            Err(WalkError::Unusable(reason)) => Ok(Some(reason)),
            Err(WalkError::Io(error)) => Err(RestoreError::from(error).into()),
            Err(WalkError::Output(error)) => Err((*error).into()),
        }
    }

    fn commit(&self, group: &Group<'_>, placement: &Placement) -> apograph_io::Result<Commit> {
        let (captured_at, captured_after) = self.captured(group);
        Ok(Commit {
            point: placement.point,
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
            kinds: group.kinds()?,
        })
    }
}

//! The commits of a repository, one by one: what `apograph log` shows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use apograph_format::{LogPosition, Lsn, Point, SegmentKind, TransactionId, UnixMillis};
use apograph_io::{Monitor, Reading};
use apograph_manifest::FileName;
use apograph_repository::Repository;
use apograph_wal::PlacedEvent;

use crate::error::RestoreError;
use crate::walk::{Walk, WalkError};

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
    /// Generation 2: the position behind it.
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

/// Reads every commit of the repository in `folder`, in log order.
///
/// Commits that a segment repeats are seen once.
///
/// # Errors
///
/// [`RestoreError`], for a damaged segment after its sound predecessors were visited; and that of
/// `visit`.
pub fn commits<E: From<RestoreError>>(
    folder: &Path,
    monitor: &dyn Monitor,
    mut visit: impl FnMut(Commit) -> Result<(), E>,
) -> Result<(), E> {
    let reading = Reading::heard_by(monitor);
    let repository = Repository::open_with(folder, reading).map_err(RestoreError::from)?;
    let mut walk = Walk::from(&repository, 0, reading).checking_first();
    for (index, entry) in repository.chain().entries().iter().enumerate() {
        let repeats = matches!(
            &entry.content,
            Some(apograph_manifest::SegmentContent::Increment(increment)) if increment.repeats
        );
        if entry.segment.kind == SegmentKind::Full || repeats {
            continue;
        }
        let mut outcome = Ok(());
        let see = |event: &PlacedEvent<'_>| {
            if let (PlacedEvent::Group(group, placement), Ok(())) = (event, &outcome) {
                outcome = visit(Commit {
                    point: placement.point,
                    is_counted: entry.is_counted,
                    own_epoch: placement.own_epoch,
                    committed_at: group.committed_at,
                    end_lsn: group.end_position().and_then(LogPosition::lsn),
                    is_encrypted: group.is_encrypted,
                    transaction: group.transaction,
                    segment: entry.segment.file.clone(),
                    offset: group.file_offset(),
                    records: group.records,
                    kinds: group.kinds()?,
                });
            }
            Ok(())
        };
        let read = walk.step(index).and_then(|step| step.increment(see));
        outcome?;
        read.map_err(|error| match error {
            WalkError::Io(error) => RestoreError::from(error),
            WalkError::Output(error) => *error,
            WalkError::Unusable(reason) => RestoreError::Segment {
                file: entry.segment.file.clone(),
                reason,
            },
        })?;
    }
    Ok(())
}

//! The commits of a repository, one by one: what `apograph log` shows.

use std::collections::BTreeMap;
use std::path::Path;

use apograph_format::{Point, RecordKind, SegmentKind, TransactionId};
use apograph_io::{Silent, Threads};
use apograph_manifest::FileName;
use apograph_repository::Repository;
use apograph_wal::PlacedEvent;

use crate::error::{RestoreError, Result};
use crate::walk::{Walk, WalkError};

/// A commit group in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The point it belongs to.
    pub point: Point,
    /// Whether the epoch is its own.
    pub own_epoch: bool,
    /// The id it was committed under.
    pub transaction: TransactionId,
    /// The segment it is in.
    pub segment: FileName,
    /// Where its first frame begins in the segment's file, in bytes.
    pub offset: u64,
    /// How many data records it has.
    pub records: u64,
    /// How many of each kind.
    pub kinds: BTreeMap<RecordKind, u64>,
}

/// Reads every commit of the repository in `folder`, in log order.
///
/// Commits that a segment repeats are seen once.
///
/// # Errors
///
/// [`RestoreError`]; for a damaged segment after its sound predecessors were visited.
pub fn commits(folder: &Path, mut visit: impl FnMut(Commit) -> Result<()>) -> Result<()> {
    let repository = Repository::open(folder)?;
    let mut walk = Walk::from(&repository, 0, Threads::default(), &Silent);
    for (index, entry) in repository.chain().entries().iter().enumerate() {
        let repeats = matches!(
            &entry.content,
            Some(apograph_manifest::SegmentContent::Increment(increment)) if increment.repeats
        );
        if entry.segment.kind == SegmentKind::Full || repeats {
            continue;
        }
        let mut outcome = Ok(());
        let mut overlap = 0;
        if let Some(apograph_manifest::SegmentContent::Increment(it)) = &entry.content {
            overlap = it.overlap_bytes + apograph_format::SEGMENT_HEADER_BYTES as u64;
        }
        let read = walk.increment(index, |event| {
            if let (PlacedEvent::Group(group, placement), Ok(())) = (event, &outcome) {
                let mut kinds = BTreeMap::new();
                for frame in group.frames().filter(|frame| !frame.kind().is_control()) {
                    *kinds.entry(frame.kind()).or_default() += 1;
                }
                outcome = visit(Commit {
                    point: placement.point,
                    own_epoch: placement.own_epoch,
                    transaction: group.transaction,
                    segment: entry.segment.file.clone(),
                    offset: overlap + group.start.offset as u64,
                    records: group.records,
                    kinds,
                });
            }
        });
        outcome?;
        read.map_err(|error| match error {
            WalkError::Io(error) => error.into(),
            WalkError::Unusable(reason) => RestoreError::Segment {
                file: entry.segment.file.clone(),
                reason,
            },
        })?;
    }
    Ok(())
}

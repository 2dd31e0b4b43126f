//! What changed between two states of a chain, told from the log between them.
//!
//! Nothing is restored for it. So what the log does not say is not known here: the old value of a
//! property that was set before the log begins, or what was in a graph that was dropped.

use apograph_format::{ExactPoint, Point, PointName};
use apograph_io::{Context, IoError};
use apograph_manifest::{Between, Cut, UnusableSegment};
use apograph_repository::Repository;
use apograph_wal::{GroupHead, GroupSpan, PlacedEvent, RecordReader};

use crate::error::{RestoreError, Result};
use crate::net::NetChanges;
use crate::seen::{CurrentGraph, SeenRecord};
use crate::selection::is_by;
use crate::triples::TripleChanges;
use crate::walk::{Walk, WalkError};

/// Where a change stands between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeAt {
    /// The point of its commit.
    pub point: Point,
    /// The state right after its commit, where it is known which that is.
    pub exact: Option<ExactPoint>,
}

/// What is different between two states.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<T> {
    /// The earlier state.
    pub from: PointName,
    /// The later state.
    pub to: PointName,
    /// How many commits lie between them.
    pub commits: u64,
    /// The net effect on graphs, nodes, edges and triples.
    pub net: NetChanges,
    /// The other changes, in their order: of the schema, of the catalog, of whole RDF graphs, and
    /// what cannot be decoded. The triples of the net effect are as they are after all of them.
    pub others: Vec<T>,
    /// Whether there is something among them that is not known here.
    pub has_unknown: bool,
    /// Whether it cannot be known which triples are there afterwards: the net effect has none then,
    /// and `others` has each record about them.
    pub has_unknown_triples: bool,
}

/// Tells what is different between a state and a later one, the latest where it has no name.
/// `keep` makes what is kept of a change that has no net effect on a node or an edge.
///
/// # Errors
///
/// [`RestoreError`]; [`ChainError::NotConnected`](apograph_manifest::ChainError::NotConnected)
/// where not every commit between them was captured.
pub fn difference<T>(
    repository: &Repository,
    (from, to): (PointName, Option<PointName>),
    context: Context<'_>,
    mut keep: impl FnMut(&SeenRecord<'_>) -> T,
) -> Result<Difference<T>> {
    let between = repository.chain().between(from, to)?;
    let (mut net, mut triples) = (NetChanges::default(), TripleChanges::default());
    let (mut others, mut has_unknown) = (Vec::new(), false);
    let (mut commits, mut has_before, mut last) = (0, false, between.point);
    walk(repository, &between, context, |at, is_before, seen| {
        let Some(seen) = seen else {
            commits += u64::from(!is_before);
            last = if is_before { last } else { last.max(at.point) };
            return;
        };
        has_before |= is_before;
        if is_before {
            return;
        }
        let change = seen.record.change.as_ref().ok();
        let is_kept = change.is_some_and(|change| {
            net.add(seen.scope, &change.operation);
            triples.add(seen.scope, &change.operation) || NetChanges::keeps(&change.operation)
        });
        has_unknown |= change.is_none();
        if !is_kept {
            others.push(keep(seen));
        }
    })?;
    let has_unknown_triples = triples.is_unknown();
    if has_unknown_triples {
        others.clear();
        walk(repository, &between, context, |_, is_before, seen| {
            let Some(seen) = seen.filter(|_| !is_before) else {
                return;
            };
            let change = seen.record.change.as_ref();
            if !change.is_ok_and(|change| NetChanges::keeps(&change.operation)) {
                others.push(keep(seen));
            }
        })?;
    } else {
        net.triples = triples.into_triples();
    }
    if has_before && !net.graphs.is_empty() {
        walk(repository, &between, context, |_, is_before, seen| {
            if let (true, Some(seen)) = (is_before, seen) {
                net.add_before(seen);
            }
        })?;
    }
    net.tidy();
    Ok(Difference {
        from: name_of(between.from).unwrap_or(from),
        to: name_of(between.to).unwrap_or(last.into()),
        commits,
        net,
        others,
        has_unknown,
        has_unknown_triples,
    })
}

/// Hands on every record between two states, in the order of the log.
///
/// # Errors
///
/// As [`difference`].
pub fn steps(
    repository: &Repository,
    (from, to): (PointName, Option<PointName>),
    context: Context<'_>,
    mut visit: impl FnMut(ChangeAt, &SeenRecord<'_>),
) -> Result<()> {
    let between = repository.chain().between(from, to)?;
    walk(repository, &between, context, |at, is_before, seen| {
        if let (false, Some(seen)) = (is_before, seen) {
            visit(at, seen);
        }
    })
}

/// Goes over the log up to the later state: each commit, which has no record yet, and then its
/// records. Tells whether it is part of the earlier state.
fn walk(
    repository: &Repository,
    between: &Between,
    context: Context<'_>,
    mut visit: impl FnMut(ChangeAt, bool, Option<&SeenRecord<'_>>),
) -> Result<()> {
    let mut walk = Walk::from(repository, between.full, context).checking_first();
    let mut graph = CurrentGraph::default();
    for &index in &between.increments {
        let read = walk.step(index).increment().and_then(|increment| {
            let file = increment.file.clone();
            let parts = file.parts(increment.overlap_bytes);
            let mut reader = RecordReader::new(&parts);
            increment.check(|event| {
                let PlacedEvent::Group(group, placement) = event else {
                    return Ok(());
                };
                // Generation 1 logs epochs out of order.
                if !is_by(placement, between.to) || group.head == GroupHead::Encrypted {
                    return Ok(());
                }
                let at = ChangeAt {
                    point: placement.point,
                    exact: placement.exact(),
                };
                let is_before = is_by(placement, between.from);
                visit(at, is_before, None);
                reader.for_each(GroupSpan::of(group), |record| {
                    graph.see(&record, |seen| {
                        visit(at, is_before, Some(seen));
                        Ok::<_, IoError>(())
                    })
                })
            })
        });
        read.map_err(|error| match error {
            WalkError::Io(error) => RestoreError::from(error),
            WalkError::Output(error) => *error,
            WalkError::Unusable(reason) => {
                let file = repository.chain().entries()[index].segment.file.clone();
                RestoreError::Segment(UnusableSegment { file, reason })
            }
        })?;
    }
    Ok(())
}

/// The name of a state that ends at a point.
fn name_of(cut: Cut) -> Option<PointName> {
    match cut {
        Cut::At { point, further } => Some(PointName {
            further,
            ..point.into()
        }),
        _ => None,
    }
}

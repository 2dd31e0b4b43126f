//! The chain that segments make up by their links.
//!
//! Each segment leads from the one that was captured before it to the last one in it. So the chain is a
//! path, and beside it lie what a writer stored that was overtaken or killed, and the segments that
//! others were merged from. Where segments are lost the path is in parts.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use apograph_manifest::FileName;

use crate::segment::{SegmentId, StoredSegment};

/// A segment that may be in the chain.
pub(super) struct Candidate {
    pub(super) segment: StoredSegment,
    /// Whether the catalog names it, as far as it can be read.
    pub(super) is_named: bool,
    /// Whether its objects are there.
    pub(super) is_there: bool,
}

/// Where a segment was captured: in which order the segments of a chain were.
pub(super) type Place = (u64, u32);

/// The place of a segment, by its name.
pub(super) fn place_of(name: &FileName) -> Place {
    SegmentId::parse(name.as_str()).map_or_else(Place::default, |id| (id.built_on, id.index))
}

/// The segment that one goes on from. What was forged goes in no circle.
fn after(segment: &StoredSegment) -> Option<&FileName> {
    let after = segment.link.after.as_ref();
    after.filter(|after| place_of(after) < place_of(segment.last_captured()))
}

/// From where on a segment goes.
fn from(segment: &StoredSegment) -> Place {
    after(segment).map_or_else(Place::default, place_of)
}

/// What a way back from a segment to the first one is worth: less is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    /// Where it begins.
    from: Place,
    /// How many of its segments are not there.
    missing: usize,
    /// How many the catalog does not name.
    unnamed: usize,
    segments: usize,
}

/// The indexes of those candidates that make up the chain, in its order.
pub(super) fn chain_of(candidates: &[Candidate]) -> Vec<usize> {
    let ends: Vec<_> = candidates
        .iter()
        .map(|it| it.segment.last_captured())
        .collect();
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&index| {
        (
            place_of(ends[index]),
            place_of(candidates[index].segment.name()),
        )
    });
    // The best way that ends in each captured segment: its last candidate, and its cost.
    let mut best: HashMap<&FileName, (usize, Cost)> = HashMap::new();
    for &index in &order {
        let Candidate {
            segment,
            is_named,
            is_there,
        } = &candidates[index];
        let before = after(segment).and_then(|after| best.get(after));
        let begun = Cost {
            from: from(segment),
            missing: 0,
            unnamed: 0,
            segments: 0,
        };
        let before = before.map_or(begun, |(_, cost)| *cost);
        let cost = Cost {
            missing: before.missing + usize::from(!is_there),
            unnamed: before.unnamed + usize::from(!is_named),
            segments: before.segments + 1,
            ..before
        };
        let known = best.entry(ends[index]).or_insert((index, cost));
        if cost < known.1 {
            *known = (index, cost);
        }
    }
    let mut chain = Vec::new();
    let mut below = None;
    while let Some(last) = last_below(&best, below) {
        let mut next = Some(last);
        while let Some(index) = next {
            chain.push(index);
            let after = after(&candidates[index].segment);
            below = after.map(place_of);
            next = after
                .and_then(|after| best.get(after))
                .map(|(index, _)| *index);
        }
        if below.is_none() {
            break;
        }
    }
    chain.reverse();
    chain
}

/// The last segment of the part of a chain that ends the latest before a place. Of several that go on
/// from the same one that is which the catalog names, then the one with the better way.
fn last_below(best: &HashMap<&FileName, (usize, Cost)>, below: Option<Place>) -> Option<usize> {
    let ways = best
        .iter()
        .map(|(end, (index, cost))| (place_of(end), *index, *cost));
    let ways = ways.filter(|(end, ..)| below.is_none_or(|below| *end < below));
    let better = |one: &(Place, usize, Cost), other: &(Place, usize, Cost)| -> Ordering {
        let key = |way: &(Place, usize, Cost)| (way.2.unnamed, way.2, way.1);
        one.0.cmp(&other.0).then_with(|| key(other).cmp(&key(one)))
    };
    ways.max_by(better).map(|(_, index, _)| index)
}

/// From where to where a segment goes.
pub(super) fn interval(segment: &StoredSegment) -> (Place, Place) {
    (from(segment), place_of(segment.last_captured()))
}

/// Those of some segments that hang together with others, by links, directly or through each other; and
/// the rest.
pub(super) fn linked(
    named: &[Candidate],
    mut segments: Vec<StoredSegment>,
) -> (Vec<StoredSegment>, Vec<StoredSegment>) {
    let named = named.iter().map(|it| &it.segment);
    let mut ends: HashSet<FileName> = named.clone().map(|it| it.last_captured().clone()).collect();
    let mut afters: HashSet<FileName> = named.filter_map(|it| it.link.after.clone()).collect();
    let mut found = Vec::new();
    loop {
        let hangs = |segment: &StoredSegment| {
            let after = segment.link.after.as_ref();
            after.is_some_and(|after| ends.contains(after))
                || afters.contains(segment.last_captured())
        };
        let (mut with, without): (Vec<_>, Vec<_>) = segments.into_iter().partition(hangs);
        if with.is_empty() {
            return (found, without);
        }
        for segment in &with {
            ends.insert(segment.last_captured().clone());
            afters.extend(segment.link.after.clone());
        }
        found.append(&mut with);
        segments = without;
    }
}

/// The names of those that are in a merged segment of the chain, and need not be told of.
pub(super) fn merged_in(candidates: &[Candidate], chain: &[usize]) -> HashSet<usize> {
    let merged = chain.iter().map(|&index| &candidates[index].segment);
    let merged: Vec<(Place, Place)> = merged
        .filter(|segment| segment.link.through.is_some())
        .map(|segment| (from(segment), place_of(segment.last_captured())))
        .collect();
    let is_in = |index: &usize| {
        let segment = &candidates[*index].segment;
        let (from, to) = (from(segment), place_of(segment.last_captured()));
        merged.iter().any(|part| part.0 <= from && to <= part.1)
    };
    (0..candidates.len()).filter(is_in).collect()
}

//! How much of a chain another one holds already.
//!
//! A segment is known by its hash. An increment that was merged on one side alone is known by what it
//! says of itself, which is what the others would be merged into: the place in the log, the epochs and
//! the transactions, the counts, when the last one was captured, and of all captures in it where each
//! ended and when it was taken. (A folder does not know those of a merged one that was copied into it.)

use std::cmp::Ordering;
use std::ops::Range;

use apograph_manifest::{
    Captures, ChainEntry, Hole, IncrementContent, MergedIncrement, SegmentContent,
};

use crate::timelines::are_same_spans;

/// How much of a chain another one holds.
pub(crate) struct Common {
    /// How many of its entries.
    pub(crate) entries: usize,
    /// Where the other one ends within the next of its entries.
    pub(crate) within: Option<Within>,
}

/// A chain that ends within a merged increment of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Within {
    /// The first of its entries that hold a part of the increment.
    pub(crate) first: usize,
    /// The entries of the other one that these are the front of; the last of them is the increment.
    pub(crate) whole: Range<usize>,
    /// The last capture of the increment that they hold.
    pub(crate) capture: usize,
}

/// How much of `from` all the entries of `there` are, as a history from its beginning on; `None` where
/// they are another history, or end in the middle of a capture.
pub(crate) fn common(from: &[ChainEntry], there: &[ChainEntry]) -> Option<Common> {
    let (mut rest, mut other) = (from, there);
    while let (Some(one), Some(two)) = (rest.first(), other.first()) {
        if let Some((taken, passed)) = same(rest, other) {
            (rest, other) = (rest.get(taken..)?, other.get(passed..)?);
            continue;
        }
        if let Some((count, capture)) = ends_within(rest, other) {
            let (start, first) = (from.len() - rest.len(), there.len() - other.len());
            return Some(Common {
                entries: start + count - 1,
                within: Some(Within {
                    first,
                    whole: start..start + count,
                    capture,
                }),
            });
        }
        // What one side has pruned the other may have: both go on with what both have.
        let is_pruned = |entry: &ChainEntry| entry.hole == Some(Hole::Pruned);
        let in_other = tails(other).find(|tail| is_pruned(one) && same(rest, tail).is_some());
        if let Some(tail) = in_other {
            other = tail;
        } else {
            rest = tails(rest).find(|tail| is_pruned(two) && same(tail, other).is_some())?;
        }
    }
    other.is_empty().then(|| Common {
        entries: from.len() - rest.len(),
        within: None,
    })
}

/// How many of the first entries of a chain others are the front of, and the last capture of the last
/// of them that these hold.
fn ends_within(from: &[ChainEntry], there: &[ChainEntry]) -> Option<(usize, usize)> {
    let of = MergedIncrement::of(there)?;
    let held = of.content.commits;
    let mut before = 0_u64;
    let reaches = |entry: &ChainEntry| {
        let is_front = before.saturating_add(commits(entry)) <= held;
        before = before.saturating_add(commits(entry));
        !is_front
    };
    let last = from.iter().position(reaches)?;
    let whole = MergedIncrement::of(from.get(..=last)?)?;
    let own = increment(from.get(last)?)?.captures.as_slice();
    let capture = of.content.captures.as_slice().last()?;
    let captures = whole.content.captures.as_slice();
    let others = captures.len().checked_sub(own.len())?;
    let held = captures.iter().position(|known| known == capture)?;
    let is_front =
        of.content.start() == whole.content.start() && of.start_epoch == whole.start_epoch;
    let capture = held.checked_sub(others)?;
    (is_front && capture + 1 < own.len()).then_some((last + 1, capture))
}

fn tails(entries: &[ChainEntry]) -> impl Iterator<Item = &[ChainEntry]> {
    (1..entries.len()).filter_map(|from| entries.get(from..))
}

/// How many of the first entries of each hold the same: one of each, or increments that were merged in
/// two ways.
fn same(from: &[ChainEntry], there: &[ChainEntry]) -> Option<(usize, usize)> {
    let (one, two) = (from.first()?, there.first()?);
    if one.hash.is_some() && one.hash == two.hash {
        return Some((1, 1));
    }
    let (taken, passed) = as_many_commits(from, there)?;
    let merged = [from.get(..taken)?, there.get(..passed)?].map(MergedIncrement::of);
    let [Some(one), Some(two)] = merged else {
        return None;
    };
    is_same_merged(one, two).then_some((taken, passed))
}

/// How many of the first increments of each have as many commits as those of the other.
fn as_many_commits(from: &[ChainEntry], there: &[ChainEntry]) -> Option<(usize, usize)> {
    let next = |entries: &[ChainEntry], count: &mut usize| {
        let commits = commits(entries.get(*count)?);
        *count += 1;
        (commits > 0).then_some(commits)
    };
    let (mut taken, mut passed) = (0, 0);
    let mut ahead = Ordering::Equal;
    let (mut one, mut two) = (0_u64, 0_u64);
    while ahead != Ordering::Equal || taken == 0 {
        if ahead != Ordering::Greater {
            one = one.checked_add(next(from, &mut taken)?)?;
        }
        if ahead != Ordering::Less {
            two = two.checked_add(next(there, &mut passed)?)?;
        }
        ahead = one.cmp(&two);
    }
    // Two that were not merged are the same where their bytes are.
    (taken + passed > 2).then_some((taken, passed))
}

fn is_same_merged(mut one: MergedIncrement, mut two: MergedIncrement) -> bool {
    let [own, other] = [&one, &two].map(|it| it.content.captures.as_slice().len());
    if own != other {
        (one.content.captures, two.content.captures) = (Captures::default(), Captures::default());
    }
    if are_same_spans(&one.content.stretches, &two.content.stretches) {
        two.content.stretches.clone_from(&one.content.stretches);
    }
    one == two
}

fn increment(entry: &ChainEntry) -> Option<&IncrementContent> {
    match &entry.content {
        Some(SegmentContent::Increment(increment)) => Some(increment),
        _ => None,
    }
}

fn commits(entry: &ChainEntry) -> u64 {
    increment(entry).map_or(0, |increment| increment.commits)
}

#[cfg(test)]
mod tests {
    use apograph_io::Context;
    use apograph_manifest::FurtherCommits;
    use apograph_testing::fixtures::V1;
    use apograph_testing::stage::Stage;

    use super::*;
    use crate::repository::Repository;

    const HEADER: u64 = apograph_format::SEGMENT_HEADER_BYTES as u64;

    fn without_further(entry: &ChainEntry) -> ChainEntry {
        let mut entry = entry.clone();
        if let Some(SegmentContent::Increment(increment)) = &mut entry.content {
            for span in &mut increment.stretches {
                span.further = FurtherCommits::UNKNOWN;
            }
        }
        entry
    }

    #[test]
    fn records_of_an_older_version_are_of_the_same_history() {
        let stage = Stage::of(V1, "05_schema");
        let repository = Repository::open(stage.repository(), Context::default());
        let all = repository.expect("a repository").chain().entries().to_vec();
        let (full, increments) = all.split_first().expect("a full backup");
        let of = MergedIncrement::of(increments).expect("they can be joined");
        let mut merged = increments[0].clone();
        merged.segment.created_at = of.created_at;
        merged.segment.end_epoch = of.end_epoch;
        let logs = increments.iter().map(|it| it.segment.size_bytes - HEADER);
        merged.segment.size_bytes = HEADER + logs.sum::<u64>();
        merged.content = Some(of.content.into());
        merged.hash = None;
        let from = [full.clone(), merged];
        let older: Vec<_> = all.iter().map(without_further).collect();
        assert_ne!(all, older, "there are further commits");
        for there in [&all, &older] {
            let common = common(&from, there).expect("the same history");
            assert_eq!((common.entries, common.within), (2, None));
        }
    }
}

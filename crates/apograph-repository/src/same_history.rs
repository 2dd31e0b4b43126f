//! How much of a chain another one holds already.
//!
//! A segment is known by its hash. An increment that was merged on one side alone is known by what it
//! says of itself, which is what the others would be merged into: the place in the log, the epochs and
//! the transactions, the counts, when the last one was captured, and of all captures in it where each
//! ended and when it was taken. (A folder does not know those of a merged one that was copied into it.)

use apograph_manifest::{
    Captures, ChainEntry, Hole, IncrementContent, MergedIncrement, SegmentContent,
};

use crate::timelines::are_same_spans;

/// How much of a chain another one holds.
pub(crate) struct Common {
    /// How many of its entries.
    pub(crate) entries: usize,
    /// Where the other one ends within the next of its entries, which is merged: the first of the
    /// others that hold a part of it, and the last of its captures that they hold.
    pub(crate) within: Option<(usize, usize)>,
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
        if let Some(capture) = ends_within(one, other) {
            return Some(Common {
                entries: from.len() - rest.len(),
                within: Some((there.len() - other.len(), capture)),
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

/// The capture of a merged increment that some entries end with, which hold it from its front on.
fn ends_within(merged: &ChainEntry, entries: &[ChainEntry]) -> Option<usize> {
    let (content, of) = (increment(merged)?, MergedIncrement::of(entries)?);
    let held = of.content.captures.as_slice().last()?;
    let captures = content.captures.as_slice();
    let last = captures.iter().position(|capture| capture == held)?;
    let is_front =
        of.content.start() == content.start() && of.start_epoch == merged.segment.start_epoch;
    (is_front && last + 1 < captures.len()).then_some(last)
}

fn tails(entries: &[ChainEntry]) -> impl Iterator<Item = &[ChainEntry]> {
    (1..entries.len()).filter_map(|from| entries.get(from..))
}

/// How many of the first entries of each hold the same.
fn same(from: &[ChainEntry], there: &[ChainEntry]) -> Option<(usize, usize)> {
    let (one, two) = (from.first()?, there.first()?);
    if one.hash.is_some() && one.hash == two.hash {
        Some((1, 1))
    } else if commits(one) < commits(two) {
        Some((parts_of(two, from)?, 1))
    } else {
        Some((1, parts_of(one, there)?))
    }
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

/// How many of the first entries an increment was merged from; `None` where it was not.
fn parts_of(merged: &ChainEntry, entries: &[ChainEntry]) -> Option<usize> {
    let content = increment(merged)?;
    let (mut count, mut left) = (0, content.commits);
    for entry in entries.iter().take_while(|entry| commits(entry) > 0) {
        left = left.checked_sub(commits(entry))?;
        count += 1;
        if left == 0 {
            break;
        }
    }
    let of = MergedIncrement::of(entries.get(..count)?)?;
    let knows_all = of.content.captures.as_slice().len() == content.captures.as_slice().len();
    let captures = if knows_all {
        content.captures.clone()
    } else {
        Captures::default()
    };
    let expected = IncrementContent {
        captures,
        ..content.clone()
    };
    let mut found = of.content;
    if !knows_all {
        found.captures = Captures::default();
    }
    if are_same_spans(&expected.stretches, &found.stretches) {
        found.stretches.clone_from(&expected.stretches);
    }
    let is_same = found == expected && of.created_at == merged.segment.created_at;
    (count > 1 && left == 0 && is_same).then_some(count)
}

#[cfg(test)]
mod tests {
    use apograph_io::Context;
    use apograph_manifest::FurtherCommits;
    use apograph_testing::fixtures::V1;
    use apograph_testing::stage::Stage;

    use super::*;
    use crate::repository::Repository;

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

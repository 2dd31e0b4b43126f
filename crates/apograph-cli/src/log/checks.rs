//! What is asked of a log, and cannot be.

use std::collections::BTreeSet;

use apograph_format::{Generation, Timeline};
use apograph_manifest::{ChainEntry, SegmentContent};
use apograph_repository::Repository;

use crate::args::Log;
use crate::failure::Failure;

/// More commits are no object that a program would want to read at once.
const OBJECT_COMMITS: u64 = 100_000;

/// Refuses an object of all commits where they are too many.
pub(super) fn length(repository: &Repository) -> Result<(), Failure> {
    let entries = repository.chain().entries().iter();
    let commits = entries.filter_map(|entry| match &entry.content {
        Some(SegmentContent::Increment(increment)) => Some(increment.commits),
        _ => None,
    });
    let commits = commits.fold(0, u64::saturating_add);
    if commits <= OBJECT_COMMITS {
        return Ok(());
    }
    let message = format!("{commits} commits are too many for one object");
    Err(Failure::usage(&message).hinting("--json-lines prints one a line; --limit says how many"))
}

/// Refuses what is named and cannot be in the repository.
pub(super) fn names(repository: &Repository, asked: &Log) -> Result<(), Failure> {
    asked.sought.check_kind(&generations(repository))?;
    timelines(repository, asked)
}

/// The generations of a repository's segments, or both where that is not known.
fn generations(repository: &Repository) -> Vec<Generation> {
    let entries = repository.chain().entries().iter();
    let found: BTreeSet<_> = entries.filter_map(ChainEntry::generation).collect();
    if found.is_empty() {
        return vec![Generation::One, Generation::Two];
    }
    found.into_iter().collect()
}

/// The last timeline that a segment has a part of, where that is known.
fn last_timeline(entry: &ChainEntry) -> Option<Timeline> {
    match entry.content.as_ref().filter(|_| entry.is_counted)? {
        SegmentContent::Full(full) => Some(full.base.timeline),
        SegmentContent::Increment(increment) => Some(increment.stretches.last()?.timeline),
    }
}

/// Refuses a timeline after the last one of the repository.
fn timelines(repository: &Repository, asked: &Log) -> Result<(), Failure> {
    let entries = repository.chain().entries().iter();
    let known: Option<Vec<Timeline>> = entries.map(last_timeline).collect();
    let Some(last) = known.and_then(|known| known.into_iter().max()) else {
        return Ok(());
    };
    let named = [("--from", asked.from), ("--to", asked.to)];
    let mut named = named
        .into_iter()
        .filter_map(|(option, name)| Some((option, name?.timeline?)));
    match named.find(|(_, timeline)| *timeline > last) {
        Some((option, timeline)) => {
            let message = format!("{option} names timeline {timeline}, and the last one is {last}");
            Err(Failure::usage(&message).hinting("`apograph list REPO` shows the points"))
        }
        None => Ok(()),
    }
}

/// A range that holds nothing whatever was captured.
pub(super) fn range(asked: &Log) -> Result<(), Failure> {
    let is_empty = match (asked.from, asked.to) {
        (Some(from), Some(to)) if from.timeline == to.timeline => {
            let [first, last] = [from.further.unwrap_or(0), to.further.unwrap_or(u64::MAX)];
            (to.epoch, last) < (from.epoch, first)
        }
        (Some(from), Some(to)) => from.timeline > to.timeline && to.timeline.is_some(),
        _ => false,
    };
    if is_empty {
        let ends = asked.from.zip(asked.to);
        let hint = ends.map(|(from, to)| format!("`--from {to} --to {from}` is the range"));
        let failure = Failure::usage("--from lies after --to");
        return Err(failure.hinting(hint.unwrap_or_default()));
    }
    match (asked.since, asked.until) {
        (Some(since), Some(until)) if until < since => {
            let hint = "name the earlier instant with --since, the later one with --until";
            Err(Failure::usage("--since lies after --until").hinting(hint))
        }
        _ => Ok(()),
    }
}

//! Merging the increments of a vault changes no answer.

use std::time::Duration;

use apograph_format::{Epoch, Point, UnixMillis, WithCauses};
use apograph_io::Context;
use apograph_manifest::{Chain, SegmentContent, Target};
use apograph_repository::{Compaction, Location, Repository, RepositoryError, compact};
use apograph_restore::{Logged, Options, RestoreError, VerifyOptions, commits, restore, verify};
use apograph_testing::clock::ManualClock;
use apograph_testing::scratch::scratch;

use crate::hash::hash_of;

/// Longer than any window, and than what any capture's clock is ahead.
const LATER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Merges what can be merged of a vault, and compares what it answers before and after.
///
/// # Errors
///
/// The first question that is answered in two ways, or a merge that fails.
pub fn check_merged(vault: &Location, states: usize) -> Result<Compaction, String> {
    let before = MergedAnswers::of(vault, states)?;
    let told = |error| format!("merged: {}", WithCauses(&error));
    let done = compact_later(vault).map_err(told)?;
    before.check(vault)?;
    let again = compact_later(vault).map_err(told)?;
    if again.merged > 0 {
        return Err(format!("merged once more: {again:?}"));
    }
    Ok(done)
}

/// Merges all that can be merged: every window is over.
///
/// # Errors
///
/// Those of [`compact`].
pub fn compact_later(vault: impl Into<Location>) -> Result<Compaction, RepositoryError> {
    let clock = ManualClock::default();
    clock.pass(LATER);
    let context = Context {
        clock: &clock,
        ..Context::default()
    };
    compact(vault, context)
}

/// What a vault answers, whatever its increments are merged into.
pub struct MergedAnswers {
    targets: Vec<Target>,
    answers: Vec<String>,
}

impl MergedAnswers {
    /// Asks a vault, and for at most so many points and instants.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn of(vault: &Location, states: usize) -> Result<Self, String> {
        let targets = targets(&opened(vault)?, states);
        let answers = merged_answers(vault, &targets)?;
        Ok(Self { targets, answers })
    }

    /// Asks a vault the same questions.
    ///
    /// # Errors
    ///
    /// The first one that is answered in another way.
    pub fn check(&self, vault: &Location) -> Result<(), String> {
        let found = merged_answers(vault, &self.targets)?;
        let mut pairs = self.answers.iter().zip(&found);
        match pairs.find(|(one, other)| one != other) {
            Some((before, after)) => Err(format!("{before}\nafter merging: {after}")),
            None if self.answers.len() == found.len() => Ok(()),
            None => Err(format!(
                "{} answers, not {}",
                found.len(),
                self.answers.len()
            )),
        }
    }
}
fn opened(vault: &Location) -> Result<Repository, String> {
    Repository::open(vault, Context::default()).map_err(|error| error.to_string())
}

/// What can be asked for: some points, the ends of the log, and each instant around a capture or the
/// end of an increment's commits.
fn targets(repository: &Repository, states: usize) -> Vec<Target> {
    let chain = repository.chain();
    let mut points = Vec::new();
    for range in chain.restorable() {
        let epochs = range.from.get()..=range.to.get();
        points.extend(epochs.map(|epoch| Point::new(range.timeline, Epoch::new(epoch))));
    }
    let mut times: Vec<u64> = chain
        .entries()
        .iter()
        .flat_map(|entry| {
            let committed = match &entry.content {
                Some(SegmentContent::Increment(increment)) => increment.committed(),
                _ => None,
            };
            let committed = committed
                .into_iter()
                .flat_map(|span| [span.first, span.last]);
            let captured = entry.captured().map(|capture| capture.at);
            committed.chain(captured).collect::<Vec<_>>()
        })
        .flat_map(|at| [at.get().saturating_sub(1), at.get(), at.get() + 1])
        .collect();
    times.sort_unstable();
    times.dedup();
    let some = |count: usize| count.div_ceil(states.max(1)).max(1);
    let (point_step, time_step) = (some(points.len()), some(times.len()));
    let lsns = chain.restorable_lsns().into_iter();
    let lsns = lsns
        .flat_map(|range| [range.from, range.to])
        .map(Target::Lsn);
    let points = points.into_iter().step_by(point_step);
    let points = points.map(|point| Target::Point(point.into()));
    let times = times.into_iter().step_by(time_step);
    let times = times.map(|time| Target::Time(UnixMillis::new(time)));
    [Target::Latest]
        .into_iter()
        .chain(lsns)
        .chain(points)
        .chain(times)
        .collect()
}

/// What a vault answers, without the names of its segments.
fn merged_answers(vault: &Location, targets: &[Target]) -> Result<Vec<String>, String> {
    let repository = opened(vault)?;
    let chain = repository.chain();
    let mut answers = vec![
        format!("points {:?}", chain.restorable()),
        format!("positions {:?}", chain.restorable_lsns()),
        format!("covered until {:?}", chain.covered_until()),
    ];
    answers.extend(
        chain
            .gaps()
            .map(|gap| format!("gap {:?} {:?}", gap.after, gap.before)),
    );
    let verified = verify(vault, &VerifyOptions::default(), Context::default());
    let verified = verified.map_err(|error| error.to_string())?;
    answers.push(format!("problems {}", verified.problems.len()));
    answers.extend(logged(&repository)?);
    for target in targets {
        answers.push(format!("{target:?}: {}", restored(vault, chain, *target)?));
    }
    Ok(answers)
}

/// What the log says of each commit, but for the segment that it is in.
fn logged(repository: &Repository) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    let read = commits(repository, false, Context::default(), |logged| {
        lines.push(match logged {
            Logged::Commit(commit) => format!(
                "{} {} {} {:?} {:?} {} {:?} {}",
                commit.point,
                commit.own_epoch,
                commit.transaction,
                commit.committed_at,
                commit.captured_after,
                commit.captured_at,
                commit.end_lsn,
                commit.records
            ),
            Logged::Unusable(segment) => segment.reason.to_string(),
        });
        Ok::<_, RestoreError>(())
    });
    read.map_err(|error| error.to_string())?;
    Ok(lines)
}

/// What a restore says and makes.
fn restored(vault: &Location, chain: &Chain, target: Target) -> Result<String, String> {
    let folder = scratch().map_err(|error| error.to_string())?;
    let output = folder.path().join("out.grafeo");
    match restore(vault, &output, &Options::to(target), Context::default()) {
        Err(error) => {
            let names = chain
                .entries()
                .iter()
                .map(|entry| entry.segment.file.as_str());
            let told = WithCauses(&error).to_string();
            let told = names.fold(told, |told, name| told.replace(name, "segment"));
            Ok(format!("{} {told}", error.code()))
        }
        Ok(restored) => {
            let hash = hash_of(folder.path()).map_err(|error| error.to_string())?;
            let (point, lsn) = (restored.point, restored.lsn);
            let (commits, interval) = (restored.commits, restored.interval);
            Ok(format!("{point:?} {lsn:?} {commits} {interval:?} {hash}"))
        }
    }
}

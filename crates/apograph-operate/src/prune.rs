//! Pruning: segments that no rule keeps leave the chain, and are deleted after a grace.

use std::time::Duration;

use apograph_format::{Code, SegmentKind, UnixMillis};
use apograph_io::{Context, IoError};
use apograph_manifest::{Chain, FileName, Hole, Level, LsnRange, PointRange};
use apograph_repository::{
    Location, Removal, Repository, RepositoryError, bring_back, remove_segments,
};

use crate::retention::{Policy, Retention, RetentionError, Rule};
use crate::status::since;

/// A newest segment that is older than this may be one of a repository that nothing is added to any more:
/// windows that are counted back from it may not be what was meant.
const STALE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is to be pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// What stays.
    pub policy: Policy,
    /// For how long what goes can be brought back.
    pub grace: Duration,
    /// Whether it is done too where the newest segment is more than a week old, or made in the future.
    pub allow_stale: bool,
}

/// What a prune does, or would do.
#[derive(Debug, Clone, PartialEq)]
pub struct PrunePlan {
    /// Each segment of the chain.
    pub segments: Vec<PlannedSegment>,
    /// What can be restored before, and after.
    pub restorable: [Vec<PointRange>; 2],
    /// The positions of the log that can be, in generation 2, before and after.
    pub restorable_lsns: [Vec<LsnRange>; 2],
}

/// What becomes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSegment {
    /// Its name.
    pub file: FileName,
    /// Full or incremental.
    pub kind: SegmentKind,
    /// When it was captured.
    pub created_at: UnixMillis,
    /// The bytes of its objects, in a vault; else its own.
    pub stored_bytes: u64,
    /// Why it stays; nothing where it goes.
    pub rules: Vec<Rule>,
}

impl PrunePlan {
    /// The segments that go.
    pub fn removed(&self) -> impl Iterator<Item = &PlannedSegment> {
        self.segments.iter().filter(|it| it.rules.is_empty())
    }

    /// The segments that stay.
    pub fn kept(&self) -> impl Iterator<Item = &PlannedSegment> {
        self.segments.iter().filter(|it| !it.rules.is_empty())
    }

    fn of(repository: &Repository, retention: Retention) -> Self {
        let before = repository.chain();
        let after = retention.left_of(before);
        let of_both = |range: fn(&Chain) -> Vec<PointRange>| [range(before), range(&after)];
        let segments = before.entries().iter().zip(retention.rules).enumerate();
        Self {
            restorable: of_both(Chain::restorable),
            restorable_lsns: [before.restorable_lsns(), after.restorable_lsns()],
            segments: segments
                .map(|(index, (entry, rules))| PlannedSegment {
                    file: entry.segment.file.clone(),
                    kind: entry.segment.kind,
                    created_at: entry.segment.created_at,
                    stored_bytes: repository.bytes_at(index, Level::Objects),
                    rules,
                })
                .collect(),
        }
    }
}

/// What was pruned.
#[derive(Debug, Clone, PartialEq)]
pub struct Pruned {
    /// What was done.
    pub plan: PrunePlan,
    /// Until when it can be taken back, and what was deleted that was pruned before.
    pub removal: Removal,
}

/// Why nothing is pruned, or brought back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The policy does not say what is to stay, or that cannot be told.
    #[error(transparent)]
    Retention(#[from] RetentionError),
    /// The repository cannot be read or changed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The newest segment is more than a week old.
    #[error("the newest segment is {} days old", age.as_secs() / 86_400)]
    Stale {
        /// How old it is.
        age: Duration,
    },
    /// The newest segment was captured in the future, by the clock of this machine.
    #[error("the newest segment was captured {} s in the future: a clock is wrong, or was", ahead.as_secs())]
    Ahead {
        /// How far.
        ahead: Duration,
    },
    /// What was pruned is deleted.
    #[error("nothing can be brought back: what was pruned is deleted")]
    UndoTooLate,
}

impl PruneError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Retention(error) => error.code(),
            Self::Repository(RepositoryError::Io(IoError::Interrupted)) => Code::Interrupted,
            Self::Repository(error) => error.code(),
            Self::Stale { .. } | Self::Ahead { .. } => Code::ClockDoubtful,
            Self::UndoTooLate => Code::UndoTooLate,
        }
    }
}

impl Prune {
    /// What it would do.
    ///
    /// # Errors
    ///
    /// [`RetentionError`].
    pub fn plan(&self, repository: &Repository) -> Result<PrunePlan, RetentionError> {
        let retention = self.policy.keeps(repository)?;
        retention.check(repository)?;
        Ok(PrunePlan::of(repository, retention))
    }

    /// Removes what no rule keeps from the chain, and deletes what was removed by an earlier one whose
    /// grace is over.
    ///
    /// # Errors
    ///
    /// [`PruneError`]; the chain is as it was then.
    pub fn apply(&self, at: &Location, context: Context<'_>) -> Result<Pruned, PruneError> {
        let mut plan = None;
        let choose = &mut |repository: &Repository| {
            self.check_clock(repository, context.clock.now())?;
            let made = plan.insert(self.plan(repository)?);
            let removed = made.segments.iter().enumerate();
            let removed = removed.filter(|(_, segment)| segment.rules.is_empty());
            Ok::<Vec<usize>, PruneError>(removed.map(|(index, _)| index).collect())
        };
        let removal = remove_segments(at, self.grace, choose, context)?;
        let plan = plan.ok_or(RetentionError::KeepsNothing)?;
        Ok(Pruned { plan, removal })
    }

    /// Windows and periods count back from the newest segment, so that has to be about now.
    ///
    /// # Errors
    ///
    /// [`PruneError::Stale`] and [`PruneError::Ahead`].
    pub fn check_clock(&self, repository: &Repository, now: UnixMillis) -> Result<(), PruneError> {
        let entries = repository.chain().entries().iter();
        let newest = entries.map(|entry| entry.segment.created_at).max();
        let newest = newest.unwrap_or(now);
        let (age, ahead) = (since(newest, now), since(now, newest));
        if self.allow_stale {
            Ok(())
        } else if ahead > Duration::ZERO {
            Err(PruneError::Ahead { ahead })
        } else if age > STALE {
            Err(PruneError::Stale { age })
        } else {
            Ok(())
        }
    }
}

/// What an undo brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The segments.
    pub segments: Vec<FileName>,
    /// Whether something that was pruned before is deleted, and missing.
    pub is_some_gone: bool,
}

/// Brings back what was pruned, and is not deleted.
///
/// # Errors
///
/// [`PruneError::UndoTooLate`] where something was pruned, and nothing of it is left;
/// [`PruneError::Repository`].
pub fn undo_prune(at: &Location, context: Context<'_>) -> Result<Undone, PruneError> {
    let is_any_missing = || {
        let repository = Repository::open(at, context)?;
        let mut entries = repository.chain().entries().iter();
        Ok::<_, RepositoryError>(entries.any(|it| it.hole == Some(Hole::Pruned)))
    };
    let was_any_missing = is_any_missing()?;
    let segments = bring_back(at, context)?;
    if segments.is_empty() && was_any_missing {
        return Err(PruneError::UndoTooLate);
    }
    Ok(Undone {
        segments,
        is_some_gone: is_any_missing()?,
    })
}

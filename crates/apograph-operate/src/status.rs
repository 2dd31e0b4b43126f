//! How a repository stands.

use std::time::Duration;

use apograph_capture::{Pending, PendingOf};
use apograph_format::{Point, PointName, SegmentKind, UnixMillis};
use apograph_io::Context;
use apograph_manifest::{
    Chain, ChainEntry, DrillNote, GapKind, Level, LsnRange, PointRange, SegmentContent,
};
use apograph_repository::{Repository, Result};

use crate::effort::RestoreEffort;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Over so many days the growth is counted.
const GROWTH_DAYS: u64 = 7;

/// How a repository stands at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The moment.
    pub now: UnixMillis,
    /// The newest commit in the repository; `None` where there is none, or no point is known.
    pub newest: Option<NewestCommit>,
    /// Every commit before this instant is in the repository; `None` where nothing is in it.
    pub captured_until: Option<UnixMillis>,
    /// What of the database is not; `None` where nobody asked.
    pub pending: Option<Pending>,
    /// The points that can be restored.
    pub restorable: Vec<PointRange>,
    /// The positions of the log that can be, in generation 2.
    pub restorable_lsns: Vec<LsnRange>,
    /// Places where what belongs to the chain is missing, or cannot be used.
    pub missing: u64,
    /// Places where a full backup began a new timeline, as after a close of the database.
    pub branches: u64,
    /// When the last full backup was taken that can be used.
    pub last_full: Option<UnixMillis>,
    /// When a segment was last verified.
    pub last_verified: Option<UnixMillis>,
    /// All that was captured before this instant was verified since, at any level. `None` where
    /// nothing is in the repository.
    pub unverified_since: Option<UnixMillis>,
    /// What verifications found damaged.
    pub damaged: u64,
    /// What the last drill found; `None` where there was none.
    pub drilled: Option<DrillNote>,
    /// The segments.
    pub totals: SegmentTotals,
    /// How many bytes of segments a day brings, over the last seven days that there were backups.
    pub growth_bytes_a_day: u64,
    /// How many bytes a restore of the latest state reads; `None` where that cannot be restored.
    pub restore_bytes: Option<u64>,
    /// How many bytes are free where the repository is; `None` in an object store.
    pub free_bytes: Option<u64>,
    /// The latest time that a segment claims to be of, or until which all is said to be captured.
    pub(crate) latest: UnixMillis,
}

/// The newest commit in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestCommit {
    /// Its point; `None` in an encrypted log.
    pub point: Option<Point>,
    /// The name that the state after it keeps.
    pub name: Option<PointName>,
    /// When it was made, where the log says it (generation 2).
    pub committed_at: Option<UnixMillis>,
    /// When it was captured.
    pub captured_at: UnixMillis,
}

/// How many segments there are, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SegmentTotals {
    /// How many full backups.
    pub fulls: u64,
    /// How many increments.
    pub increments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The bytes of their objects, in a vault; else their bytes.
    pub stored_bytes: u64,
}

impl Status {
    /// What a repository says of itself, and what of its database is [pending](apograph_capture::pending).
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Io`](apograph_repository::RepositoryError::Io) where the free room cannot be
    /// told.
    pub fn of(
        repository: &Repository,
        pending: Option<Pending>,
        context: Context<'_>,
    ) -> Result<Self> {
        let (chain, now) = (repository.chain(), context.clock.now());
        let entries = chain.entries();
        let gaps: Vec<GapKind> = chain.gaps().map(|gap| gap.cause.kind()).collect();
        let count = |kind: GapKind| gaps.iter().filter(|it| **it == kind).count() as u64;
        let is_usable = |entry: &&ChainEntry| is_full(entry) && entry.unusable.is_none();
        let mut fulls = entries.iter().rev().filter(is_usable);
        let captured_until = chain.covered_until();
        let times = entries.iter().map(|entry| entry.segment.created_at);
        let found = || (0..entries.len()).filter_map(|index| repository.verified(index));
        let damaged = (0..entries.len()).filter(|index| repository.damage(*index).is_some());
        Ok(Self {
            now,
            newest: newest(chain),
            captured_until,
            pending,
            restorable: chain.restorable(),
            restorable_lsns: chain.restorable_lsns(),
            missing: count(GapKind::Missing),
            branches: count(GapKind::Branch),
            last_full: fulls.next().map(|entry| entry.segment.created_at),
            last_verified: found().map(|it| it.at).max(),
            unverified_since: unverified_since(repository, now),
            damaged: damaged.count() as u64,
            drilled: repository.drilled().cloned(),
            totals: totals(repository),
            growth_bytes_a_day: growth(entries),
            restore_bytes: RestoreEffort::of(chain).map(|effort| effort.bytes),
            free_bytes: repository.bytes_free()?,
            latest: times.chain(captured_until).max().unwrap_or_default(),
        })
    }

    /// For how long at most there are commits that are in no backup. Without the database it is for
    /// how long nobody has looked.
    pub fn lag(&self) -> Option<Duration> {
        let looked = self.captured_until.map(|until| since(until, self.now));
        // What is in no backup was made after somebody looked, whatever its clock said.
        let is_true = |first: UnixMillis| Some(first) >= self.captured_until && first <= self.now;
        match self.pending.as_ref().map(|pending| &pending.of) {
            Some(PendingOf::Nothing) => Some(Duration::ZERO),
            Some(PendingOf::Commits {
                since: Some(first), ..
            }) if is_true(*first) => Some(since(*first, self.now)),
            Some(PendingOf::Commits { .. } | PendingOf::Unknown { .. }) | None => looked,
        }
    }
}

/// How long ago an instant was; nothing where it lies ahead.
pub(crate) fn since(then: UnixMillis, now: UnixMillis) -> Duration {
    Duration::from_millis(now.get().saturating_sub(then.get()))
}

fn is_full(entry: &ChainEntry) -> bool {
    entry.segment.kind == SegmentKind::Full
}

pub(crate) fn newest(chain: &Chain) -> Option<NewestCommit> {
    let entry = chain.entries().last()?;
    let committed = chain
        .entries()
        .iter()
        .rev()
        .find_map(|entry| match &entry.content {
            Some(SegmentContent::Increment(increment)) => increment.committed(),
            _ => None,
        });
    let last = chain.restorable().pop();
    let point = last.map(|range| Point::new(range.timeline, range.to));
    Some(NewestCommit {
        point,
        name: point.map(|point| chain.lasting_name(point)),
        committed_at: committed.map(|span| span.last),
        captured_at: entry.segment.created_at,
    })
}

/// The oldest instant at which something was captured or verified last.
fn unverified_since(repository: &Repository, now: UnixMillis) -> Option<UnixMillis> {
    let entries = repository.chain().entries().iter().enumerate();
    let last = entries.map(|(index, entry)| {
        let verified = repository.verified(index);
        let at = verified.map_or(UnixMillis::default(), |it| it.at);
        at.max(entry.segment.created_at).min(now)
    });
    last.min()
}

pub(crate) fn totals(repository: &Repository) -> SegmentTotals {
    let mut totals = SegmentTotals::default();
    for (index, entry) in repository.chain().entries().iter().enumerate() {
        if is_full(entry) {
            totals.fulls += 1;
        } else {
            totals.increments += 1;
        }
        totals.bytes += entry.segment.size_bytes;
        totals.stored_bytes += repository.bytes_at(index, Level::Objects);
    }
    totals
}

/// Bytes a day, over the days up to the newest segment.
fn growth(entries: &[ChainEntry]) -> u64 {
    let times = || entries.iter().map(|entry| entry.segment.created_at.get());
    let day = u64::try_from(DAY.as_millis()).unwrap_or(u64::MAX);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return 0;
    };
    let from = first.max(last.saturating_sub(GROWTH_DAYS * day));
    let bytes: u64 = entries
        .iter()
        .filter(|entry| entry.segment.created_at.get() >= from)
        .map(|entry| entry.segment.size_bytes)
        .sum();
    let span = last.saturating_sub(from).max(day);
    let a_day = u128::from(bytes) * u128::from(day) / u128::from(span);
    u64::try_from(a_day).unwrap_or(u64::MAX)
}

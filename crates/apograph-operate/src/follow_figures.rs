//! What became of following a database, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use apograph_format::{Code, Epoch, Point, SegmentKind, UnixMillis};
use apograph_manifest::{SegmentContent, SegmentRecord};
use apograph_repository::Repository;

use crate::exposition::{Exposition, Newest};
use crate::status::{SegmentTotals, newest, since, totals};

/// What became of following a database so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowFigures {
    /// The newest point in the repository, where it is known.
    pub point: Option<Point>,
    /// When its commit was made, where the log says that.
    pub committed_at: Option<UnixMillis>,
    /// Every commit before this instant is in the repository.
    pub captured_until: Option<UnixMillis>,
    /// When the last full backup was taken.
    pub last_full: Option<UnixMillis>,
    /// When it was last captured, or proved that nothing is new.
    pub last_success: Option<UnixMillis>,
    /// The segments that were in the repository when it was opened, and those that were added since.
    pub totals: SegmentTotals,
    /// How many bytes the log has more than what was captured, at most.
    pub pending_bytes: u64,
    /// How many captures added something.
    pub captures: u64,
    /// How many of each kind failed.
    pub failures: BTreeMap<&'static str, u64>,
    /// What goes wrong now.
    pub failing: Option<Code>,
    /// How old the oldest commit of the last capture was when the repository had it.
    pub lag: Option<Duration>,
    /// The longest of these.
    pub lag_max: Option<Duration>,
}

impl FollowFigures {
    /// Adds the figures.
    pub fn expose(&self, out: &mut Exposition) {
        out.newest(&Newest {
            captured_until: self.captured_until,
            committed_at: self.committed_at,
            point: self.point,
            last_full: self.last_full,
        });
        self.totals.expose(out);
        out.pending_bytes(Some(self.pending_bytes));
        out.time(
            "follow_last_success",
            "When it was last captured, or proved that nothing is new.",
            self.last_success,
        );
        out.number(
            "follow_failing",
            "Whether something goes wrong now.",
            Some(self.failing.is_some().into()),
        );
        let failures: Vec<_> = self
            .failures
            .iter()
            .map(|(code, it)| (*code, *it))
            .collect();
        out.by(
            "follow_failures_total",
            "How often something went wrong, by the code of the error.",
            "code",
            &failures,
        );
        out.number(
            "follow_captures_total",
            "The captures that added something.",
            Some(self.captures),
        );
        out.duration(
            "follow_capture_lag",
            "How old the oldest commit of the last capture was when the repository had it.",
            self.lag,
        );
        out.duration(
            "follow_capture_lag_max",
            "The longest of these.",
            self.lag_max,
        );
    }

    /// What a repository that was opened says.
    pub(crate) fn begin_with(&mut self, repository: &Repository) {
        let chain = repository.chain();
        let newest = newest(chain);
        self.point = newest.and_then(|newest| newest.point);
        self.committed_at = newest.and_then(|newest| newest.committed_at);
        // The time of a segment is that of its end: commits may have come while it was read.
        let notes = repository.notes().ok().flatten();
        self.captured_until = notes.and_then(|notes| notes.looked_until);
        let mut entries = chain.entries().iter().rev();
        let full = entries.find(|it| it.segment.kind == SegmentKind::Full && it.unusable.is_none());
        self.last_full = full.map(|it| it.segment.created_at);
        self.count(repository);
    }

    /// Counts the segments of a repository.
    pub(crate) fn count(&mut self, repository: &Repository) {
        self.totals = totals(repository);
    }

    /// Segments that were added at an instant. Nothing was new the last time that it was looked before.
    pub(crate) fn add(
        &mut self,
        segments: &[SegmentRecord],
        (unchanged_at, now): (Option<UnixMillis>, UnixMillis),
    ) {
        self.captures += 1;
        let mut first = None;
        for record in segments {
            let segment = &record.segment;
            self.totals.bytes += segment.size_bytes;
            let point = match &record.content {
                SegmentContent::Full(full) => {
                    self.totals.fulls += 1;
                    self.last_full = Some(segment.created_at);
                    Some(full.base)
                }
                SegmentContent::Increment(increment) => {
                    self.totals.increments += 1;
                    if let Some(committed) = increment.committed() {
                        // What is repeated was captured before.
                        let is_new = !increment.repeats;
                        first = first.or(is_new.then_some(committed.first));
                        self.committed_at = Some(committed.last);
                    }
                    let span = increment.stretches.iter().rev().find_map(|span| {
                        let &(_, last) = span.epochs.ranges().last()?;
                        Some(Point::new(span.timeline, Epoch::new(last)))
                    });
                    span.or(self.point)
                }
            };
            self.point = point.filter(|_| !record.is_uncounted);
        }
        // A clock that was set says nothing; and without one the commits are younger than the last look.
        let first = first.filter(|first| *first <= now);
        if let Some(begun) = first.or(unchanged_at) {
            let lag = since(begun, now);
            self.lag = Some(lag);
            self.lag_max = self.lag_max.max(Some(lag));
        }
    }

    /// A capture that began at an instant has ended.
    pub(crate) fn succeed(&mut self, begun: UnixMillis, now: UnixMillis) {
        self.captured_until = self.captured_until.max(Some(begun));
        self.last_success = Some(now);
        self.pending_bytes = 0;
        self.failing = None;
    }

    pub(crate) fn fail(&mut self, code: Code) {
        *self.failures.entry(code.as_str()).or_default() += 1;
        self.failing = Some(code);
    }
}

//! The figures of a status as Prometheus reads them.

use std::time::Duration;

use apograph_capture::PendingOf;

use crate::exposition::{Exposition, Newest};
use crate::limits::{Limits, Violation};
use crate::status::{SegmentTotals, Status};

/// The names of all violations, so that each has a sample.
const LIMITS: [Violation; 7] = [
    Violation::Lag(None),
    Violation::Age(None),
    Violation::Unverified(None),
    Violation::Ahead(Duration::ZERO),
    Violation::Damaged(0),
    Violation::Drill,
    Violation::Unrestorable,
];

impl Status {
    /// Adds the figures.
    pub fn expose(&self, out: &mut Exposition, limits: &Limits) {
        let newest = self.newest;
        out.newest(&Newest {
            captured_until: self.captured_until,
            committed_at: newest.and_then(|newest| newest.committed_at),
            point: newest.and_then(|newest| newest.point),
            last_full: self.last_full,
        });
        out.time(
            "last_verified",
            "When a segment was last verified.",
            self.last_verified,
        );
        out.time(
            "unverified_since",
            "All that was captured before this time was verified since.",
            self.unverified_since,
        );
        self.totals.expose(out);
        out.number(
            "growth_bytes_per_day",
            "The bytes of segments that a day brings.",
            Some(self.growth_bytes_a_day),
        );
        out.number(
            "restore_bytes",
            "The bytes of segments that a restore of the latest state reads.",
            self.restore_bytes,
        );
        out.number(
            "free_bytes",
            "The bytes that are free where the repository is.",
            self.free_bytes,
        );
        let kinds = [("missing", self.missing), ("branch", self.branches)];
        out.by(
            "gaps",
            "Places where the history does not go on.",
            "kind",
            &kinds,
        );
        out.number(
            "damaged_segments",
            "The segments that verifications found damaged.",
            Some(self.damaged),
        );
        let drilled = self.drilled.as_ref();
        out.time(
            "last_drill",
            "When the last drill ended.",
            drilled.map(|drill| drill.at),
        );
        out.number(
            "last_drill_proven",
            "Whether it proved that a restore works.",
            drilled.map(|drill| u64::from(drill.failure.is_none())),
        );
        let pending = self.pending.as_ref();
        let known = pending.and_then(|pending| match pending.of {
            PendingOf::Nothing => Some((0, 0)),
            PendingOf::Commits { commits, bytes, .. } => Some((commits, bytes)),
            PendingOf::Unknown { .. } => None,
        });
        out.number(
            "pending_commits",
            "The commits of the database that are in no backup, where that is known.",
            known.map(|(commits, _)| commits),
        );
        out.pending_bytes(known.map(|(_, bytes)| bytes));
        out.number(
            "log_bytes",
            "The bytes of its log that the engine has not removed.",
            pending.map(|pending| pending.log_bytes),
        );
        let violations = self.violations(limits);
        let is_passed = |name| violations.iter().any(|it| it.name() == name);
        let passed = LIMITS.map(|limit| (limit.name(), u64::from(is_passed(limit.name()))));
        out.by(
            "alert",
            "Whether a limit is passed, or something is told without one, as the exit status tells it.",
            "alert",
            &passed,
        );
    }
}

impl SegmentTotals {
    /// Adds the figures.
    pub(crate) fn expose(self, out: &mut Exposition) {
        let kinds = [("full", self.fulls), ("increment", self.increments)];
        out.by("segments", "The segments.", "kind", &kinds);
        out.number(
            "segment_bytes",
            "The bytes of all segments.",
            Some(self.bytes),
        );
        out.number(
            "stored_bytes",
            "The bytes that they have where they are stored.",
            Some(self.stored_bytes),
        );
    }
}

//! The figures of a status as Prometheus reads them.
//!
//! The text is that of its exposition format, version 0.0.4: for each metric a line of help, a line
//! with its type, and its samples. A figure that is not known has no sample.

use std::fmt::{self, Write};

use apograph_capture::PendingOf;
use apograph_format::UnixMillis;

use crate::limits::{Limits, Violation};
use crate::status::Status;

/// The names of all violations, so that each has a sample.
const LIMITS: [Violation; 7] = [
    Violation::Lag(None),
    Violation::Age(None),
    Violation::Unverified(None),
    Violation::Ahead(std::time::Duration::ZERO),
    Violation::Damaged(0),
    Violation::Drill,
    Violation::Unrestorable,
];

impl Status {
    /// The figures, with the address of the repository as a label.
    pub fn prometheus(&self, repository: &str, limits: &Limits) -> String {
        let mut text = Exposition {
            label: label(repository),
            text: String::new(),
        };
        // Memory takes what it is given.
        let _ = self.write(&mut text, limits);
        text.text
    }

    fn write(&self, out: &mut Exposition, limits: &Limits) -> fmt::Result {
        let newest = self.newest;
        let point = newest.and_then(|newest| newest.point);
        out.time(
            "captured_until",
            "Every commit before this time is in the repository.",
            self.captured_until,
        )?;
        out.time(
            "last_commit",
            "When the newest commit in the repository was made, where its log says it.",
            newest.and_then(|newest| newest.committed_at),
        )?;
        out.number(
            "last_commit_epoch",
            "The epoch of the newest state that can be restored.",
            point.map(|point| point.epoch.get()),
        )?;
        out.number(
            "last_commit_timeline",
            "Its timeline.",
            point.map(|point| point.timeline.get()),
        )?;
        out.time(
            "last_full",
            "When the last full backup was taken.",
            self.last_full,
        )?;
        out.time(
            "last_verified",
            "When a segment was last verified.",
            self.last_verified,
        )?;
        out.time(
            "unverified_since",
            "All that was captured before this time was verified since.",
            self.unverified_since,
        )?;
        let totals = self.totals;
        let kinds = [("full", totals.fulls), ("increment", totals.increments)];
        out.by("segments", "The segments.", "kind", &kinds)?;
        out.number(
            "segment_bytes",
            "The bytes of all segments.",
            Some(totals.bytes),
        )?;
        out.number(
            "stored_bytes",
            "The bytes that they have where they are stored.",
            Some(totals.stored_bytes),
        )?;
        out.number(
            "growth_bytes_per_day",
            "The bytes of segments that a day brings.",
            Some(self.growth_bytes_a_day),
        )?;
        out.number(
            "restore_bytes",
            "The bytes of segments that a restore of the latest state reads.",
            self.restore_bytes,
        )?;
        out.number(
            "free_bytes",
            "The bytes that are free where the repository is.",
            self.free_bytes,
        )?;
        let kinds = [("missing", self.missing), ("branch", self.branches)];
        out.by(
            "gaps",
            "Places where the history does not go on.",
            "kind",
            &kinds,
        )?;
        out.number(
            "damaged_segments",
            "The segments that verifications found damaged.",
            Some(self.damaged),
        )?;
        let drilled = self.drilled.as_ref();
        out.time(
            "last_drill",
            "When the last drill ended.",
            drilled.map(|drill| drill.at),
        )?;
        out.number(
            "last_drill_proven",
            "Whether it proved that a restore works.",
            drilled.map(|drill| u64::from(drill.failure.is_none())),
        )?;
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
        )?;
        out.number(
            "pending_bytes",
            "The bytes of its log that they are.",
            known.map(|(_, bytes)| bytes),
        )?;
        out.number(
            "log_bytes",
            "The bytes of its log that the engine has not removed.",
            pending.map(|pending| pending.log_bytes),
        )?;
        let violations = self.violations(limits);
        let is_passed = |name| violations.iter().any(|it| it.name() == name);
        let passed = LIMITS.map(|limit| (limit.name(), u64::from(is_passed(limit.name()))));
        out.by(
            "alert",
            "Whether a limit is passed, or something is told without one, as the exit status tells it.",
            "alert",
            &passed,
        )
    }
}

/// Metrics, and the label that all samples have.
struct Exposition {
    label: String,
    text: String,
}

impl Exposition {
    fn head(&mut self, name: &str, help: &str) -> fmt::Result {
        writeln!(self.text, "# HELP apograph_{name} {help}")?;
        writeln!(self.text, "# TYPE apograph_{name} gauge")
    }

    fn number(&mut self, name: &str, help: &str, value: Option<u64>) -> fmt::Result {
        let Some(value) = value else {
            return Ok(());
        };
        self.head(name, help)?;
        writeln!(
            self.text,
            "apograph_{name}{{repository=\"{}\"}} {value}",
            self.label
        )
    }

    /// A number for each value of a label.
    fn by(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
        self.head(name, help)?;
        for (of, value) in values {
            writeln!(
                self.text,
                "apograph_{name}{{repository=\"{}\",{label}=\"{of}\"}} {value}",
                self.label
            )?;
        }
        Ok(())
    }

    /// A time, in seconds since 1970.
    fn time(&mut self, name: &str, help: &str, time: Option<UnixMillis>) -> fmt::Result {
        let Some(time) = time else {
            return Ok(());
        };
        let name = format!("{name}_timestamp_seconds");
        self.head(&name, help)?;
        let (seconds, millis) = (time.get() / 1000, time.get() % 1000);
        writeln!(
            self.text,
            "apograph_{name}{{repository=\"{}\"}} {seconds}.{millis:03}",
            self.label
        )
    }
}

/// The value of a label.
fn label(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

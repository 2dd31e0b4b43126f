//! Limits, and what passes them.

use std::fmt;
use std::time::Duration;

use crate::status::{Status, since};

/// A time that is further ahead than this is wrong: the clock was set back, or was wrong then.
const AHEAD_MAX: Duration = Duration::from_secs(5 * 60);

/// What must not be passed; `None` where anything may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// For how long there may be commits that are in no backup.
    pub lag: Option<Duration>,
    /// How old the last full backup may be.
    pub age: Option<Duration>,
    /// For how long something may have been there without being verified.
    pub unverified: Option<Duration>,
}

/// What passes a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// There may be commits that have been in no backup for so long; `None` where no backup is.
    Lag(Option<Duration>),
    /// The last full backup is so old; `None` where there is none.
    Age(Option<Duration>),
    /// Something was not verified for so long; `None` where nothing is there to be verified.
    Unverified(Option<Duration>),
    /// A time in the repository lies so far ahead.
    Ahead(Duration),
    /// A verification found so many segments damaged.
    Damaged(u64),
    /// The last drill proved nothing.
    Drill,
    /// There are backups, and the latest state cannot be restored from them.
    Unrestorable,
}

impl Violation {
    /// Its name, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lag(_) => "lag",
            Self::Age(_) => "age",
            Self::Unverified(_) => "unverified",
            Self::Ahead(_) => "ahead",
            Self::Damaged(_) => "damaged",
            Self::Drill => "drill",
            Self::Unrestorable => "unrestorable",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lag(Some(lag)) => write!(f, "commits may be in no backup for {}", words(*lag)),
            Self::Lag(None) => f.write_str("there is no backup"),
            Self::Age(Some(age)) => write!(f, "the last full backup is {} old", words(*age)),
            Self::Age(None) => f.write_str("there is no full backup"),
            Self::Unverified(Some(time)) => {
                write!(f, "not all of it was verified for {}", words(*time))
            }
            Self::Unverified(None) => f.write_str("there is nothing that could be verified"),
            Self::Ahead(time) => write!(
                f,
                "a time in it lies {} ahead: the clock of this machine is wrong, or that of the one \
                 that backed up was",
                words(*time)
            ),
            Self::Drill => f.write_str("the last drill proved nothing"),
            Self::Unrestorable => f.write_str("the latest state cannot be restored"),
            Self::Damaged(1) => f.write_str("a verification found a segment damaged"),
            Self::Damaged(count) => write!(f, "verifications found {count} segments damaged"),
        }
    }
}

impl Status {
    /// What passes the limits. A time that lies ahead, what was found damaged, a drill that proved
    /// nothing, and a latest state that cannot be restored always do.
    pub fn violations(&self, limits: &Limits) -> Vec<Violation> {
        let passes = |limit: Option<Duration>, found: Option<Duration>| {
            limit.is_some_and(|limit| found.is_none_or(|found| found > limit))
        };
        let ago = |then: Option<_>| then.map(|then| since(then, self.now));
        let (lag, age) = (self.lag(), ago(self.last_full));
        let unverified = ago(self.unverified_since);
        let ahead = since(self.now, self.latest);
        let has_segments = self.totals.fulls + self.totals.increments > 0;
        let is_unrestorable = has_segments && self.restore_bytes.is_none();
        let is_unproven = self.drilled.as_ref().is_some_and(|it| it.failure.is_some());
        let all = [
            (passes(limits.lag, lag), Violation::Lag(lag)),
            (passes(limits.age, age), Violation::Age(age)),
            (
                passes(limits.unverified, unverified),
                Violation::Unverified(unverified),
            ),
            (ahead > AHEAD_MAX, Violation::Ahead(ahead)),
            (self.damaged > 0, Violation::Damaged(self.damaged)),
            (is_unproven, Violation::Drill),
            (is_unrestorable, Violation::Unrestorable),
        ];
        let those = all.into_iter().filter(|(is_passed, _)| *is_passed);
        those.map(|(_, violation)| violation).collect()
    }
}

/// A duration in its two largest units.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds % 86_400 / 3_600);
    let (minutes, rest) = (seconds % 3_600 / 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

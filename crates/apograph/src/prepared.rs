//! Work that setters prepare, and that is carried out then.

use apograph_io::{Context, Monitor, NoProgress, Pace, Threads};

/// Work that its setters prepare, and that blocks once it is carried out: a
/// [`Backup`](crate::Backup), a [`Restore`](crate::Restore) or a [`Verify`](crate::Verify).
#[must_use = "work is carried out by `run` or `to`"]
#[derive(Clone)]
pub struct Prepared<'a, Task> {
    pub(crate) task: Task,
    threads: Threads,
    pace: Pace,
    monitor: &'a dyn Monitor,
}

impl<'a, Task> Prepared<'a, Task> {
    pub(crate) fn of(task: Task) -> Self {
        Self {
            task,
            threads: Threads::default(),
            pace: Pace::UNLIMITED,
            monitor: &NoProgress,
        }
    }

    /// Works on this many threads, in place of one for each core.
    pub fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Reads no faster than this.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Tells `monitor` of progress and of warnings, and ends when it says so.
    pub const fn monitor(mut self, monitor: &'a dyn Monitor) -> Self {
        self.monitor = monitor;
        self
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            threads: &self.threads,
            pace: &self.pace,
            ..Context::heard_by(self.monitor)
        }
    }
}

//! Time: the wall clock, a clock that only runs forward, and the waits by it.

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apograph_format::UnixMillis;

/// What tells the time, and waits: another one lets a test wait without the time that it takes.
pub trait Clock: Send + Sync {
    /// The time of the wall clock, which can be set.
    fn now(&self) -> UnixMillis;

    /// The time since some instant. It never goes back.
    fn running(&self) -> Duration;

    /// Waits.
    fn wait(&self, time: Duration);
}

/// The clocks of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// 1970 where the clock stands before it.
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn running(&self) -> Duration {
        static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGUN.elapsed()
    }

    fn wait(&self, time: Duration) {
        thread::sleep(time);
    }
}

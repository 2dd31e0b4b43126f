//! A clock that nobody waits for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::Clock;

/// Some time in 2023.
const BEGUN: UnixMillis = UnixMillis::new(1_700_000_000_000);

/// Time passes where somebody waits, and where a test says so. Clones are one clock.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    running: Duration,
    longest_wait: Duration,
}

impl ManualClock {
    /// A clock that has got to an instant, of 2024 or later.
    pub fn at(instant: UnixMillis) -> Self {
        let clock = Self::default();
        clock.pass(Duration::from_millis(instant.get() - BEGUN.get()));
        clock
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.told().running += time;
    }

    /// The longest that somebody waited in one go.
    pub fn longest_wait(&self) -> Duration {
        self.told().longest_wait
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        let milliseconds = u64::try_from(self.running().as_millis()).unwrap_or(u64::MAX);
        UnixMillis::new(BEGUN.get().saturating_add(milliseconds))
    }

    fn running(&self) -> Duration {
        self.told().running
    }

    fn wait(&self, time: Duration) {
        let mut told = self.told();
        told.running += time;
        told.longest_wait = told.longest_wait.max(time);
    }
}

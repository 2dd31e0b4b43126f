//! How long a capture waits for an engine, and how often it looks meanwhile.
//!
//! The waits grow, so that what passes at once costs nothing and what takes a while is not asked a
//! thousand times. Each is cut by chance: an engine that comes and goes in a rhythm is not met at the
//! same moment of it each time.

use std::time::{Duration, Instant};

use apograph_io::{Monitor, random};

use crate::error::Result;

/// A close of the database, and a checkpoint between its image and its record of it, may take this
/// long. Both are over within milliseconds, unless the engine is held.
pub(crate) const HELD: Duration = Duration::from_secs(2);
/// A database that is opened and closed all the time is tried for this long.
pub(crate) const RESTLESS: Duration = Duration::from_secs(10);
/// A write in flight is given this long to be whole, this often.
const SETTLE_PAUSE: Duration = Duration::from_millis(20);
pub(crate) const SETTLE_ATTEMPTS: u32 = 5;
/// The first wait.
const FIRST: Duration = Duration::from_millis(4);
/// The longest.
const LONGEST: Duration = Duration::from_millis(256);

/// Gives a writer time.
pub(crate) fn pause(monitor: &dyn Monitor) -> Result<()> {
    std::thread::sleep(SETTLE_PAUSE);
    Ok(monitor.go_on()?)
}

/// Waits that grow, up to a total from the first one on.
pub(crate) struct Patience {
    total: Duration,
    until: Option<Instant>,
    next: Duration,
}

impl Patience {
    pub(crate) const fn of(total: Duration) -> Self {
        Self {
            total,
            until: None,
            next: FIRST,
        }
    }

    /// Waits for a moment; `false` once the total is over.
    pub(crate) fn wait(&mut self, monitor: &dyn Monitor) -> Result<bool> {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + self.total);
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            return Ok(false);
        }
        let half = self.next / 2;
        let cut = random()? % half.as_nanos().max(1);
        let cut = Duration::from_nanos(u64::try_from(cut).unwrap_or_default());
        std::thread::sleep((half + cut).min(left));
        monitor.go_on()?;
        self.next = (self.next * 2).min(LONGEST);
        Ok(true)
    }
}

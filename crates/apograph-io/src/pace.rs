//! A limit on how fast is read.
//!
//! A bucket of tokens, one for each byte, that fills at the rate. Whoever reads asks for a piece
//! before it reads it, and waits until the bucket would be even again. It never holds more than a
//! tenth of a second's tokens, so that what was idle does not catch up in one go; and debts of a
//! few milliseconds are carried on, since a sleep is never that short.

use std::fmt;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::monitor::Monitor;

/// The most bytes that are asked for at a time.
const PIECE_MAX_BYTES: u64 = 1 << 20;
/// The fewest.
const PIECE_MIN_BYTES: u64 = 4 << 10;
/// How much of a second one piece may take.
const PIECES_PER_SECOND: u64 = 8;
/// How long the bucket fills.
const BURST: Duration = Duration::from_millis(100);
/// Nobody waits for less.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
/// Nobody waits for longer without asking whether to go on.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// How many bytes may be read in a second. Clones share the limit.
///
/// [`Pace::default`] has none.
#[derive(Clone, Default)]
pub struct Pace(Option<Arc<Bucket>>);

struct Bucket {
    bytes_per_second: NonZero<u64>,
    clock: Box<dyn Clock>,
    /// When what was asked for so far will have been paid for.
    even_at: Mutex<Duration>,
}

impl Pace {
    /// No limit.
    pub const UNLIMITED: Self = Self(None);

    /// At most this many bytes in a second.
    pub fn new(bytes_per_second: NonZero<u64>) -> Self {
        Self::by(bytes_per_second, Box::new(SystemClock))
    }

    /// The same, by another clock.
    pub fn by(bytes_per_second: NonZero<u64>, clock: Box<dyn Clock>) -> Self {
        let even_at = Mutex::new(clock.running());
        Self(Some(Arc::new(Bucket {
            bytes_per_second,
            clock,
            even_at,
        })))
    }

    /// Waits until so many more bytes may be read, while a monitor lets it go on.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`](crate::IoError::Interrupted).
    pub fn take(&self, bytes: u64, monitor: &dyn Monitor) -> Result<()> {
        monitor.go_on()?;
        match &self.0 {
            Some(bucket) => bucket.take(bytes, monitor),
            None => Ok(()),
        }
    }

    /// Whether there is no limit.
    pub const fn is_unlimited(&self) -> bool {
        self.0.is_none()
    }

    /// Into how large pieces a long reading is cut; none without a limit.
    pub fn piece_bytes(&self) -> Option<u64> {
        let rate = self.0.as_ref()?.bytes_per_second.get();
        Some((rate / PIECES_PER_SECOND).clamp(PIECE_MIN_BYTES, PIECE_MAX_BYTES))
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.0.as_ref().map(|bucket| bucket.bytes_per_second);
        f.debug_tuple("Pace").field(&rate).finish()
    }
}

impl Bucket {
    fn take(&self, bytes: u64, monitor: &dyn Monitor) -> Result<()> {
        let rate = u128::from(self.bytes_per_second.get());
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / rate;
        let cost = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let mut wait = {
            let mut even_at = self.even_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.running();
            let begun = now.saturating_sub(BURST).max(*even_at);
            *even_at = begun.saturating_add(cost);
            even_at.saturating_sub(now)
        };
        while wait >= SHORTEST_WAIT {
            let next = wait.min(LONGEST_WAIT);
            self.clock.wait(next);
            wait -= next;
            monitor.go_on()?;
        }
        Ok(())
    }
}

//! How long a capture waits for an engine, and how often it looks meanwhile.
//!
//! The waits grow, so that what passes at once costs nothing and what takes a while is not asked a
//! thousand times. Each is cut by chance: an engine that comes and goes in a rhythm is not met at
//! the same moment of it each time.

use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::{Clock, Context, random};

use crate::error::Result;

/// A close of the database, and a checkpoint between its image and its record of it, may take this
/// long. Both are over within milliseconds, unless the engine is held.
pub(crate) const HELD: Duration = Duration::from_secs(2);
/// A database that is opened and closed all the time is tried for this long.
pub(crate) const RESTLESS: Duration = Duration::from_secs(10);
/// A write in flight is given this long to be whole, this often.
const SETTLE_PAUSE: Duration = Duration::from_millis(20);
pub(crate) const SETTLE_ATTEMPTS: u32 = 5;
/// An image is trusted to hold no commit that its log lacks once it is this old: a session makes
/// its commit visible before it logs it.
const IMAGE_AGE: Duration = Duration::from_millis(250);
/// The first wait.
const FIRST: Duration = Duration::from_millis(4);
/// The longest.
const LONGEST: Duration = Duration::from_millis(256);

/// Gives a writer time.
pub(crate) fn pause(context: Context<'_>) -> Result<()> {
    Ok(context.wait(SETTLE_PAUSE)?)
}

/// Waits until an image is that old. One that is from later than now, by a clock that was set, is
/// not waited for.
pub(crate) fn wait_until_aged(written_at: UnixMillis, clock: &dyn Clock) {
    let age = clock
        .now()
        .get()
        .checked_sub(written_at.get())
        .map(Duration::from_millis);
    if let Some(rest) = age.and_then(|age| IMAGE_AGE.checked_sub(age)) {
        clock.wait(rest);
    }
}

/// Waits that grow, up to a total from the first one on.
pub(crate) struct Patience {
    total: Duration,
    until: Option<Duration>,
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
    pub(crate) fn wait(&mut self, context: Context<'_>) -> Result<bool> {
        let now = context.clock.running();
        let until = *self.until.get_or_insert(now + self.total);
        let left = until.saturating_sub(now);
        if left.is_zero() {
            return Ok(false);
        }
        let half = self.next / 2;
        let cut = random()? % half.as_nanos().max(1);
        let cut = Duration::from_nanos(u64::try_from(cut).unwrap_or_default());
        context.wait((half + cut).min(left))?;
        self.next = (self.next * 2).min(LONGEST);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use apograph_io::CancellationToken;
    use apograph_testing::clock::ManualClock;

    use super::*;
    use crate::error::CaptureError;

    fn by(clock: &ManualClock) -> Context<'_> {
        Context {
            clock,
            ..Context::default()
        }
    }

    #[test]
    fn the_waits_grow_and_end_with_the_total() {
        let clock = ManualClock::default();
        let mut patience = Patience::of(HELD);
        let (mut longest, mut begun) = (FIRST, Duration::ZERO);
        while patience.wait(by(&clock)).expect("no end") {
            let waited = clock.running().saturating_sub(begun);
            let is_last = clock.running() == HELD;
            assert!(waited < longest, "{waited:?}");
            assert!(is_last || waited >= longest / 2, "{waited:?}");
            (longest, begun) = ((longest * 2).min(LONGEST), clock.running());
        }
        assert_eq!(clock.running(), HELD);
        assert!(longest == LONGEST && clock.longest_wait() >= LONGEST / 2);
    }

    #[test]
    fn the_total_counts_from_the_first_wait_on_and_what_passes_meanwhile_too() {
        let clock = ManualClock::default();
        let mut patience = Patience::of(HELD);
        clock.pass(2 * HELD);
        assert!(patience.wait(by(&clock)).expect("no end"));
        clock.pass(HELD);
        assert!(!patience.wait(by(&clock)).expect("no end"));
    }

    #[test]
    fn an_image_is_waited_for_until_it_has_its_age() {
        for (age, expected) in [(0, 250), (100, 150), (249, 1), (250, 0), (9000, 0), (-3, 0)] {
            let clock = ManualClock::default();
            let written_at = clock.now().get().checked_add_signed(-age).expect("a time");
            wait_until_aged(UnixMillis::new(written_at), &clock);
            assert_eq!(clock.running().as_millis(), expected, "{age}");
        }
    }

    #[test]
    fn whoever_waits_can_be_interrupted() {
        let (clock, token) = (ManualClock::default(), CancellationToken::default());
        let context = Context {
            monitor: &token,
            ..by(&clock)
        };
        pause(context).expect("no end");
        assert_eq!(clock.running(), SETTLE_PAUSE);
        token.cancel();
        let ends = [pause(context), Patience::of(HELD).wait(context).map(drop)];
        for end in ends {
            let error = end.expect_err("an interruption");
            assert!(matches!(error, CaptureError::Io(_)), "{error}");
        }
    }
}

//! When a follower ends: it is asked to by a signal, or since another configuration was read, and has
//! ten seconds from then on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apograph_io::Clock;

use crate::interrupt::Interrupt;

/// For so long the last capture may go on.
const LAST_CAPTURE: Duration = Duration::from_secs(10);
/// So much longer is waited for what cannot be interrupted.
const LINGER: Duration = Duration::from_secs(1);

/// Whether it is to end.
pub(crate) struct Ending<'a> {
    interrupt: &'a Interrupt,
    clock: &'a dyn Clock,
    is_replaced: AtomicBool,
    asked: OnceLock<Duration>,
}

impl<'a> Ending<'a> {
    pub(crate) fn new(interrupt: &'a Interrupt, clock: &'a dyn Clock) -> Self {
        Self {
            interrupt,
            clock,
            is_replaced: AtomicBool::new(false),
            asked: OnceLock::new(),
        }
    }

    /// Whether it was asked to.
    pub(crate) fn is_asked(&self) -> bool {
        let is_asked = self.interrupt.is_raised() || self.is_replaced.load(Ordering::Relaxed);
        if is_asked {
            self.asked.get_or_init(|| self.clock.running());
        }
        is_asked
    }

    /// Another one goes on in its place.
    pub(crate) fn replace(&self) {
        self.is_replaced.store(true, Ordering::Relaxed);
    }

    /// Whether it had its time since.
    pub(crate) fn is_over(&self) -> bool {
        self.is_since(LAST_CAPTURE)
    }

    /// Whether what cannot be interrupted is not waited for any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_since(LAST_CAPTURE + LINGER)
    }

    fn is_since(&self, time: Duration) -> bool {
        let asked = self.is_asked().then(|| self.asked.get().copied()).flatten();
        asked.is_some_and(|asked| self.clock.running().saturating_sub(asked) >= time)
    }
}

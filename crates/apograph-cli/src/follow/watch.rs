//! One database that is followed, by a thread, and how it stands for the others.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apograph_io::Monitor;
use apograph_operate::{Follow, FollowFigures};

use super::ending::Ending;
use super::told::{Teller, Told};
use crate::configuration::Configured;
use crate::failure::Failure;
use crate::heartbeat::Heartbeat;

/// A request to a store, with all that is tried again, takes less.
const HELD_UP_MAX: Duration = Duration::from_secs(10 * 60);
/// So many different warnings are remembered.
const WARNINGS_MAX: usize = 1_000;

/// A database that is followed.
pub(crate) struct Watch<'a> {
    pub(crate) follow: Follow,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) ending: &'a Ending<'a>,
    pub(crate) teller: &'a Teller<'a>,
    state: Mutex<State>,
    /// When something was done last, in milliseconds.
    worked_at: AtomicU64,
    warned: Mutex<HashSet<String>>,
}

/// How it stands.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) figures: FollowFigures,
    /// Whether the repository is a vault; `None` before it was opened.
    pub(crate) is_vault: Option<bool>,
    /// Whether database and repository could not be opened, and will not without help.
    pub(crate) is_mistaken: bool,
    /// How it ended.
    pub(crate) ended: Option<Result<(), Failure>>,
}

impl State {
    /// Whether it is known what there is to follow.
    pub(crate) const fn is_known(&self) -> bool {
        self.is_vault.is_some() || self.is_mistaken
    }
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        configured: Configured,
        ending: &'a Ending<'a>,
        teller: &'a Teller<'a>,
    ) -> Self {
        Self {
            follow: configured.follow,
            heartbeat: configured.heartbeat,
            ending,
            teller,
            state: Mutex::default(),
            worked_at: AtomicU64::new(
                u64::try_from(teller.clock.running().as_millis()).unwrap_or(u64::MAX),
            ),
            warned: Mutex::default(),
        }
    }

    pub(crate) fn database(&self) -> &Path {
        &self.follow.database
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was done.
    pub(crate) fn is_at_work(&self) {
        self.worked_at.store(self.running_ms(), Ordering::Relaxed);
    }

    /// Whether something was done a short while ago. A store that does not answer may hold it up for
    /// minutes.
    pub(crate) fn was_at_work(&self) -> bool {
        let since = self
            .running_ms()
            .saturating_sub(self.worked_at.load(Ordering::Relaxed));
        Duration::from_millis(since) < HELD_UP_MAX
    }

    fn running_ms(&self) -> u64 {
        u64::try_from(self.teller.clock.running().as_millis()).unwrap_or(u64::MAX)
    }

    /// Tells something of it.
    pub(crate) fn tell(&self, told: &Told<'_>) {
        self.teller.tell(&self.follow, told);
    }
}

/// The monitor of its captures: they go on until the time of the last one is over.
pub(crate) struct Capturing<'a>(pub(crate) &'a Watch<'a>);

impl Monitor for Capturing<'_> {
    fn warn(&self, message: &str) {
        self.0.warn(message);
    }

    fn is_interrupted(&self) -> bool {
        self.0.is_at_work();
        self.0.ending.is_over()
    }
}

/// The monitor of its merging, which can be ended anywhere.
pub(crate) struct MergeMonitor<'a>(pub(crate) &'a Watch<'a>);

impl Monitor for MergeMonitor<'_> {
    fn warn(&self, message: &str) {
        self.0.warn(message);
    }

    fn is_interrupted(&self) -> bool {
        self.0.ending.is_asked()
    }
}

impl Watch<'_> {
    /// Each warning is told once.
    pub(crate) fn warn(&self, message: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < WARNINGS_MAX && warned.insert(message.to_owned()) {
            drop(warned);
            self.tell(&Told::Warning(message));
        }
    }
}

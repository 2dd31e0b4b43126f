//! Operations that are ended on their way.

use std::sync::atomic::{AtomicU64, Ordering};

use apograph_io::Monitor;

/// Ends an operation when it was asked so often whether to go on.
pub struct EndedAfter {
    asked: AtomicU64,
    limit: u64,
}

impl EndedAfter {
    /// After so many questions; the next one is answered with yes, and each after it.
    pub const fn asked(limit: u64) -> Self {
        Self {
            asked: AtomicU64::new(0),
            limit,
        }
    }

    /// Whether it has.
    pub fn has_ended(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > self.limit
    }
}

impl Monitor for EndedAfter {
    fn is_interrupted(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.limit
    }
}

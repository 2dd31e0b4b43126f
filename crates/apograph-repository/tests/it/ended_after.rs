//! Operations that are ended on their way.

use std::sync::atomic::{AtomicU64, Ordering};

use apograph_io::Monitor;

/// Ends an operation when it was asked so often whether to go on.
pub(crate) struct EndedAfter {
    asked: AtomicU64,
    limit: u64,
}

impl EndedAfter {
    pub(crate) const fn asked(limit: u64) -> Self {
        Self {
            asked: AtomicU64::new(0),
            limit,
        }
    }
}

impl Monitor for EndedAfter {
    fn is_interrupted(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.limit
    }
}

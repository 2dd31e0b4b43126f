//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use apograph_format::UnixMillis;

/// The time now; 1970 where the clock stands before it.
pub fn now() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

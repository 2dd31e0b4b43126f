//! The clocks of the system.

use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::{Clock, SystemClock};

#[test]
fn now_is_long_after_1970() {
    let in_2023 = UnixMillis::new(1_700_000_000_000);
    assert!(SystemClock.now() > in_2023);
}

#[test]
fn a_clock_runs_forward_and_waits_no_shorter_than_it_is_told() {
    let (begun, time) = (SystemClock.running(), Duration::from_millis(2));
    SystemClock.wait(time);
    assert!(SystemClock.running() >= begun + time);
}

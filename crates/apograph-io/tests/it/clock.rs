//! The wall clock.

use apograph_format::UnixMillis;
use apograph_io::now;

#[test]
fn now_is_long_after_1970() {
    let in_2023 = UnixMillis::new(1_700_000_000_000);
    assert!(now() > in_2023);
}

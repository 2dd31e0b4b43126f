//! How much a test does: little in each run, all in `cargo xtask verify --long`.

/// Set by `cargo xtask verify --long`.
pub const LONG: &str = "APOGRAPH_LONG";

/// Whether there is time for all of it.
pub fn is_long() -> bool {
    std::env::var_os(LONG).is_some()
}

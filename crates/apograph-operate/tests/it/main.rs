//! How repositories stand.

mod drill;
mod follow;
mod growing;
#[cfg(feature = "vault")]
mod merger;
mod prune;
mod report;
mod status;

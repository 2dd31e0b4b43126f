//! How repositories stand.

mod drill;
mod status;

//! How repositories stand.

mod status;

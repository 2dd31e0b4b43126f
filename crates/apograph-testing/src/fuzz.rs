//! What the fuzz targets do with their input: one function for each decoder.
//!
//! Each takes any bytes, and panics where a decoder breaks a promise. Whether bytes are accepted
//! is not their business, what follows from it is.

mod catalogue;
mod database;
mod log;
mod segment;

pub use catalogue::{cursor, history, manifest};
pub use database::database_file;
pub use log::{log_groups, split_log_groups};
pub use segment::gbak_header;

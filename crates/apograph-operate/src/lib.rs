#![doc = include_str!("../README.md")]

mod check_command;
mod drill;
mod error;
mod limits;
mod prometheus;
mod reading;
mod status;

#[doc(no_inline)]
pub use apograph_capture as capture;
#[doc(no_inline)]
pub use apograph_io::Context;
#[doc(no_inline)]
pub use apograph_repository::Repository;
pub use check_command::CheckCommand;
pub use drill::{Drill, Drilled};
pub use error::DrillError;
pub use limits::{Limits, Violation};
pub use status::{NewestCommit, SegmentTotals, Status};

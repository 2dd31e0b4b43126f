#![doc = include_str!("../README.md")]

mod limits;
mod prometheus;
mod status;

#[doc(no_inline)]
pub use apograph_capture as capture;
#[doc(no_inline)]
pub use apograph_io::Context;
#[doc(no_inline)]
pub use apograph_repository::Repository;
pub use limits::{Limits, Violation};
pub use status::{NewestCommit, SegmentTotals, Status};

#![doc = include_str!("../README.md")]

mod check_command;
mod drill;
mod effort;
mod error;
mod expected;
mod exposition;
mod follow;
mod follow_event;
mod follow_figures;
mod limits;
#[cfg(feature = "vault")]
mod merger;
mod pins;
mod prometheus;
mod prune;
mod reading;
mod report;
mod retention;
mod status;
mod trouble;

#[doc(no_inline)]
pub use apograph_capture as capture;
#[doc(no_inline)]
pub use apograph_io::Context;
#[doc(no_inline)]
pub use apograph_repository::Repository;
pub use check_command::CheckCommand;
pub use drill::{Drill, Drilled};
pub use effort::RestoreEffort;
pub use error::DrillError;
pub use exposition::Exposition;
pub use follow::{Follow, Follower};
pub use follow_event::{FollowError, FollowEvent, FollowStep, Hear};
pub use follow_figures::FollowFigures;
pub use limits::{Limits, Violation};
#[cfg(feature = "vault")]
pub use merger::Merger;
pub use pins::{PinError, pin_state};
pub use prune::{PlannedSegment, Prune, PruneError, PrunePlan, Pruned, Undone, undo_prune};
pub use report::{ReportedGap, ReportedPin, ReportedSegment, RepositoryReport};
pub use retention::{Policy, Retention, RetentionError, Rule};
pub use status::{NewestCommit, SegmentTotals, Status};

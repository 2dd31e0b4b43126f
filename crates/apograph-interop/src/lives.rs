//! Lives of databases with all that happens to their files, and their backups beside them.
//!
//! A [`World`] has databases, engines that have them open, and repositories. Each backup is judged
//! when it is taken: its latest state has to be what the engine makes of a plain copy of the
//! database and its log. In the end each point that a repository offers has to be a state that was
//! there. What a life came to is its [`Report`].

mod alphabet;
mod comparison;
mod history;
mod op;
mod random;
mod report;
mod stage;
mod world;

pub use random::Life;
pub use report::{Finding, FindingKind, Report};
pub use world::{Snapshot, Tools, World};

//! Random histories of a database and of its backups, compared with a naive model.
//!
//! Not published. A [`RandomScenario`] is a list of things that happen ([`Op`]): commits,
//! checkpoints, crashes, backups, damage to the repository. Any bytes tell one. [`run`] lets it
//! happen: a naive engine writes the files that a real one would leave, of either generation; the
//! library takes the backups and restores them; and what comes back has to be what the
//! [`ScenarioTruth`], a plain list of commits, says.
//!
//! - Without damage, whatever was captured comes back exactly, and a backup is an increment
//!   wherever the log goes on from the one before it.
//! - With damage, a restore gives the right state or an error, and never another state.
//!
//! The fuzz target `repository` and an ordinary test share all of this. It needs no engine, so
//! that what an engine would do is as true as FORMAT.md; the tests with the real ones are in
//! `apograph-interop`.

mod answers;
mod bytes;
mod corruption;
mod derived;
mod engine;
pub mod fuzz;
mod hash;
mod live;
mod merged;
mod names;
mod op;
mod prune;
mod read;
mod run;
mod stored;
mod truth;

pub use answers::{Answers, answers};
pub use derived::{Part, check_copied, check_derived};
pub use merged::{MergedAnswers, check_merged, compact_later};
pub use op::{BackupMode, Damage, DamageKind, MAX_OPS, Op, RandomScenario, Shape};
pub use prune::{PruneCase, PruneEnd, check_pruned, read_bytes};
pub use read::state_of;
pub use run::{Effort, Failure, Library, ReadState, Real, check, run};
pub use stored::{StoredAs, check_stored};
pub use truth::{ModelState, ScenarioTruth};

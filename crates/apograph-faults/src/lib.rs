//! Every fault that apograph survives: how it is produced, and what must hold after it.
//!
//! Not published. A [`Row`] is a kind of fault. Running it brings a database and its backups (a
//! [`stage`]) to the moment of the fault, in every way in which it can come, and then looks
//! ([`check`]): what was acknowledged restores exactly, what failed changed nothing, the next
//! command works. What does not hold is a violation, and none may occur.
//!
//! A test that cannot fail proves nothing. So most rows have a control: the same faults, put upon
//! a command without the safeguard that the row is about (a mutant). It must be caught.
//!
//! `cargo xtask faults` runs all of it; the tests of this crate run what is quick.

pub mod act;
pub mod check;
pub mod command;
pub mod database_state;
mod guest;
mod mount;
pub mod mutant;
mod report;
mod row;
pub mod rows;
mod simulated;
pub mod stage;
mod store_act;
mod strace;
mod vault_stage;

pub use apograph_testing::scratch;
pub use report::{Control, RowExtent, RowOutcome, Tally};
pub use row::Row;

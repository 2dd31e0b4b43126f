//! The real Grafeo engine as the judge of apograph.
//!
//! For the tests of this workspace, never published. A test asks the engine three things:
//!
//! * what a database holds: [`Engine::dump`] gives it in the form the golden fixtures use,
//! * what a live, crashed or closed database looks like on disk: [`Engine`] drives one in a
//!   process of its own (`grafeo-driver`) that can be killed at any moment,
//! * what the truth is: [`scenario`] replays the scenarios after the fixtures, with the engine's
//!   backups or with somebody else's, and writes their `truth.json`.
//!
//! It knows no on-disk format: everything said here is said by the engine. Nor does it know the
//! engine: each [`EngineGeneration`] has a driver program of its own, and both speak one
//! [`protocol`].
//!
//! ```no_run
//! use std::path::Path;
//!
//! use apograph_interop::Engine;
//!
//! # fn main() -> Result<(), apograph_interop::EngineError> {
//! let mut engine = Engine::start(Path::new("target/debug/grafeo-driver"));
//! engine.open(Path::new("/tmp/db.grafeo"))?;
//! engine.run("INSERT (:Person {name:'Alix'})")?;
//! assert_eq!(engine.epoch()?, 1);
//! engine.kill();
//! # Ok(())
//! # }
//! ```

mod command;
#[cfg(feature = "programs")]
pub mod difference;
#[cfg(feature = "programs")]
mod disk;
mod driver;
pub mod gaps;
mod generation;
#[cfg(feature = "programs")]
pub mod lives;
pub mod protocol;
#[cfg(feature = "programs")]
pub mod scenario;
mod surroundings;
#[cfg(feature = "programs")]
mod traced;

pub use command::{Apograph, Outcome};
pub use driver::{Dump, Engine, EngineError, Taken};
pub use generation::EngineGeneration;
pub use protocol::{Call, Durability, Key, Load, OpenOptions, Version};
pub use surroundings::{FakeClock, ProcessSurroundings};

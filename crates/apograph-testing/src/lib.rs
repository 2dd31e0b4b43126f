//! Test support for the apograph crates. Not published.
//!
//! - [`fixtures`]: the files that real engines wrote, and the [`truth`] about them;
//! - [`clock`]: a clock that nobody waits for;
//! - [`context`]: the context of a test, with every core;
//! - [`damage`]: every cut and every flipped bit of some bytes;
//! - [`disk`]: a disk whose power can be cut, and whose operations can fail;
//! - [`encoding`]: what the engines write, made by other code than what reads it;
//! - [`effort`]: how much a test does;
//! - [`ended_after`]: operations that are ended on their way;
//! - [`errors`]: that no error says what its source says;
//! - [`keys`]: keys that encrypt nothing that is secret;
//! - [`stage`]: a repository of an engine, to be changed;
//! - [`store`]: what every store promises, and one that fails as it is told;
//! - [`scratch`]: a temporary folder in memory;
//! - `strategies`: values that proptest generates, behind the feature `proptest`;
//! - [`fuzz`]: what the fuzz targets do with their input, so that ordinary tests can do it too.

pub mod clock;
pub mod context;
pub mod damage;
pub mod disk;
pub mod effort;
pub mod encoding;
pub mod ended_after;
pub mod errors;
pub mod fixtures;
pub mod fuzz;
pub mod keys;
pub mod scratch;
pub mod stage;
pub mod store;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod truth;

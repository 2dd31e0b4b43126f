//! Test support for the apograph crates. Not published.
//!
//! - [`fixtures`]: the files that real engines wrote, and the [`truth`] about them;
//! - [`damage`]: every cut and every flipped bit of some bytes;
//! - [`fuzz`]: what the fuzz targets do with their input, so that ordinary tests can do it too.

pub mod damage;
pub mod fixtures;
pub mod fuzz;
pub mod truth;

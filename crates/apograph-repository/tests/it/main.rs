//! Repositories on disk.

mod adopt;
mod check;
mod contents;
#[cfg(feature = "vault")]
mod copy;
mod counting;
mod errors;
mod folder;
mod forge;
mod opening;
mod overlap;
mod rebuild;
mod segments;

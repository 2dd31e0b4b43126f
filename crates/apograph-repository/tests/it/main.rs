//! Repositories on disk.

mod adopt;
mod check;
mod contents;
#[cfg(feature = "vault")]
mod copy;
mod copy_out;
mod counting;
#[cfg(feature = "encryption")]
mod encryption;
mod ended_after;
mod errors;
mod folder;
mod forge;
mod opening;
mod overlap;
mod rebuild;
mod segments;

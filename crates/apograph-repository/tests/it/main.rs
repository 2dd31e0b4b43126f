//! Repositories on disk.

mod adopt;
mod check;
#[cfg(feature = "vault")]
mod compact;
mod contents;
#[cfg(feature = "vault")]
mod copy;
#[cfg(feature = "vault")]
mod copy_out;
mod counting;
mod damaged_catalog;
#[cfg(feature = "encryption")]
mod encryption;
#[cfg(feature = "vault")]
mod errors;
mod folder;
mod forge;
mod opening;
mod overlap;
mod rebuild;
mod segments;

//! Repositories on disk.

mod counting;
mod folder;
mod segments;

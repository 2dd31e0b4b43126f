//! Repositories on disk.

mod counting;
mod folder;
mod stage;

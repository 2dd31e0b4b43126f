//! Repositories on disk.

mod folder;
mod stage;

//! What the disk promises.

mod folder;
mod pace;
mod replaced;
mod snapshot;
mod staged;

//! What the disk promises.

mod folder;
mod map;
mod noted;
mod pace;
mod replaced;
mod snapshot;
mod staged;

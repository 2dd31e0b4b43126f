//! What the disk promises.

mod folder;
mod lock;
mod map;
mod noted;
mod open;
mod pace;
mod replaced;
mod snapshot;
mod staged;

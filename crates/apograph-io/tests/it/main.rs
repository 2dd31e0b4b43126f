//! What the disk promises.

mod checksum;
mod clock;
mod disk;
mod folder;
mod lock;
mod map;
mod monitor;
mod noted;
mod open;
mod pace;
mod replaced;
mod staged;

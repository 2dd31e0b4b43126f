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
mod owners;
mod pace;
mod portable;
mod replaced;
mod staged;

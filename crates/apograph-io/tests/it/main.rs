//! What the disk promises.

mod clock;
mod disk;
mod errors;
mod folder;
mod lock;
mod monitor;
mod noted;
mod open;
mod owners;
mod pace;
mod portable;
mod replaced;
mod source;
mod staged;
mod threads;

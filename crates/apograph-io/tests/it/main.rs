//! What the disk promises.

mod folder;

//! Streams that are encrypted with age.

mod decryption;
mod encryption;

pub(crate) use decryption::decrypt;
pub(crate) use encryption::encrypt;

//! What holds for whatever can be written, and for whatever can become of it.

mod names;
mod ranges;
mod segment;
mod v1;
mod v2;
mod words;

//! The small files of a repository of generation 2, and what its chain can restore.

mod chain;
mod cursor;
mod manifest;
mod targets;
pub(crate) mod words;

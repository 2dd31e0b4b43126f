//! Faults that are quick to produce.

mod folders;
mod watched;

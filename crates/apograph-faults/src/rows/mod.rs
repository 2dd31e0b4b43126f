//! The faults, one module each.

pub mod power;

//! The faults, one module each.

pub mod power;
pub mod rot;

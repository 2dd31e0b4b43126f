//! The faults, one module each.

pub mod hostile;
pub mod power;
pub mod rot;

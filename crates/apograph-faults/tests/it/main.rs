//! The rows of faults, as far as every change waits for them.

mod hostile;
mod rot;

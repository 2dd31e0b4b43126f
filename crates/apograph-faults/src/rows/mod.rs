//! The faults, one module each.

pub mod busy;
pub mod conditions;
pub mod copy;
pub mod device;
pub mod encoder;
pub mod failing;
pub mod filesystems;
pub mod full;
pub mod hostile;
pub mod interrupted;
pub mod lacking;
pub mod occupied;
pub mod permissions;
pub mod power;
pub mod race;
pub mod reads;
pub mod requests;
pub mod rot;
pub mod system_calls;
pub mod turns;

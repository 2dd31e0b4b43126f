//! Reading logs of generation 1.

pub(crate) mod boundary;
pub(crate) mod reader;
mod resync;

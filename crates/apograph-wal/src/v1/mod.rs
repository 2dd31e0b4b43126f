//! Reading logs of generation 1.

pub(crate) mod boundary;
pub(crate) mod frame;
pub(crate) mod marks;
pub(crate) mod reader;
mod resync;

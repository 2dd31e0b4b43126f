//! Reading logs of generation 1.

pub(crate) mod boundary;
pub(crate) mod frame;
pub(crate) mod logged_checkpoints;
pub(crate) mod reader;
pub(crate) mod resync;

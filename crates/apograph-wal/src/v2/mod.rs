//! Reading logs of generation 2.

pub(crate) mod boundary;
pub(crate) mod frame;
pub(crate) mod reader;
pub(crate) mod tail;

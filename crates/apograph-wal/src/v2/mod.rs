//! Reading logs of generation 2.

pub(crate) mod reader;
mod tail;

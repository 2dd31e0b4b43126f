//! Bytes in, values out: the codecs against what real engines wrote, and against damage.

mod checkpoint;
mod database;
mod error;
mod frame;
mod names;
mod properties;
mod record;
mod segment;
mod spill;
mod v2;

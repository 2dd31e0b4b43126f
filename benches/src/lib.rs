//! Workloads for the benchmarks, and what stands beside each figure.
//!
//! A [`Workload`] is written once into a folder and used again: logs by the engine's own log
//! writer, repositories by the capture of these, the database file of a GiB by the engine. Only for
//! generation 2, whose engine is not in this workspace, frames are written here, byte for byte as
//! FORMAT.md has them, after an empty database of a golden fixture.
//!
//! Every figure stands beside the engine's own function on the same files, and beside a [`limit`]:
//! what the machine takes to look at the same bytes, or to copy them durably. Ratios from one run
//! count; absolute times do not.
//!
//! The benchmarks in `benches/layers` are one for each layer. Cargo passes `--bench` to one that is
//! measured; its workloads are in the folder that `APOGRAPH_BENCH_FOLDER` names. Under `cargo test`
//! each runs once, on a tiny workload of its own.

use apograph_format::Generation;

mod database;
pub mod engine;
mod frames;
pub mod limit;
mod log;
mod log_writer;
mod many;
mod measure;
mod payloads;
mod repository;
pub mod scan;
mod v1;
mod v2;
mod workload;

pub use frames::Frames;
pub use log_writer::{GENERATIONS, LogWriter};
pub use measure::measure_each;
pub use payloads::Payloads;
pub use workload::{Scale, Workload, Workloads};

/// The result of making or reading a workload.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The name of a benchmark of a generation.
pub fn title(what: &str, generation: Generation) -> String {
    format!("{what}, generation {}", generation.number())
}

//! Workloads for the benchmarks: logs and chains as the engine writes them, the same every time.
//!
//! Every figure stands beside the engine's own function on the same files and beside the limit of
//! the machine for the same bytes. Ratios from one run count; absolute times do not.
//!
//! `APOGRAPH_BENCH_MIB` is the size of the log of small frames, in MiB (64 where it is not set);
//! the log of large frames is four times as large. Under `cargo test` both are tiny.

use std::time::Duration;

use criterion::Criterion;

mod chain;
mod log;

pub use chain::Chain;
pub use log::{Frames, Log, scale_bytes};

/// The result of making a workload.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Runs the benchmarks of a program, as its command line says.
pub fn measure_each(benchmarks: impl FnOnce(&mut Criterion)) {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
}

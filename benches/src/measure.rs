//! How the benchmarks of a layer are run.

use std::time::Duration;

use criterion::Criterion;

use crate::Workloads;

/// Runs the benchmarks of a program, as its command line says.
///
/// # Panics
///
/// Panics where there is no folder for the workloads.
pub fn measure_each(benchmarks: impl FnOnce(&mut Criterion, &Workloads)) {
    let workloads = Workloads::of_benchmarks().expect("a folder for the workloads");
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    benchmarks(&mut criterion, &workloads);
    criterion.final_summary();
}

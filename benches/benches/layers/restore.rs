//! Restoring a chain of 1,000 increments to the middle of the last: ours, the engine's, and a
//! durable copy of the bytes that it writes. The engine's function does not make durable what it
//! writes.

use std::path::Path;

use apograph_benches::{GENERATIONS, Result, Workload, Workloads, engine, limit, title};
use apograph_format::{Generation, PointName};
use apograph_io::{Context, Threads};
use apograph_manifest::Target;
use apograph_restore::{Options, restore};
use criterion::{BatchSize, Bencher, Criterion, Throughput};

pub(crate) fn measure(criterion: &mut Criterion, workloads: &Workloads) {
    for generation in GENERATIONS {
        let repository = workloads.repository(Workload::Thousand, generation);
        let repository = repository.expect("a repository");
        let target = workloads.target(Workload::Thousand, generation);
        let target = target.expect("an epoch");
        let name: PointName = target.to_string().parse().expect("an epoch");
        let by_apograph = |output: &Path| {
            let options = Options::to(Target::Point(name));
            let restored = restore(
                &repository,
                output,
                &options,
                Context {
                    threads: &Threads::default(),
                    ..Context::default()
                },
            );
            Ok(restored?.bytes_written)
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let model = folder.path().join("model.grafeo");
        let bytes = by_apograph(&model).expect("the chain is restored");

        let mut group = criterion.benchmark_group(title("restore", generation));
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function("apograph", |bencher| making(bencher, by_apograph));
        if generation == Generation::One {
            group.bench_function("engine", |bencher| {
                making(bencher, |output| {
                    engine::restore(&repository, target, output)
                });
            });
        }
        group.bench_function("limit", |bencher| {
            making(bencher, |output| limit::copy(&model, output));
        });
        group.finish();
    }
}

/// Measures the making of a database where none was; removing it again does not count.
fn making<T>(bencher: &mut Bencher<'_>, restore: impl Fn(&Path) -> Result<T>) {
    let folder = || tempfile::tempdir().expect("a temporary folder");
    let restored = |folder: tempfile::TempDir| {
        restore(&folder.path().join("restored.grafeo")).expect("it is made");
        folder
    };
    bencher.iter_batched(folder, restored, BatchSize::PerIteration);
}

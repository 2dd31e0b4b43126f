//! Capturing a log into an empty repository: ours, the engine's increment of as many bytes, and a
//! durable copy of them. The engine's function does not make durable what it writes.

use std::fs;
use std::time::Instant;

use apograph_benches::{GENERATIONS, Workload, Workloads, engine, limit, title};
use apograph_capture::{Options, capture};
use apograph_format::{Generation, log_folder};
use apograph_io::{Context, Threads};
use apograph_manifest::CURSOR_FILE_NAME;
use criterion::{BatchSize, Criterion, Throughput};

pub(crate) fn measure(criterion: &mut Criterion, workloads: &Workloads) {
    for generation in GENERATIONS {
        let workload = workloads.database(Workload::Ten, generation);
        let workload = workload.expect("a database");
        let copied = tempfile::tempdir().expect("a temporary folder");
        let database = copied.path().join("live.grafeo");
        let bytes = limit::copy(&workload, &database).expect("the database can be copied");
        let cursor = log_folder(&database).join(CURSOR_FILE_NAME);

        let mut group = criterion.benchmark_group(title("capture", generation));
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function("apograph", |bencher| {
            let folder = || {
                let _ = fs::remove_file(&cursor);
                tempfile::tempdir().expect("a temporary folder")
            };
            let add = |folder: tempfile::TempDir| {
                let repository = folder.path().join("backups");
                let options = Options::default();
                let captured = capture(
                    &database,
                    &repository,
                    &options,
                    Context {
                        threads: &Threads::default(),
                        ..Context::default()
                    },
                );
                captured.expect("the log is captured");
                folder
            };
            bencher.iter_batched(folder, add, BatchSize::PerIteration);
        });
        if generation == Generation::One {
            group.bench_function("engine", |bencher| {
                bencher.iter_custom(|rounds| {
                    let folder = tempfile::tempdir().expect("a temporary folder");
                    let source = engine::EngineSource::create(folder.path());
                    let mut source = source.expect("a database");
                    let times = (0..rounds).map(|_| {
                        source.write(bytes).expect("the log is written");
                        let begun = Instant::now();
                        source.backup_incremental().expect("the engine captures");
                        begun.elapsed()
                    });
                    times.sum()
                });
            });
        }
        group.bench_function("limit", |bencher| {
            let folder = || tempfile::tempdir().expect("a temporary folder");
            let copy = |folder: tempfile::TempDir| {
                let copied = limit::copy(&database, &folder.path().join("live.grafeo"));
                copied.expect("the database can be copied");
                folder
            };
            bencher.iter_batched(folder, copy, BatchSize::PerIteration);
        });
        group.finish();
    }
}

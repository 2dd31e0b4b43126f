//! The restore of a chain: apograph, the engine, and a durable copy of the bytes that it writes.
//!
//! The engine's restore does not make what it writes durable; the other two do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use apograph_benches::{Chain, measure_each};
use apograph_format::PointName;
use apograph_io::{RealDisk, Silent};
use apograph_manifest::Target;
use apograph_restore::{Options, restore};
use criterion::{BatchSize, Bencher, Criterion, Throughput};
use grafeo_common::types::EpochId;
use grafeo_engine::GrafeoDB;
use tempfile::TempDir;

fn main() {
    measure_each(restores);
}

fn restores(criterion: &mut Criterion) {
    let chain = Chain::capture().expect("a chain is captured");
    let model = tempfile::tempdir().expect("a temporary folder");
    let bytes = by_apograph(&chain, &output_in(&model));

    let mut group = criterion.benchmark_group("restore");
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("apograph", |bencher| {
        measure(bencher, |output| by_apograph(&chain, output));
    });
    group.bench_function("engine", |bencher| {
        measure(bencher, |output| by_engine(&chain, output));
    });
    group.bench_function("limit: copy and sync", |bencher| {
        measure(bencher, |output| copy(&output_in(&model), output));
    });
    group.finish();
}

/// Measures the making of a database where none was; removing it again does not count.
fn measure<T>(bencher: &mut Bencher<'_>, make: impl Fn(&Path) -> T) {
    let folder = || tempfile::tempdir().expect("a temporary folder");
    let restored = |folder: TempDir| {
        make(&output_in(&folder));
        folder
    };
    bencher.iter_batched(folder, restored, BatchSize::PerIteration);
}

fn output_in(folder: &TempDir) -> PathBuf {
    folder.path().join("restored.grafeo")
}

fn by_apograph(chain: &Chain, output: &Path) -> u64 {
    let name: PointName = chain.target.to_string().parse().expect("an epoch");
    let options = Options::to(Target::Point(name));
    let restored = restore(&RealDisk, chain.repository(), output, &options, &Silent);
    restored.expect("apograph restores").bytes_written
}

fn by_engine(chain: &Chain, output: &Path) {
    let epoch = EpochId::new(chain.target);
    let restored = GrafeoDB::restore_to_epoch(chain.repository(), epoch, output);
    restored.expect("the engine restores");
}

/// Copies a database file and its log, durably.
fn copy(from: &Path, to: &Path) {
    let (from_log, to_log) = (log_of(from), log_of(to));
    fs::create_dir(to_log.parent().expect("a log folder")).expect("create the log folder");
    for (from, to) in [(from, to), (&from_log, &to_log)] {
        fs::copy(from, to).expect("copy");
        let copied = File::open(to).expect("open");
        copied.sync_all().expect("sync");
    }
}

fn log_of(database: &Path) -> PathBuf {
    let mut folder = database.as_os_str().to_owned();
    folder.push(".wal");
    PathBuf::from(folder).join("wal_00000000.log")
}

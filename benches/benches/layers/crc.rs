//! The checksum of large bytes in memory: ours on all threads and on one, and `crc32fast` alone.

use apograph_benches::{Workload, Workloads, limit};
use apograph_format::Generation;
use apograph_io::{Threads, crc32};
use criterion::{Criterion, Throughput};

pub(crate) fn measure(criterion: &mut Criterion, workloads: &Workloads) {
    let log = workloads
        .log(Workload::Large, Generation::One)
        .expect("a log");
    let files = limit::logs(&log).expect("the folder can be listed");
    let first = files.first().expect("a log file");
    let bytes = std::fs::read(first).expect("the file can be read");
    for (name, threads) in [
        ("all cores", &Threads::default()),
        ("one core", &Threads::ONE),
    ] {
        let mut group = criterion.benchmark_group(format!("crc, {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("apograph", |bencher| {
            bencher.iter(|| crc32(&bytes, threads));
        });
        group.bench_function("limit", |bencher| {
            bencher.iter(|| limit::in_memory(&[&bytes], threads));
        });
        group.finish();
    }
}

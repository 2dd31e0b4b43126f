//! The checksum of a whole file: on all threads, on one, and `crc32fast` alone.

use std::num::NonZero;

use apograph_benches::{measure_each, scale_bytes};
use apograph_io::{Threads, crc32};
use criterion::{Criterion, Throughput};

fn main() {
    measure_each(crc);
}

fn crc(criterion: &mut Criterion) {
    let bytes: Vec<u8> = (0..scale_bytes())
        .map(|index| index.to_le_bytes()[0])
        .collect();
    let mut group = criterion.benchmark_group("crc");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("apograph, all threads", |bencher| {
        bencher.iter(|| crc32(&bytes, Threads::default()));
    });
    group.bench_function("apograph, one thread", |bencher| {
        bencher.iter(|| crc32(&bytes, Threads::new(NonZero::<usize>::MIN)));
    });
    group.bench_function("limit: crc32fast", |bencher| {
        bencher.iter(|| crc32fast::hash(&bytes));
    });
    group.finish();
}

//! The GBAK header: ours, the engine's, and a copy of its bytes.

use std::hint::black_box;

use apograph_benches::{GENERATIONS, title};
use apograph_format::{Epoch, Generation, SEGMENT_HEADER_BYTES, SegmentFlags, SegmentHeader};
use criterion::Criterion;
use grafeo_common::types::EpochId;
use grafeo_engine::database::backup::{read_backup_header, write_backup_header};

pub(crate) fn measure(criterion: &mut Criterion) {
    for generation in GENERATIONS {
        let header = SegmentHeader {
            generation,
            start_epoch: Epoch::new(42),
            end_epoch: Epoch::new(60),
            count: 19,
            flags: SegmentFlags::default(),
        };
        let bytes = header.encode();
        let copy = || black_box(*black_box(&bytes));

        let mut group = criterion.benchmark_group(title("header decode", generation));
        group.bench_function("apograph", |bencher| {
            bencher.iter(|| SegmentHeader::decode(black_box(&bytes)).expect("a header"));
        });
        if generation == Generation::One {
            group.bench_function("engine", |bencher| {
                bencher.iter(|| read_backup_header(black_box(&bytes)).expect("a header"));
            });
        }
        group.bench_function("limit", |bencher| bencher.iter(copy));
        group.finish();

        let mut group = criterion.benchmark_group(title("header encode", generation));
        group.bench_function("apograph", |bencher| {
            bencher.iter(|| black_box(&header).encode());
        });
        if generation == Generation::One {
            let mut written = Vec::with_capacity(SEGMENT_HEADER_BYTES);
            group.bench_function("engine", |bencher| {
                bencher.iter(|| {
                    written.clear();
                    let epochs = black_box((EpochId::new(42), EpochId::new(60)));
                    write_backup_header(&mut written, epochs.0, epochs.1, 19);
                    black_box(&written);
                });
            });
        }
        group.bench_function("limit", |bencher| bencher.iter(copy));
        group.finish();
    }
}

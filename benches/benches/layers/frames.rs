//! Walking a log from frame to frame and checking each, on one thread: ours, and the checksum alone
//! over the same payloads at known places.

use std::path::Path;

use apograph_benches::limit::{Payloads, logs};
use apograph_benches::{GENERATIONS, Workload, Workloads, title};
use apograph_format::{Generation, v1, v2};
use apograph_io::{Mapped, Threads, open_regular};
use criterion::{Criterion, Throughput};

pub(crate) fn measure(criterion: &mut Criterion, workloads: &Workloads) {
    for (workload, generation) in [Workload::Small, Workload::Large]
        .into_iter()
        .flat_map(|workload| GENERATIONS.map(|generation| (workload, generation)))
    {
        let log = workloads.log(workload, generation).expect("a log");
        let payloads = Payloads::of(&log, generation).expect("the log is whole");
        let name = title(&format!("frames of {}", workload.name()), generation);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(walk(&log, generation)));
        group.bench_function("apograph", |bencher| {
            bencher.iter(|| walk(&log, generation));
        });
        group.bench_function("limit", |bencher| {
            let one = Threads::ONE;
            bencher.iter(|| payloads.hash(one).expect("the log can be read"));
        });
        group.finish();
    }
}

/// Checks every frame of every file; tells how many bytes they have.
fn walk(log: &Path, generation: Generation) -> u64 {
    let files = logs(log).expect("the folder can be listed");
    let bytes = files.iter().map(|path| {
        let opened = open_regular(path).and_then(|opened| Mapped::of(&opened, path));
        let bytes = opened.expect("the file can be mapped");
        match generation {
            Generation::One => walk_v1(&bytes),
            Generation::Two => walk_v2(&bytes),
        }
        bytes.len() as u64
    });
    bytes.sum()
}

fn walk_v1(mut rest: &[u8]) {
    while !rest.is_empty() {
        let frame = v1::RawFrame::parse(rest).expect("a frame");
        frame.check().expect("an intact frame");
        rest = &rest[frame.bytes().len()..];
    }
}

fn walk_v2(file: &[u8]) {
    let header = v2::WalSegmentHeader::decode(file).expect("a header");
    let mut rest = &file[v2::WAL_SEGMENT_HEADER_BYTES..];
    let mut lsn = header.first_lsn;
    while !rest.is_empty() {
        let frame = v2::RawFrame::parse(rest, lsn).expect("a frame");
        frame.check().expect("an intact frame");
        lsn = frame.end();
        rest = &rest[frame.bytes().len()..];
    }
}

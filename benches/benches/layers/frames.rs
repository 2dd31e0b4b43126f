//! Reading a log and checking each frame, on one thread: ours, and the checksum alone over the same
//! payloads at known places.

use apograph_benches::limit::files;
use apograph_benches::{GENERATIONS, Payloads, Workload, Workloads, scan, title};
use apograph_io::Threads;
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
        let files = files(&log).expect("the folder can be listed");
        let sizes = files
            .iter()
            .map(|path| path.metadata().expect("a file").len());
        group.throughput(Throughput::Bytes(sizes.sum()));
        let one = &Threads::ONE;
        group.bench_function("apograph", |bencher| {
            bencher.iter(|| scan::by_apograph(&log, generation, one).expect("a whole log"));
        });
        group.bench_function("limit", |bencher| {
            bencher.iter(|| payloads.hash(one).expect("the log can be read"));
        });
        group.finish();
    }
}

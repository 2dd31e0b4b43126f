//! Reading a whole log, checking every frame and group: ours, and the checksum alone over the same
//! bytes or payloads, on all cores. The engine takes seconds for that: it is measured by
//! `bench-worker`, a few times.

use apograph_benches::limit::{bytes, logs};
use apograph_benches::{GENERATIONS, Payloads, Workload, Workloads, scan, title};
use apograph_io::Threads;
use criterion::Criterion;

pub(crate) fn measure(criterion: &mut Criterion, workloads: &Workloads) {
    let threads = Threads::default();
    for generation in GENERATIONS {
        for workload in [Workload::Small, Workload::Large] {
            let log = workloads.log(workload, generation).expect("a log");
            let name = title(&format!("groups of {}", workload.name()), generation);
            let mut group = criterion.benchmark_group(name);
            group.bench_function("apograph", |bencher| {
                bencher.iter(|| {
                    scan::by_apograph(&log, generation, &threads).expect("a whole log");
                });
            });
            group.bench_function("limit", |bencher| {
                if workload == Workload::Small {
                    let payloads = Payloads::of(&log, generation).expect("a whole log");
                    bencher.iter(|| payloads.hash(&threads).expect("the log can be read"));
                } else {
                    let files = logs(&log).expect("the folder can be listed");
                    bencher.iter(|| bytes(&files, &threads).expect("the log can be read"));
                }
            });
            group.finish();
        }
    }
}

//! Reading a whole log, checking every frame and group: ours, the engine's, and the checksum alone
//! over the same bytes or payloads, on all cores.

use apograph_benches::limit::{Payloads, bytes, logs};
use apograph_benches::{GENERATIONS, Workload, measure_each, scan, title};
use apograph_format::Generation;
use apograph_io::Threads;

fn main() {
    measure_each(|criterion, workloads| {
        let threads = Threads::default();
        for generation in GENERATIONS {
            for workload in [Workload::Small, Workload::Large] {
                let log = workloads.log(workload, generation).expect("a log");
                let name = title(&format!("groups of {}", workload.name()), generation);
                let mut group = criterion.benchmark_group(name);
                group.bench_function("apograph", |bencher| {
                    bencher.iter(|| scan::by_apograph(&log, generation).expect("a whole log"));
                });
                if generation == Generation::One {
                    group.bench_function("engine", |bencher| {
                        bencher.iter(|| scan::by_engine(&log).expect("the engine recovers"));
                    });
                }
                group.bench_function("limit", |bencher| {
                    if workload == Workload::Small {
                        let payloads = Payloads::of(&log, generation).expect("a whole log");
                        bencher.iter(|| payloads.hash(threads).expect("the log can be read"));
                    } else {
                        let files = logs(&log).expect("the folder can be listed");
                        bencher.iter(|| bytes(&files, threads).expect("the log can be read"));
                    }
                });
                group.finish();
            }
        }
    });
}

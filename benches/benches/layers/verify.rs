//! Verifying a repository of 1,000 increments: ours, and the checksum alone over the same files.
//! The engine has no such function.

use apograph_benches::{GENERATIONS, Workload, Workloads, limit, title};
use apograph_io::{Context, Threads};
use apograph_restore::{VerifyOptions, verify};
use criterion::{Criterion, Throughput};

pub(crate) fn measure(criterion: &mut Criterion, workloads: &Workloads) {
    for generation in GENERATIONS {
        let repository = workloads.repository(Workload::Thousand, generation);
        let repository = repository.expect("a repository");
        let check = || {
            let verified = verify(
                &repository,
                &VerifyOptions::default(),
                Context {
                    threads: &Threads::default(),
                    ..Context::default()
                },
            );
            let verified = verified.expect("the repository can be read");
            assert_eq!(verified.problems, []);
            verified.bytes
        };
        let mut group = criterion.benchmark_group(title("verify", generation));
        group.throughput(Throughput::Bytes(check()));
        group.bench_function("apograph", |bencher| bencher.iter(check));
        group.bench_function("limit", |bencher| {
            let files = limit::files(&repository).expect("the folder can be listed");
            let threads = Threads::default();
            bencher.iter(|| limit::bytes(&files, &threads).expect("they are read"));
        });
        group.finish();
    }
}

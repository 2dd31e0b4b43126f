//! A manifest of 100,000 segments: ours, the engine's, and a read or a copy of its bytes; and what
//! is read out of the chain that it makes.

use std::fs;

use apograph_benches::{GENERATIONS, Workload, Workloads, engine, title};
use apograph_format::Generation;
use apograph_io::{Context, Folder, Mode, RealDisk};
use apograph_manifest::{
    Chain, MANIFEST_FILE_NAME, Manifest, Target, read_manifest, write_manifest,
};
use apograph_repository::Repository;
use criterion::{BatchSize, Criterion, Throughput};

pub(crate) fn measure(criterion: &mut Criterion, workloads: &Workloads) {
    codec(criterion, workloads);
    chain(criterion, workloads);
}

fn codec(criterion: &mut Criterion, workloads: &Workloads) {
    let repository = repository(workloads, Workload::Many);
    for generation in GENERATIONS {
        let manifest = Manifest {
            generation,
            ..repository.manifest().clone()
        };
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(temporary.path()).expect("the folder can be opened");
        write_manifest(&RealDisk, &folder, Mode::PRIVATE, &manifest).expect("it is written");
        let path = folder.at(MANIFEST_FILE_NAME).path();
        let bytes = manifest.encode();

        let mut group = criterion.benchmark_group(title("manifest read", generation));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("apograph", |bencher| {
            bencher.iter(|| read_manifest(&folder).expect("a manifest"));
        });
        if generation == Generation::One {
            group.bench_function("engine", |bencher| {
                bencher.iter(|| engine::manifest(folder.path()).expect("a manifest"));
            });
        }
        group.bench_function("limit", |bencher| {
            bencher.iter(|| fs::read(&path).expect("the file can be read"));
        });
        group.finish();

        let mut group = criterion.benchmark_group(title("manifest encode", generation));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("apograph", |bencher| bencher.iter(|| manifest.encode()));
        group.bench_function("limit", |bencher| bencher.iter(|| bytes.clone()));
        group.finish();
    }
}

/// Beside each stands the same over a tenth of the segments.
fn chain(criterion: &mut Criterion, workloads: &Workloads) {
    let sizes = [("apograph", Workload::Many), ("fewer", Workload::Fewer)];
    let entries = sizes.map(|(name, workload)| {
        let repository = repository(workloads, workload);
        (name, repository.chain().entries().to_vec())
    });
    let mut group = criterion.benchmark_group("manifest to chain");
    for (name, entries) in &entries {
        group.bench_function(*name, |bencher| {
            bencher.iter_batched(|| entries.clone(), Chain::new, BatchSize::PerIteration);
        });
    }
    group.finish();

    let chains = entries.map(|(name, entries)| (name, Chain::new(entries)));
    let mut group = criterion.benchmark_group("manifest plan");
    for (name, chain) in &chains {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| chain.plan(&Target::Latest).expect("a plan"));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("manifest list");
    for (name, chain) in &chains {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| (chain.restorable(), chain.gaps()));
        });
    }
    group.finish();
}

fn repository(workloads: &Workloads, workload: Workload) -> Repository {
    let path = workloads.repository(workload, Generation::One);
    let path = path.expect("the repository is made");
    Repository::open(&path, Context::default()).expect("the repository can be opened")
}

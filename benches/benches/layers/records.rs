//! Decoding records of generation 1: ours, the engine's own types, and a copy of their bytes.

use std::hint::black_box;

use apograph_benches::title;
use apograph_format::Generation;
use apograph_format::v1::decode_change;
use criterion::{Criterion, Throughput};
use grafeo_common::types::{EdgeId, NodeId, Value};
use grafeo_storage::wal::WalRecord;

/// How many commits' records are decoded.
const COMMITS: u64 = 2000;

/// A commit as an application writes it: a node with three properties, and an edge to it.
fn records(number: u64) -> [WalRecord; 5] {
    let id = NodeId::new(number);
    let property = |key: &str, value| WalRecord::SetNodeProperty {
        id,
        key: key.to_owned(),
        value,
    };
    let tags = ["graph", "backup"].map(|tag| Value::String(tag.into()));
    [
        WalRecord::CreateNode {
            id,
            labels: vec!["Person".to_owned()],
        },
        property("name", Value::String("Johannes Gutenberg".into())),
        property("born", Value::Int64(1400)),
        property("tags", Value::List(tags.into())),
        WalRecord::CreateEdge {
            id: EdgeId::new(number),
            src: NodeId::new(0),
            dst: id,
            edge_type: "KNOWS".to_owned(),
        },
    ]
}

pub(crate) fn measure(criterion: &mut Criterion) {
    let config = bincode::config::standard();
    let records = (1..=COMMITS).flat_map(records);
    let payloads: Vec<Vec<u8>> = records
        .map(|record| bincode::serde::encode_to_vec(record, config).expect("a record"))
        .collect();
    let mut group = criterion.benchmark_group(title("records decode", Generation::One));
    group.throughput(Throughput::Elements(payloads.len() as u64));
    group.bench_function("apograph", |bencher| {
        bencher.iter(|| {
            for payload in &payloads {
                black_box(decode_change(black_box(payload)).expect("a record"));
            }
        });
    });
    group.bench_function("engine", |bencher| {
        bencher.iter(|| {
            for payload in &payloads {
                let read = bincode::serde::decode_from_slice(black_box(payload), config);
                let (record, _): (WalRecord, usize) = read.expect("a record");
                black_box(record);
            }
        });
    });
    group.bench_function("limit", |bencher| {
        let mut copied = Vec::new();
        bencher.iter(|| {
            for payload in &payloads {
                copied.clear();
                copied.extend_from_slice(black_box(payload));
                black_box(&copied);
            }
        });
    });
    group.finish();
}

//! Reading a log, checking every frame: apograph, the engine, and the checksum alone.

use apograph_benches::{Frames, Log, measure_each};
use apograph_format::{Generation, LogPosition, LogSequence};
use apograph_io::{Mapped, open_regular};
use apograph_wal::{GroupReader, LogEndCause, LogFolder};
use criterion::{Criterion, Throughput};
use grafeo_storage::wal::WalRecovery;

fn main() {
    measure_each(scan);
}

fn scan(criterion: &mut Criterion) {
    for frames in Frames::ALL {
        let log = Log::write(frames).expect("the engine writes a log");
        let mut group = criterion.benchmark_group(format!("scan, {}", frames.name()));
        group.throughput(Throughput::Bytes(log.bytes));
        group.bench_function("apograph", |bencher| bencher.iter(|| read(&log)));
        group.bench_function("engine", |bencher| bencher.iter(|| recover(&log)));
        group.bench_function("limit: crc32fast", |bencher| {
            bencher.iter(|| checksum(&log));
        });
        group.finish();
    }
}

/// Opens the log, and reads it to its end.
fn read(log: &Log) {
    let folder = LogFolder::open(log.folder(), Generation::One).expect("the folder can be read");
    let folder = folder.expect("the folder is there");
    let tail = folder
        .from(LogPosition::in_file(LogSequence::default(), 0))
        .expect("no file is missing");
    let end = GroupReader::new(&tail.parts).finish();
    assert_eq!(end.cause, LogEndCause::Clean);
}

fn recover(log: &Log) -> usize {
    let records = WalRecovery::new(log.folder()).recover();
    records.expect("the engine recovers").len()
}

/// The bytes of the log through the checksum, in one piece for each file.
fn checksum(log: &Log) -> u32 {
    let mut sum = 0;
    for file in log.files().expect("the folder can be listed") {
        let bytes = open_regular(&file).and_then(|opened| Mapped::of(&opened, &file));
        let bytes = bytes.expect("the file can be mapped");
        sum ^= crc32fast::hash(&bytes);
    }
    sum
}

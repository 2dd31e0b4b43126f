//! A log that is read on several threads is the log that one reads.
//!
//! Every log that another test reads is read in chunks too, by one thread ([`log::text`]). Here
//! several do it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use apograph_io::Threads;
use apograph_testing::encoding::v1::{commit, frame, process_end};
use apograph_testing::fixtures::{V1, V2};
use apograph_wal::{GroupReader, LogEvent, LogPart, read_ahead};

use crate::log;
use crate::v2;

fn assert_same(parts: &[LogPart<'_>], lengths: &[usize]) {
    let alone = log::read(GroupReader::new(parts));
    for &length in lengths {
        for threads in [1, 2, 5] {
            let ahead = log::ahead(parts, length, threads);
            assert_eq!(ahead, alone, "{length} bytes on {threads} threads");
        }
    }
}

#[test]
fn golden_logs_are_the_same() {
    for golden in V1.segments() {
        assert_same(&log::body(&golden), &[40, 700, 100_000]);
    }
    for golden in V2.segments() {
        assert_same(&v2::body(&golden), &[90, 700, 100_000]);
    }
}

#[test]
fn what_looks_like_a_group_in_a_value_is_none() {
    let inner: Vec<u8> = (1..9).flat_map(|number| commit(number, b"inner")).collect();
    let mut log = Vec::new();
    for number in 1..40 {
        log.extend(commit(number, &inner));
    }
    let parts = log::parts([log.as_slice()]);
    let count = |(events, _): (Vec<LogEvent<'_>>, _)| events.len();
    for length in [1, 19, 20, 50, 300, 1000] {
        assert_eq!(count(log::ahead(&parts, length, 2)), 39, "{length}");
    }
    assert_same(&parts, &[7, 300]);
}

#[test]
fn what_is_torn_and_sealed_is_read_on_after() {
    let seal = process_end();
    let first: Vec<u8> = (1..60).flat_map(|number| commit(number, b"one")).collect();
    let torn = [&first[..], &commit(60, b"torn")[..11]].concat();
    let second: Vec<u8> = (1..60).flat_map(|number| commit(number, b"two")).collect();
    let second = [seal, second].concat();
    for parts in [
        log::parts([torn.as_slice(), &second]),
        log::parts([torn.as_slice(), &[], &second, &first]),
        log::parts([first.as_slice(), &second, &torn]),
    ] {
        assert_same(&parts, &[30, 64, 500, 3000]);
    }
}

#[test]
fn a_group_longer_than_many_chunks_is_one() {
    let values: Vec<u8> = (0..200).flat_map(|_| frame(b"\x01long")).collect();
    let large = [values, commit(3, b"end")].concat();
    let log = [commit(1, b"a"), commit(2, b"b"), large, commit(4, b"c")].concat();
    // It may also lie in two files.
    let (old, new) = log.split_at(1000);
    assert_same(&log::parts([log.as_slice()]), &[10, 64, 1000]);
    assert_same(&log::parts([old, new]), &[10, 64, 1000]);
}

#[test]
fn long_logs_are_the_same_wherever_a_byte_is_wrong() {
    let log: Vec<u8> = (0..9000_u64)
        .flat_map(|index| commit(index % 250, &[7; 90]))
        .collect();
    let threads = Threads::default();
    for wrong in [0, 300_000, log.len() - 200, log.len()] {
        let mut log = log.clone();
        log.iter_mut()
            .skip(wrong)
            .take(1)
            .for_each(|byte| *byte ^= 0x40);
        let parts = log::parts([log.as_slice()]);
        let alone = log::read(GroupReader::new(&parts));
        assert_eq!(
            read_ahead(&parts, &threads, log::read),
            alone,
            "byte {wrong}"
        );
    }
}

#[test]
fn who_asks_may_stop_at_any_event() {
    let log: Vec<u8> = (0..9000_u32).flat_map(|_| commit(9, &[7; 90])).collect();
    let parts = log::parts([log.as_slice()]);
    for count in [0, 1, 5000] {
        let read = read_ahead(&parts, &Threads::default(), |reader| {
            reader.take(count).count()
        });
        assert_eq!(read, count);
    }
    let panics = || read_ahead(&parts, &Threads::default(), |_| panic!("the caller's own"));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
}

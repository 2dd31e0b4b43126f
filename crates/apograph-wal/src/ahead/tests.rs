//! Chunks as they are taken, and what of them is read again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use apograph_format::{Crc32, FilePosition, LogSequence, Lsn};

use super::chunks::FEW_EVENTS;
use super::*;
use crate::part::PartOf;

const GROUPS: usize = 60;

fn group(number: u8) -> Vec<u8> {
    let payloads = [&[4, number, 7, 7, 7][..], &[35, number], &[38, number]];
    payloads.map(frame).concat()
}

/// A group with the longest commit and epoch records.
fn long_group(number: u64) -> Vec<u8> {
    let number = [&[253], &(u64::from(u32::MAX) + number).to_le_bytes()[..]].concat();
    let long = |tag| frame(&[&[tag], &number[..]].concat());
    [frame(&[4, 7]), long(35), long(38)].concat()
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload");
    let checksum = Crc32::of(payload).get();
    [&length.to_le_bytes(), payload, &checksum.to_le_bytes()].concat()
}

fn sealed_group(lsn: u64) -> Vec<u8> {
    let mut frame = 40_u32.to_le_bytes().to_vec();
    frame.extend(lsn.to_le_bytes());
    frame.extend(3_u64.to_le_bytes());
    frame.push(3);
    frame.extend([9; 40]);
    let checksum = Crc32::of(&frame).get().to_le_bytes();
    frame.splice(4..4, checksum);
    frame
}

fn file(number: u64, bytes: &[u8]) -> LogPart<'_> {
    LogPart::of_file(LogSequence::new(number), 0, bytes)
}

fn sealed_part(start: usize, bytes: &[u8]) -> LogPart<'_> {
    LogPart {
        of: PartOf::Two {
            start: Lsn::new(start as u64),
            is_encrypted: true,
            is_sealed: false,
        },
        ..file(0, bytes)
    }
}

/// Lets somebody take the chunks of a log, all of this length, which the taker's own thread reads.
fn with_chunks<'a, R>(
    parts: &'a [LogPart<'a>],
    length: usize,
    take: impl FnOnce(Chunks<'a, '_>) -> R,
) -> R {
    let length = NonZero::new(length).expect("not zero");
    Threads::ONE.scope(|tasks| take(Chunks::new(parts, length..=length, 3, tasks)))
}

/// Takes every chunk of a sound log: each begins where the one before it ended.
fn take_all(parts: &[LogPart<'_>], length: usize) {
    let (mut place, mut events, mut taken) = (Place::default(), 0, 0);
    with_chunks(parts, length, |mut chunks| {
        while let Some(chunk) = chunks.take(Vec::new()) {
            taken += 1;
            if place >= chunk.limit {
                continue;
            }
            let sound = chunk.sound.expect("a sound chunk");
            assert_eq!(sound.start, chunks.normal(place));
            assert!(sound.end >= chunk.limit);
            (place, events) = (sound.end, events + sound.events.len());
        }
    });
    let last = parts.last().expect("a part").bytes.len();
    assert_eq!((place.part, place.offset), (parts.len() - 1, last));
    let expected = parts.iter().map(|part| part.bytes.len().div_ceil(length));
    assert_eq!((taken, events), (expected.sum(), GROUPS));
}

#[test]
fn every_chunk_of_a_sound_log_counts() {
    let log: Vec<u8> = (1..=60).flat_map(group).collect();
    let (front, back) = log.split_at(group(1).len() * 23);
    for length in [1, 10, 33, 50, 101, 1000, 10_000] {
        take_all(&[file(0, &log)], length);
        take_all(&[file(0, front), file(1, back)], length);
    }
    let log: Vec<u8> = (1..=60).flat_map(long_group).collect();
    for groups in [1, 2, 7, 60] {
        take_all(&[file(0, &log)], groups * long_group(1).len());
    }
    let length = sealed_group(0).len();
    let log: Vec<u8> = (0..GROUPS)
        .flat_map(|index| sealed_group((index * length) as u64))
        .collect();
    let (front, back) = log.split_at(length * 31);
    for chunk in [1, 10, 64, 65, 66, 300, 10_000] {
        take_all(&[sealed_part(0, &log)], chunk);
        take_all(
            &[sealed_part(0, front), sealed_part(front.len(), back)],
            chunk,
        );
    }
}

/// The lengths of the chunks of a log, of which one is read after the other.
fn lengths(groups: &[&[u8]], lengths: RangeInclusive<usize>) -> Vec<usize> {
    let log = groups.concat();
    let parts = [file(0, &log)];
    let [least, most] = [lengths.start(), lengths.end()].map(|it| NonZero::new(*it));
    let lengths = least.expect("not zero")..=most.expect("not zero");
    let mut limits = vec![0];
    Threads::ONE.scope(|tasks| {
        let mut chunks = Chunks::new(&parts, lengths, 1, tasks);
        while let Some(chunk) = chunks.take(Vec::new()) {
            limits.push(chunk.limit.offset);
        }
    });
    let lengths = limits.windows(2).map(|pair| pair[1] - pair[0]);
    lengths.collect()
}

#[test]
fn a_chunk_is_the_longer_the_fewer_groups_are_in_one() {
    let group = group(1);
    let length = group.len();
    let short = group.repeat(FEW_EVENTS * 4);
    assert_eq!(
        lengths(&[&short], length * FEW_EVENTS..=length << 20),
        [length * FEW_EVENTS; 4]
    );
    let few = length * (FEW_EVENTS - 1);
    assert_eq!(
        lengths(&[&short], few..=few * 3),
        [few, few * 2, few, short.len() - few * 4]
    );
    assert_eq!(
        lengths(&[&group.repeat(64)], length..=length * 7)[..5],
        [1, 2, 4, 7, 7].map(|it| it * length)
    );
}

#[test]
fn as_many_chunks_are_read_as_may_be_and_no_more() {
    let log: Vec<u8> = (1..=60).flat_map(group).collect();
    let parts = [file(0, &log)];
    with_chunks(&parts, 40, |mut chunks| {
        let all = log.len().div_ceil(40);
        for taken in 0..all {
            assert_eq!(chunks.begun.len(), 3.min(all - taken), "{taken} of {all}");
            chunks.take(Vec::new()).expect("a chunk");
        }
        assert!(chunks.take(Vec::new()).is_none());
    });
}

fn wait_for(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

#[test]
fn who_asks_for_a_chunk_that_another_reads_waits_for_it() {
    let log = group(1).repeat(1000);
    let parts = [file(0, &log)];
    let length = NonZero::new(log.len()).expect("not zero");
    let threads = Threads::new(NonZero::new(2).expect("not zero"));
    threads.scope(|tasks| {
        let mut chunks = Chunks::new(&parts, length..=length, 3, tasks);
        wait_for(|| tasks.waiting() == 0);
        let chunk = chunks.take(Vec::new()).expect("a chunk");
        assert_eq!(chunk.sound.map(|sound| sound.events.len()), Some(1000));
        assert!(chunks.take(Vec::new()).is_none());
    });
}

#[test]
fn who_asks_for_a_chunk_that_nobody_reads_does_so() {
    let log = group(1);
    let parts = [file(0, &log)];
    let length = NonZero::new(log.len()).expect("not zero");
    let threads = Threads::new(NonZero::new(2).expect("not zero"));
    let is_held = AtomicBool::new(true);
    threads.scope(|held| {
        held.spawn(|| wait_for(|| !is_held.load(Ordering::Relaxed)));
        wait_for(|| held.waiting() == 0);
        threads.scope(|tasks| {
            let mut chunks = Chunks::new(&parts, length..=length, 3, tasks);
            let chunk = chunks.take(Vec::new()).expect("a chunk");
            assert_eq!(chunk.sound.map(|sound| sound.events.len()), Some(1));
            is_held.store(false, Ordering::Relaxed);
        });
    });
}

#[test]
fn the_chunk_with_a_defect_alone_is_not_sound() {
    let mut log: Vec<u8> = (1..=60).flat_map(group).collect();
    let wrong = group(1).len() * 30 + 5;
    log.iter_mut()
        .skip(wrong)
        .take(1)
        .for_each(|byte| *byte ^= 1);
    let parts = [file(0, &log)];
    let mut sound = Vec::new();
    with_chunks(&parts, 200, |mut chunks| {
        while let Some(chunk) = chunks.take(Vec::new()) {
            sound.push(chunk.sound.is_some());
        }
    });
    let damaged = wrong / 200;
    let expected: Vec<bool> = (0..sound.len()).map(|index| index != damaged).collect();
    assert_eq!(sound, expected);
}

#[test]
fn what_is_not_sound_is_read_again_up_to_the_next_chunk() {
    // In the place of a group: the front of one that a crash tore, and the seal after it.
    let seal = frame(&[36, 253, 255, 255, 255, 255, 255, 255, 255, 255]);
    let length = group(1).len();
    let sealed = [&group(1)[..length - seal.len()], &seal].concat();
    let mut groups: Vec<Vec<u8>> = (1..=60).map(group).collect();
    groups[25] = sealed;
    let log = groups.concat();
    let parts = [LogPart {
        of: PartOf::One {
            start: FilePosition::default(),
            file_boundaries: 1,
        },
        ..file(0, &log)
    }];
    let mut again = Vec::new();
    with_chunks(&parts, 10 * length, |chunks| {
        let mut ahead = Ahead::of(chunks);
        while let Some(event) = ahead.next() {
            event.expect("bytes in memory");
            again.push(ahead.again.is_some());
        }
    });
    let expected: Vec<bool> = (0..GROUPS).map(|index| index / 10 == 2).collect();
    assert_eq!(again, expected);
}

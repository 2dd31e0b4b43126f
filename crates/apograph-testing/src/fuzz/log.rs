//! Logs: frames and groups.

use std::num::NonZero;

use apograph_format::v2::FRAME_HEADER_BYTES;
use apograph_format::{
    Epoch, LogPosition, LogSequence, Lsn, Point, Timeline, TransactionId, v1, v2,
};
use apograph_io::{IoError, Threads};
use apograph_wal::{
    Group, GroupHead, GroupReader, GroupSpan, LogEnd, LogEndCause, LogEvent, LogPart, LoggedRecord,
    PartOf, Place, PlacedReader, RecordReader, Run, TimelineState, read_chunks,
};

use crate::encoding::v2::seal_frame;

const IN_MEMORY: &str = "bytes in memory";

/// A log in one part.
///
/// # Panics
///
/// Where the reader breaks a promise.
pub fn log_groups(data: &[u8]) {
    let parts = [part(0, data)];
    check(&parts);
}

/// A log in two parts: the first byte says where the rest is split.
///
/// # Panics
///
/// Where the reader breaks a promise.
pub fn split_log_groups(data: &[u8]) {
    let Some((&at, log)) = data.split_first() else {
        return;
    };
    let (first, second) = log.split_at(log.len() * usize::from(at) / 255);
    let parts = [part(0, first), part(1, second)];
    check(&parts);
}

/// A log of generation 2, in one part and in two. The first byte says where it is split, the next
/// three which byte of it changes and how; then come the frames.
///
/// The frames are read as they are, and with their LSNs and checksums made right. With one byte of
/// those changed, only groups that were there before are found, up to the change.
///
/// # Panics
///
/// Where the reader breaks a promise.
pub fn log_groups_v2(data: &[u8]) {
    let Some((&[at, low, high, mask], frames)) = data.split_first_chunk() else {
        return;
    };
    let first = frames.get(8..).and_then(<[u8]>::first_chunk);
    let first = Lsn::new(first.map_or(0, |lsn| u64::from_le_bytes(*lsn)));
    let split = frames.len() * usize::from(at) / 255;
    check_splits(first, frames, split);
    let mut sealed = frames.to_vec();
    let sealed_bytes = seal_frames(&mut sealed, first);
    check_splits(first, &sealed, split);

    // After the frames that are whole, a change could make one whole.
    let change = usize::from(u16::from_le_bytes([low, high]));
    let Some(offset) = change.checked_rem(sealed_bytes) else {
        return;
    };
    let mut changed = sealed.clone();
    if let Some(byte) = changed.get_mut(offset) {
        *byte ^= mask.max(1);
    }
    let whole = groups(&[lsn_part(first, &sealed, false)]);
    let found = groups(&[lsn_part(first, &changed, false)]);
    assert!(
        whole.starts_with(&found),
        "a group that was not there before"
    );
    let reached = found.last().map_or(0, |(_, end)| *end);
    assert!(reached <= offset, "a group over a changed byte");
}

fn part(sequence: u64, bytes: &[u8]) -> LogPart<'_> {
    LogPart::of_file(LogSequence::new(sequence), 0, bytes)
}

fn lsn_part(first: Lsn, bytes: &[u8], is_encrypted: bool) -> LogPart<'_> {
    lsn_part_of(first, bytes, is_encrypted, false)
}

fn lsn_part_of(start: Lsn, bytes: &[u8], is_encrypted: bool, is_sealed: bool) -> LogPart<'_> {
    LogPart {
        of: PartOf::Two {
            start,
            is_encrypted,
            is_sealed,
        },
        file_offset: 0,
        bytes: bytes.into(),
    }
}

fn check_splits(first: Lsn, frames: &[u8], split: usize) {
    let (front, back) = frames.split_at(split);
    let second = first.plus(split as u64);
    for is_encrypted in [false, true] {
        for is_sealed in [false, true] {
            check(&[lsn_part_of(first, frames, is_encrypted, is_sealed)]);
        }
        let parts = [
            lsn_part(first, front, is_encrypted),
            lsn_part(second, back, is_encrypted),
        ];
        check(&parts);
    }
}

/// Gives every frame the LSN of its place and the checksum of its bytes, as far as frames stand
/// side by side. Where they end.
fn seal_frames(log: &mut [u8], first: Lsn) -> usize {
    let mut start = 0;
    while let Some(&[a, b, c, d]) = log.get(start..).and_then(<[u8]>::first_chunk) {
        let payload = usize::try_from(u32::from_le_bytes([a, b, c, d]));
        let end = payload
            .ok()
            .and_then(|it| it.checked_add(start + FRAME_HEADER_BYTES));
        let Some(frame) = end.and_then(|end| log.get_mut(start..end)) else {
            break;
        };
        let lsn = first.plus(start as u64);
        frame[8..16].copy_from_slice(&lsn.get().to_le_bytes());
        seal_frame(frame);
        start += frame.len();
    }
    start
}

/// What can be told of each group of a log, and where it ends.
fn groups(parts: &[LogPart<'_>]) -> Vec<(String, usize)> {
    let groups = GroupReader::new(parts).filter_map(|event| match event.expect(IN_MEMORY) {
        LogEvent::Group(group) => {
            let heads = (group.transaction, group.head);
            let place = (group.start, group.records, group.frames);
            Some((format!("{heads:?} {place:?}"), group.end.offset))
        }
        _ => None,
    });
    groups.collect()
}

fn check(parts: &[LogPart<'_>]) {
    let mut groups = GroupReader::new(parts);
    let mut settled = Place::default();
    let mut events = 0_usize;
    while let Some(event) = groups.next() {
        assert_eq!(groups.end(), None, "an end before the last event");
        events += 1;
        let (start, end) = match event.expect(IN_MEMORY) {
            LogEvent::Group(group) => {
                check_group(parts, &group);
                (group.start, group.end)
            }
            LogEvent::Seal { run } => ends_of(run),
            LogEvent::LeadingEpoch { run, .. } => {
                assert_eq!(events, 1, "an epoch record that leads nothing");
                ends_of(run)
            }
            LogEvent::SyncMarker { run } => {
                let frame = frame_v2(parts, run.part, run.start);
                assert!(frame.flags().is_first() && frame.flags().is_last());
                assert_eq!(frame.bytes().len(), run.len());
                ends_of(run)
            }
        };
        assert!(settled <= start, "{settled:?} overlaps {start:?}");
        assert!(start < end && is_in(parts, end), "{start:?} to {end:?}");
        settled = end;
    }
    assert!(groups.next().is_none(), "an event after the end");
    let end = groups.end().expect("a log has an end");
    check_end(parts, settled, end);
    let finished = GroupReader::new(parts).finish();
    assert_eq!(finished.expect(IN_MEMORY), Some(end));
    check_ahead(parts);
    check_placed(parts, events, end);
}

/// Read ahead in chunks, a log is what it is.
fn check_ahead(parts: &[LogPart<'_>]) {
    const CHUNK_BYTES: NonZero<usize> = NonZero::new(150).expect("not zero");
    let threads = &Threads::ONE;
    read_chunks(parts, threads, CHUNK_BYTES, |mut ahead| {
        let mut reader = GroupReader::new(parts);
        let (ahead_events, events) = (ahead.by_ref(), reader.by_ref());
        let in_memory = |event: Result<_, IoError>| event.expect(IN_MEMORY);
        assert!(
            ahead_events.map(in_memory).eq(events.map(in_memory)),
            "other events"
        );
        assert_eq!(ahead.end(), reader.end());
    });
}

fn check_group(parts: &[LogPart<'_>], group: &Group<'_>) {
    match group.head {
        GroupHead::One { epoch, .. } => check_group_v1(parts, group, epoch),
        GroupHead::Plain(_) | GroupHead::Encrypted => check_group_v2(parts, group),
    }
    let counted: u64 = group.kinds().expect(IN_MEMORY).values().sum();
    assert_eq!(counted, group.records);
    assert_eq!(group.end_position(), group.end.position(parts));
    let runs: Vec<_> = group.runs().collect();
    assert!(runs.iter().all(|run| run.bytes(parts).len() == run.len()));
}

fn check_group_v1(parts: &[LogPart<'_>], group: &Group<'_>, own: Option<Epoch>) {
    let (mut frames, mut bytes, mut records) = (0, 0, 0);
    let mut commits = Vec::new();
    for run in group.runs() {
        let mut rest = run.bytes(parts).in_memory().expect(IN_MEMORY);
        while !rest.is_empty() {
            let frame = v1::RawFrame::parse(rest).expect("a group's frame is whole");
            assert!(frame.is_intact());
            rest = &rest[frame.bytes().len()..];
            (frames, bytes) = (frames + 1, bytes + frame.bytes().len());
            match v1::Record::of(&frame).expect("a group's record is readable") {
                v1::Record::Data(_) => records += 1,
                v1::Record::Commit(transaction) => commits.push(transaction),
                v1::Record::EpochAdvance(epoch) => assert_eq!(own, Some(epoch)),
                v1::Record::Checkpoint(_) => {}
                v1::Record::Abort(_) => panic!("an abort in a group"),
            }
        }
    }
    assert_eq!((frames, records), (group.frames, group.records));
    check_records(group);
    assert_eq!(commits, [group.transaction]);
    assert_eq!(group.runs().map(|run| run.len()).sum::<usize>(), bytes);
}

fn check_group_v2(parts: &[LogPart<'_>], group: &Group<'_>) {
    let (start, end) = (group.start, group.end);
    assert_eq!(start.part, end.part, "a group in two log files");
    let (mut offset, mut frames) = (start.offset, 0);
    while offset < end.offset {
        let frame = frame_v2(parts, start.part, offset);
        assert_eq!(frame.transaction(), group.transaction);
        assert_eq!(frame.flags().is_first(), offset == start.offset);
        offset += frame.bytes().len();
        assert_eq!(frame.flags().is_last(), offset == end.offset);
        frames += 1;
    }
    assert_eq!((offset, frames), (end.offset, group.frames));
    let PartOf::Two { is_encrypted, .. } = parts[start.part].of else {
        panic!("a group of generation 2 in a log of generation 1");
    };
    assert_eq!(group.head == GroupHead::Encrypted, is_encrypted);
    check_records(group);
}

/// Every record of a group is seen, decoded or not.
fn check_records(group: &Group<'_>) {
    let mut seen = 0;
    let each = |_: LoggedRecord<'_>| {
        seen += 1;
        Ok::<_, IoError>(())
    };
    let mut records = RecordReader::new(group.parts());
    records
        .for_each(GroupSpan::of(group), each)
        .expect(IN_MEMORY);
    assert_eq!(seen, group.records);
}

/// The frame at a place; there is one, and it is intact.
fn frame_v2<'a>(parts: &[LogPart<'a>], part: usize, offset: usize) -> v2::RawFrame<'a> {
    let LogPosition::Lsn(lsn) = parts[part].position(offset) else {
        panic!("a frame of generation 2 in a log of generation 1");
    };
    let rest = parts[part].bytes.skip(offset).in_memory();
    let frame = v2::RawFrame::parse(rest.expect(IN_MEMORY), lsn);
    let frame = frame.expect("a group's frame is whole");
    assert_eq!(frame.check(), Ok(()));
    frame
}

fn check_end(parts: &[LogPart<'_>], settled: Place, end: LogEnd) {
    assert!(settled <= end.place && (is_in(parts, end.place) || end.place == Place::default()));
    match end.cause {
        LogEndCause::Damage { place, .. } => {
            assert!(end.place <= place && is_in(parts, place));
        }
        LogEndCause::TornTail { .. } => {
            let is_sealed = |of| {
                matches!(
                    of,
                    PartOf::Two {
                        is_sealed: true,
                        ..
                    }
                )
            };
            let mut parts = parts.iter();
            assert!(!parts.any(|part| is_sealed(part.of)), "a torn segment");
        }
        _ => {}
    }
}

fn check_placed(parts: &[LogPart<'_>], events: usize, end: LogEnd) {
    let base = Point::new(Timeline::FIRST, Epoch::default());
    let mut state = TimelineState::at(base);
    let mut placed = PlacedReader::new(parts, &mut state);
    assert_eq!(placed.by_ref().flatten().count(), events);
    assert_eq!(placed.end(), Some(end));
    assert!(state.timeline >= Timeline::FIRST);
    let is_session =
        |&(first, last): &(u64, u64)| first <= last && TransactionId::new(first).is_session();
    assert!(state.transactions.ranges().iter().all(is_session));
}

fn ends_of(run: Run) -> (Place, Place) {
    let at = |offset| Place {
        part: run.part,
        offset,
    };
    (at(run.start), at(run.end))
}

fn is_in(parts: &[LogPart<'_>], place: Place) -> bool {
    parts
        .get(place.part)
        .is_some_and(|part| place.offset <= part.bytes.len())
}

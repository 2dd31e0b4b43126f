//! A log as a line of text.

use std::collections::BTreeMap;
use std::num::NonZero;

use apograph_format::{
    Epoch, LogPosition, LogSequence, Point, RangeSet, SEGMENT_HEADER_BYTES, SegmentHeader,
    Timeline, v1, v2,
};
use apograph_io::Threads;
use apograph_testing::fixtures::Golden;
use apograph_wal::{
    Group, GroupReader, LogEnd, LogEvent, LogPart, PlacedEvent, PlacedReader, TimelineState,
    read_chunks,
};

pub(crate) const IN_MEMORY: &str = "bytes in memory";

/// The bytes of a part.
pub(crate) fn slice<'a>(part: &LogPart<'a>) -> &'a [u8] {
    part.bytes.in_memory().expect(IN_MEMORY)
}

/// Log files as parts.
pub(crate) fn parts<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Vec<LogPart<'a>> {
    let part = |(sequence, bytes)| LogPart::of_file(LogSequence::new(sequence), 0, bytes);
    (0..).zip(files).map(part).collect()
}

/// The body of a segment as the only part.
pub(crate) fn body(segment: &Golden) -> [LogPart<'_>; 1] {
    let header = SegmentHeader::decode(&segment.bytes).unwrap();
    let bytes = &segment.bytes[SEGMENT_HEADER_BYTES..];
    [LogPart::of_body(&header, bytes)]
}

/// What is in a log.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) groups: u64,
    pub(crate) records: u64,
    pub(crate) frames: u64,
    pub(crate) seals: u64,
    pub(crate) markers: u64,
    /// The epochs of each timeline, with ranges as `2-6`.
    pub(crate) epochs: Vec<String>,
}

/// Reads a log from the epoch on at which its timeline begins.
pub(crate) fn summary(parts: &[LogPart<'_>], base: u64) -> (Summary, TimelineState, LogEnd) {
    let mut state = TimelineState::at(Point::new(Timeline::FIRST, Epoch::new(base)));
    let mut summary = Summary::default();
    let mut closed = Vec::new();
    let mut before = state.clone();
    let mut reader = PlacedReader::new(parts, &mut state);
    while let Some(event) = reader.next() {
        match event.expect(IN_MEMORY) {
            PlacedEvent::Group(group, placement) => {
                summary.groups += 1;
                summary.records += group.records;
                summary.frames += group.frames;
                if placement.opens_timeline {
                    closed.push(ranges(&before.epochs));
                }
            }
            PlacedEvent::Seal(_) => summary.seals += 1,
            PlacedEvent::LeadingEpoch(..) => {}
            PlacedEvent::SyncMarker(_) => summary.markers += 1,
        }
        before = reader.state().clone();
    }
    let end = reader.end().expect("a log has an end");
    closed.push(ranges(&state.epochs));
    summary.epochs = closed;
    (summary, state, end)
}

/// Every group as its transaction, its epoch and its frames: `3@2x4`; a seal is `|`, an epoch that
/// leads the log `@2`. Read ahead, the log is the same.
pub(crate) fn text(parts: &[LogPart<'_>]) -> (String, LogEnd) {
    let (events, end) = read(GroupReader::new(parts));
    assert_eq!(ahead(parts, 150, 1), (events.clone(), end));
    let words: Vec<String> = events.iter().map(|event| word(parts, event)).collect();
    (words.join(" "), end)
}

/// Reads a log in chunks of a length on some threads.
pub(crate) fn ahead<'a>(
    parts: &'a [LogPart<'a>],
    chunk_bytes: usize,
    threads: usize,
) -> (Vec<LogEvent<'a>>, LogEnd) {
    let count = |count| NonZero::new(count).expect("not zero");
    let threads = Threads::new(count(threads));
    read_chunks(parts, &threads, count(chunk_bytes), read)
}

/// The events of a log and its end.
pub(crate) fn read<'a>(mut reader: GroupReader<'a, '_>) -> (Vec<LogEvent<'a>>, LogEnd) {
    let events = reader.by_ref().collect::<Result<_, _>>();
    let events = events.expect("a log that can be read");
    assert!(reader.next().is_none(), "an event after the end");
    (events, reader.end().expect("a log has an end"))
}

fn word(parts: &[LogPart<'_>], event: &LogEvent<'_>) -> String {
    match event {
        LogEvent::Group(group) => {
            assert_eq!(frames_in(parts, group), group.frames);
            let epoch = group.head.epoch();
            let epoch = epoch.map_or_else(|| "-".into(), |it| it.to_string());
            format!("{}@{epoch}x{}", group.transaction, group.frames)
        }
        LogEvent::Seal { .. } => "|".into(),
        LogEvent::LeadingEpoch { epoch, .. } => format!("@{epoch}"),
        LogEvent::SyncMarker { .. } => "~".into(),
    }
}

/// How many frames stand in the bytes of a group.
pub(crate) fn frames_in(parts: &[LogPart<'_>], group: &Group<'_>) -> u64 {
    let mut frames = 0;
    for run in group.runs() {
        let mut start = run.start;
        while start < run.end {
            let rest = parts[run.part].bytes.slice(start..run.end).read();
            let rest = &rest.expect(IN_MEMORY);
            start += match parts[run.part].position(start) {
                LogPosition::File(_) => v1::RawFrame::parse(rest).expect("a frame").bytes().len(),
                LogPosition::Lsn(lsn) => v2::RawFrame::parse(rest, lsn)
                    .expect("a frame")
                    .bytes()
                    .len(),
            };
            frames += 1;
        }
    }
    frames
}

/// The groups of a log that has nothing else in it.
pub(crate) fn groups<'a>(parts: &'a [LogPart<'a>]) -> impl Iterator<Item = Group<'a>> {
    GroupReader::new(parts).map(|event| match event.expect(IN_MEMORY) {
        LogEvent::Group(group) => group,
        other => panic!("{other:?}"),
    })
}

/// How many records of each kind the groups of a log have.
pub(crate) fn kinds(parts: &[LogPart<'_>]) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for group in groups(parts) {
        let counted: u64 = group.kinds().expect(IN_MEMORY).values().sum();
        assert_eq!(counted, group.records);
        for (kind, count) in group.kinds().expect(IN_MEMORY) {
            *kinds.entry(kind.into_owned()).or_insert(0) += count;
        }
    }
    kinds
}

fn ranges(epochs: &RangeSet) -> String {
    let range = |&(first, last): &(u64, u64)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    let ranges: Vec<_> = epochs.ranges().iter().map(range).collect();
    ranges.join(",")
}

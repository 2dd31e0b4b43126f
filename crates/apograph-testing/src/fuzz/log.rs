//! Logs: frames and groups.

use apograph_format::{Epoch, LogSequence, Point, Record, Timeline, TransactionId};
use apograph_wal::{
    Group, GroupReader, LogEnd, LogEndCause, LogEvent, LogPart, Place, PlacedReader, Run,
    TimelineState,
};

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

const fn part(sequence: u64, bytes: &[u8]) -> LogPart<'_> {
    LogPart {
        sequence: LogSequence::new(sequence),
        file_offset: 0,
        bytes,
        joints: 0,
    }
}

fn check(parts: &[LogPart<'_>]) {
    let mut groups = GroupReader::new(parts);
    let mut settled = Place::default();
    let mut events = 0_usize;
    while let Some(event) = groups.next() {
        assert_eq!(groups.end(), None, "an end before the last event");
        events += 1;
        let (start, end) = match event {
            LogEvent::Group(group) => {
                check_group(parts, &group);
                (group.start, group.end)
            }
            LogEvent::Seal { run } => ends_of(run),
            LogEvent::LeadingEpoch { run, .. } => {
                assert_eq!(events, 1, "an epoch record that leads nothing");
                ends_of(run)
            }
        };
        assert!(settled <= start, "{settled:?} overlaps {start:?}");
        assert!(start < end && is_in(parts, end), "{start:?} to {end:?}");
        settled = end;
    }
    assert!(groups.next().is_none(), "an event behind the end");
    let end = groups.end().expect("a log has an end");
    check_end(parts, settled, end);
    assert_eq!(GroupReader::new(parts).finish(), end);
    check_placed(parts, events, end);
}

fn check_group(parts: &[LogPart<'_>], group: &Group<'_>) {
    let (mut frames, mut bytes, mut records) = (0, 0, 0);
    let mut commits = Vec::new();
    for frame in group.frames() {
        assert!(frame.is_intact());
        (frames, bytes) = (frames + 1, bytes + frame.bytes().len());
        match Record::of(&frame).expect("a group's record is readable") {
            Record::Data(_) => records += 1,
            Record::Commit(transaction) => commits.push(transaction),
            Record::EpochAdvance(epoch) => assert_eq!(group.epoch, Some(epoch)),
            Record::Checkpoint(_) => {}
            Record::Abort(_) => panic!("an abort in a group"),
        }
    }
    assert_eq!((frames, records), (group.frames, group.records));
    assert_eq!(commits, [group.transaction]);
    let runs: Vec<_> = group.runs().collect();
    assert_eq!(runs.iter().map(Run::len).sum::<usize>(), bytes);
    assert!(runs.iter().all(|run| run.bytes(parts).len() == run.len()));
}

fn check_end(parts: &[LogPart<'_>], settled: Place, end: LogEnd) {
    assert!(settled <= end.place && (is_in(parts, end.place) || end.place == Place::default()));
    match end.cause {
        LogEndCause::Damage { place, .. } | LogEndCause::StrayEpoch { place, .. } => {
            assert!(end.place <= place && is_in(parts, place));
        }
        _ => {}
    }
}

fn check_placed(parts: &[LogPart<'_>], events: usize, end: LogEnd) {
    let base = Point::new(Timeline::FIRST, Epoch::default());
    let mut state = TimelineState::at(base);
    let mut placed = PlacedReader::new(parts, &mut state);
    assert_eq!(placed.by_ref().count(), events);
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

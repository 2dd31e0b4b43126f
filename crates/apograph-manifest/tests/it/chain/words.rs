//! Chains of generation 1 from words.

use std::ops::Range;

use apograph_format::{
    Crc32, Epoch, FilePosition, LogSequence, Point, RangeSet, SegmentKind, SegmentName, Timeline,
    UnixMillis,
};
use apograph_manifest::{
    Captures, Chain, ChainEntry, FileName, FullContent, FullOf, FurtherCommits, ImageIdentity,
    ImageOf, IncrementContent, IncrementOf, Segment, SegmentContent, TimelineSpan, Unknown,
    Unusable,
};

/// A chain from words: `F7` a full backup at 1:7, `F2:1` at 2:1, `F7+` one that continues the log;
/// `I8-18` an increment, `I7,2:1-2` one across two timelines, `I` one without an epoch. After it
/// `r` for one that repeats, `c` for one that catches up, `p` for one that says that the log goes
/// on, and whose place in it is known, `!` for a missing file, `?` for a damaged one, `v` for one
/// of an unknown version, `x` for a missing one without a record, after which timelines are not
/// counted, `u` for one whose own timeline is not. `-` leaves a number out. `I8^2` has two further
/// commits of epoch 8, `I*8^2` those alone, and `F8^2` holds them; of `^-` that is not known.
pub(crate) fn chain(text: &str) -> Chain {
    let mut entries: Vec<ChainEntry> = Vec::new();
    for (index, word) in (0..).zip(text.split(' ')) {
        let Some(kind) = word.chars().next().filter(|kind| *kind != '-') else {
            continue;
        };
        let body = word[1..].trim_end_matches(['r', 'c', 'p', '!', '?', 'v', 'x', 'u', '+']);
        let flags = &word[1 + body.len()..];
        let before = entries
            .last()
            .map_or(Epoch::new(0), |last| last.segment.end_epoch);
        let (kind, content, end) = if kind == 'F' {
            let (body, further) = further(body);
            let base = point(body);
            let full = FullContent {
                further,
                ..full(base, flags.contains('+'))
            };
            (SegmentKind::Full, SegmentContent::from(full), base.epoch)
        } else {
            let words = body.split(',').filter(|word| !word.is_empty());
            let stretches: Vec<TimelineSpan> = words.map(span).collect();
            let end = stretches
                .last()
                .and_then(|it| it.epochs.last())
                .map(Epoch::new);
            let mut content = increment(stretches, flags);
            if flags.contains('p') {
                content.of = IncrementOf::Files(range(index));
            }
            let content = SegmentContent::from(content);
            (SegmentKind::Incremental, content, end.unwrap_or(before))
        };
        let start = if kind == SegmentKind::Full {
            None
        } else {
            before.next()
        };
        let unusable = match flags.chars().last() {
            Some('!' | 'x') => Some(Unusable::Missing),
            Some('?') => Some(Unusable::Damaged {
                offset: 9,
                detail: "flipped".into(),
            }),
            Some('v') => Some(Unusable::Unsupported {
                detail: "version 9 is not known".into(),
            }),
            _ => None,
        };
        let segment = Segment {
            kind,
            file: FileName::try_from(SegmentName { kind, index }.to_string()).unwrap(),
            start_epoch: start.unwrap_or_default(),
            end_epoch: end,
            checksum: Crc32::new(0),
            size_bytes: 100,
            created_at: UnixMillis::new(1000 * (index + 1)),
            end_lsn: None,
            unknown: Unknown::new(),
        };
        let is_known = entries.iter().all(|entry| entry.content.is_some());
        let is_counted = is_known && !flags.contains('u');
        entries.push(ChainEntry {
            segment,
            hash: None,
            content: (!flags.contains('x')).then_some(content),
            unusable: unusable.map(Box::new),
            is_counted,
            hole: None,
        });
    }
    Chain::new(entries)
}

pub(super) fn point(text: &str) -> Point {
    let (timeline, epoch) = text.split_once(':').unwrap_or(("1", text));
    Point::new(timeline.parse().unwrap(), epoch.parse().unwrap())
}

/// A word, and the number of further commits behind it.
fn further(text: &str) -> (&str, Option<u64>) {
    let (word, number) = text.split_once('^').unwrap_or((text, "0"));
    (word, number.parse().ok())
}

fn span(text: &str) -> TimelineSpan {
    let (text, number) = further(text);
    let has_own = !text.starts_with('*');
    let text = text.trim_start_matches('*');
    let (timeline, epochs) = text.split_once(':').unwrap_or(("1", text));
    let (first, last) = epochs.split_once('-').unwrap_or((epochs, epochs));
    let epochs = RangeSet::from(vec![(first.parse().unwrap(), last.parse().unwrap())]);
    let timeline: Timeline = timeline.parse().unwrap();
    let opens = timeline != Timeline::FIRST && first == "1";
    let base = if opens {
        0
    } else {
        first.parse::<u64>().unwrap() - 1
    };
    let transactions = RangeSet::new();
    let mut further = FurtherCommits::NONE;
    if number != Some(0) {
        further.add(Epoch::new(epochs.last().expect("an epoch")), number);
    }
    let epochs = if has_own { epochs } else { RangeSet::new() };
    TimelineSpan {
        timeline,
        base: Epoch::new(base),
        opens,
        epochs,
        further,
        transactions,
    }
}

fn full(base: Point, continues: bool) -> FullContent {
    let database_created_at = UnixMillis::new(1);
    let image = ImageIdentity {
        database_created_at,
        iteration: 1,
        checksum: Crc32::new(1),
        written_at: UnixMillis::new(1),
        of: ImageOf::One,
    };
    FullContent {
        image,
        base,
        further: Some(0),
        continues,
        of: FullOf::One { log_start: None },
    }
}

fn increment(stretches: Vec<TimelineSpan>, flags: &str) -> IncrementContent {
    IncrementContent {
        of: IncrementOf::Unplaced,
        overlap_bytes: 0,
        continues: flags.contains('p'),
        repeats: flags.contains('r'),
        catches_up: flags.contains('c'),
        stretches: stretches.into(),
        process_ended: false,
        commits: 1,
        records: 1,
        frames: 3,
        captures: Captures::default(),
    }
}

/// One of ranges that go on from each other.
pub(super) fn range(index: u64) -> Range<FilePosition> {
    let at = |index: u64| FilePosition {
        sequence: LogSequence::default(),
        offset: 100 * index,
    };
    at(index)..at(index + 1)
}

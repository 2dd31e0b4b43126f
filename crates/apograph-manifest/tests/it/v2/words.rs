//! Chains from words.

use apograph_format::{
    Crc32, DatabaseId, Epoch, Lsn, Point, RangeSet, SegmentKind, SegmentName, Timeline, UnixMillis,
};
use apograph_manifest::{
    Captures, Chain, ChainEntry, FileName, FullContent, FullOf, FurtherCommits, ImageIdentity,
    ImageOf, IncrementContent, IncrementOf, LsnIncrement, Segment, SegmentContent, TimeSpan,
    TimelineSpan, Unknown, Unusable,
};

/// A chain from words:
///
/// - `F7@100t5` is a full backup at epoch 7 whose log begins at LSN 100, written at 5 ms;
///   `F2:7@100` is one in timeline 2;
/// - `I8-9@100-200t5-6` is an increment of epochs 8 to 9, from LSN 100 to 200, committed from 5 to
///   6 ms; `I@100-200` is one without an epoch of its own.
///
/// After it `+` for a full backup that continues the log, `d` for an increment that diverges, `r`
/// for one that repeats, `e` for one without a commit, `u` for one whose place in the log is not
/// known, `k` for what is encrypted; `!` for a missing file, `?` for a damaged one, `x` for a
/// missing one of which nothing is known. `-` leaves a number out.
pub(crate) fn chain(text: &str) -> Chain {
    let words = text.split(' ').filter(|word| !word.is_empty());
    let numbered = (0..).zip(words).filter(|(_, word)| *word != "-");
    Chain::new(numbered.map(|(index, word)| entry(index, word)).collect())
}

fn entry(index: u64, word: &str) -> ChainEntry {
    let flags_at = word
        .rfind(|letter: char| letter.is_ascii_digit())
        .expect("a number")
        + 1;
    let (body, flags) = word.split_at(flags_at);
    let (epochs, place) = body[1..].split_once('@').expect("an LSN");
    let (lsns, times) = match place.split_once('t') {
        Some((lsns, times)) => (lsns, Some(range(times))),
        None => (place, None),
    };
    let (start, end) = range(lsns);
    let is_encrypted = flags.contains('k');
    let (timeline, epochs) = epochs.split_once(':').unwrap_or(("1", epochs));
    let timeline = timeline.parse().expect("a timeline");
    let (kind, content, end_epoch) = if word.starts_with('F') {
        let epoch = Epoch::new(range(epochs).0);
        let full = FullContent {
            image: ImageIdentity {
                database_created_at: UnixMillis::new(1),
                iteration: 1,
                checksum: Crc32::new(1),
                written_at: UnixMillis::new(times.map_or(1000 * (index + 1), |(at, _)| at)),
                of: ImageOf::Two {
                    database: DatabaseId::new(7),
                    is_encrypted,
                },
            },
            base: Point::new(timeline, epoch),
            further: Some(0),
            continues: flags.contains('+'),
            of: FullOf::Two {
                log_start: Lsn::new(start),
                is_spanned: false,
            },
        };
        (SegmentKind::Full, SegmentContent::from(full), epoch)
    } else {
        let own = (!epochs.is_empty()).then(|| range(epochs));
        let log = LsnIncrement {
            range: Lsn::new(start)..Lsn::new(end),
            committed: times.map(|(first, last)| TimeSpan {
                first: UnixMillis::new(first),
                last: UnixMillis::new(last),
            }),
            is_encrypted,
            diverges: flags.contains('d'),
            spans: false,
        };
        let increment = IncrementContent {
            of: if flags.contains('u') {
                IncrementOf::Unplaced
            } else {
                IncrementOf::Lsns(log)
            },
            overlap_bytes: 0,
            continues: false,
            repeats: flags.contains('r'),
            catches_up: false,
            stretches: own.map(|own| span(timeline, own)).into_iter().collect(),
            process_ended: false,
            commits: u64::from(!flags.contains('e')),
            records: 1,
            frames: 1,
            captures: Captures::default(),
        };
        let last = own.map_or(0, |(_, last)| last);
        let content = SegmentContent::from(increment);
        (SegmentKind::Incremental, content, Epoch::new(last))
    };
    let unusable = match flags.chars().last() {
        Some('!' | 'x') => Some(Unusable::Missing),
        Some('?') => Some(Unusable::Damaged {
            offset: 9,
            detail: "flipped".into(),
        }),
        _ => None,
    };
    let name = SegmentName { kind, index }.to_string();
    ChainEntry {
        segment: Segment {
            kind,
            file: FileName::try_from(name).expect("a name"),
            start_epoch: Epoch::new(0),
            end_epoch,
            checksum: Crc32::new(0),
            size_bytes: 100,
            created_at: UnixMillis::new(1_000_000),
            end_lsn: Some(Lsn::new(end)),
            unknown: Unknown::new(),
        },
        hash: None,
        content: (!flags.contains('x')).then_some(content),
        unusable: unusable.map(Box::new),
        is_counted: true,
        hole: None,
    }
}

fn span(timeline: Timeline, (first, last): (u64, u64)) -> TimelineSpan {
    TimelineSpan {
        timeline,
        base: Epoch::new(first - 1),
        opens: false,
        epochs: RangeSet::from(vec![(first, last)]),
        further: FurtherCommits::NONE,
        transactions: RangeSet::new(),
    }
}

fn range(text: &str) -> (u64, u64) {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse().expect("a number");
    (number(first), number(last))
}

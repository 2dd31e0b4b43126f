//! What a chain can restore, and from what.

use std::ops::Range;

use apograph_format::{
    Crc32, Epoch, FilePosition, Generation, LogSequence, Point, PointName, RangeSet, SegmentKind,
    SegmentName, Timeline, UnixMillis,
};
use apograph_manifest::{
    Chain, ChainEntry, ChainError, FileName, FullContent, FullOf, GapCause, ImageIdentity,
    IncrementContent, IncrementOf, Segment, SegmentContent, Target, TimelineSpan, Unknown,
    Unusable, log_end,
};

/// A chain from words: `F7` a full backup at 1:7, `F2:1` at 2:1, `F7+` one that continues the log;
/// `I8-18` an increment, `I7,2:1-2` one across two timelines, `I` one without an epoch. After it
/// `r` for one that repeats, `c` for one that catches up, `p` for one that says that the log goes on,
/// and whose place in it is known, `!` for a missing file, `?` for a damaged one, `v` for one of an unknown version, `x` for a
/// missing one without a record, after which timelines are not counted, `u` for one whose own
/// timeline is not. `-` leaves a number out.
fn chain(text: &str) -> Chain {
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
            let base = point(body);
            let full = full(base, flags.contains('+'));
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
        });
    }
    Chain::new(entries)
}

fn point(text: &str) -> Point {
    let (timeline, epoch) = text.split_once(':').unwrap_or(("1", text));
    Point::new(timeline.parse().unwrap(), epoch.parse().unwrap())
}

fn span(text: &str) -> TimelineSpan {
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
    TimelineSpan {
        timeline,
        base: Epoch::new(base),
        opens,
        epochs,
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
        database: None,
        is_encrypted: false,
    };
    FullContent {
        image,
        base,
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
    }
}

/// One of ranges that go on from each other.
fn range(index: u64) -> Range<FilePosition> {
    let at = |index: u64| FilePosition {
        sequence: LogSequence::default(),
        offset: 100 * index,
    };
    at(index)..at(index + 1)
}

fn restorable(chain: &Chain) -> String {
    let range = |range: &apograph_manifest::PointRange| {
        format!("{}:{}-{}", range.timeline, range.from, range.to)
    };
    chain
        .restorable()
        .iter()
        .map(range)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn what_can_be_restored() {
    let rows = [
        ("F7", "1:7-7", 0),
        ("F7 I8-18 I19-29", "1:7-29", 0),
        ("F7 I8-18! I19-29", "1:7-7", 1),
        ("F3 I4-6 I7-9 F2:11 I2:12-15", "1:3-9 2:11-15", 1),
        ("F3 I4-6 I7,2:1-2", "1:3-7 2:0-2", 0),
        ("F3 I4-6 - I7-9", "1:3-6", 1),
        ("F3 I5-6", "1:3-3", 1),
        ("F3 I", "1:3-3", 0),
        ("F3! I4-6", "", 0),
        ("F3 I4-6?", "1:3-3", 1),
        ("F3 I4-6! F2:1 I2:2-3", "1:3-3 2:1-3", 1),
        // How many timelines there were in what is lost is not known.
        ("F3 I4-6x F2:1 I2:2-3", "1:3-3", 1),
        ("F3 I4-6 F2:1x I2:2 F2:5 I2:6", "1:3-6", 3),
        // Nor whether the log goes on across a full backup, where what is lost would tell.
        ("F3 I4-6 F2:6u I2:7x", "1:3-6", 2),
        ("F3 I4-6 F2:6u I2:7x F2:9 I2:10", "1:3-6", 2),
        // A full backup of a log that goes on: both bases serve, and the repeated part counts once.
        ("F3 I4-6 F5+ I6rc I7-8", "1:3-8", 0),
        ("F3! I4-6 F5+ I6rc I7-8", "1:6-8", 0),
        ("F3 I4-6 F6+ Ir I7-8", "1:3-8", 0),
        ("F3 I4-6 F5+? I6rc I7-8", "1:3-8", 0),
        // What is there counts, wherever it stands.
        ("F3 I4-6! F5+ I6rc I7-8", "1:3-3 1:6-8", 1),
        ("F3 I4-6! F3+ I4-6r I7-8", "1:3-8", 1),
        ("F3 I4-6! F3+ I4-6r I7-8 F3+ I4-8r", "1:3-8", 1),
        // Timelines follow one another in their order, wherever what repeats them stands.
        ("F3 - I3:1 F3+ I4,2:1,3:1r", "1:3-4 2:0-1 3:0-1", 1),
        // Without the log after it a full backup leads nowhere; the one before it does.
        ("F3 I4-6 F5+ I6r! I7-8", "1:3-8", 0),
        ("F3! I4-6 F5+ I6r! I7-8", "1:5-5", 0),
        // An image that may hold what follows serves from the end of that on.
        ("F3 I4-9c I10-11", "1:9-11", 0),
        ("F3 I5-9c I10-11", "1:9-11", 0),
        ("F3 I4-9c! I10-11", "", 1),
        // Nor does one where what would tell that is lost, with its record.
        ("F3u I4-9x", "", 1),
        ("F3u - I10-11", "", 1),
        // What a crash kept from being logged does not bar the way to the next timeline.
        ("F3 I4-6,8-9 I2:1-2", "1:3-6 2:0-2", 1),
        ("F3 I80-90 I2:1-2", "1:3-3", 1),
        ("F3 I80-90p I2:1-2p", "1:3-3 2:0-2", 1),
        ("F3 I5000-5001p I2:1-2p", "1:3-3", 1),
    ];
    for (text, expected, gaps) in rows {
        let chain = chain(text);
        assert_eq!(restorable(&chain), expected, "{text}");
        let found: Vec<_> = chain.gaps().collect();
        assert_eq!(found.len(), gaps, "{text}: {found:?}");
    }
}

#[test]
fn gaps_lie_between_points() {
    // Chain, and for each gap the last point before it and the first one after it.
    let rows = [
        ("F7 I8-9 F12 I13", "1:9 to 1:12"),
        ("F7 I8-9 I10-11! I12-13 I14", "1:9 to 1:12"),
        (
            "F7 I8-9 F12 I13 F20 I21-25 F2:1",
            "1:9 to 1:12, 1:13 to 1:20, 1:25 to 2:1",
        ),
        ("F7 I8-9 - I10-11 I12-13", "1:9 to 1:10"),
        ("F7 I8-9 I10-12!", "1:9 to -"),
        // An epoch that is missing in a run comes before the end of the run.
        ("F7 I8-9 I11 I12 F20", "1:9 to 1:11, 1:12 to 1:20"),
        (
            "F7 I8-9 F12 I14 F20",
            "1:9 to 1:12, 1:12 to 1:14, 1:14 to 1:20",
        ),
        // What cannot be used has no point, and neither has what is not counted.
        ("F7 I8-9! F12! I13", "1:7 to 1:13"),
        ("F3 I4-6x F2:1 I2:2", "1:3 to -"),
    ];
    for (text, expected) in rows {
        assert_eq!(gap_points(text), expected, "{text}");
    }
}

/// The points around each gap of a chain from words.
fn gap_points(text: &str) -> String {
    let name = |point: Option<Point>| point.map_or_else(|| "-".into(), |it| it.to_string());
    let chain = chain(text);
    let gaps = chain.gaps();
    let gaps = gaps.map(|gap| format!("{} to {}", name(gap.after), name(gap.before)));
    gaps.collect::<Vec<_>>().join(", ")
}

#[test]
fn gaps_say_what_is_missing() {
    let rows = [
        ("F3 I4 I6-7", "epoch 1:5 is in no segment"),
        ("F3 I4 I8-9", "epochs 1:5 to 7 are in no segment"),
        ("F3 I4v", "backup_incr_0001.wal: version 9 is not known"),
        (
            "F3 I4-6 F2:1x I2:2",
            "backup_full_0002.grafeo does not go on from the log before it; commits in between, if \
             any, are in no segment; backup_full_0002.grafeo is missing",
        ),
    ];
    for (text, expected) in rows {
        let chain = chain(text);
        let causes = chain.gaps().map(|gap| gap.cause.to_string());
        assert_eq!(causes.collect::<Vec<_>>().join("; "), expected, "{text}");
    }
}

/// A run that begins in the middle of a timeline lacks what the gap before it has told already.
#[test]
fn one_lost_increment_is_one_gap() {
    let rows = [
        ("F3 I4-6 I7-8x I9", "backup_incr_0002.wal is missing"),
        ("F3 I4-6 I7-8! I9", "backup_incr_0002.wal is missing"),
        (
            "F3 I4-6 - I9",
            "the manifest names nothing between backup_incr_0001.wal and backup_incr_0003.wal",
        ),
        (
            "F3 I4-6 I7-8! I9 I11-12",
            "backup_incr_0002.wal is missing; epoch 1:10 is in no segment",
        ),
    ];
    for (text, expected) in rows {
        let mut entries = chain(text).entries().to_vec();
        for entry in &mut entries {
            if let Some(SegmentContent::Increment(increment)) = &mut entry.content {
                let stretches: Vec<_> = increment.stretches.iter().cloned().collect();
                let from_image = stretches.into_iter().map(|stretch| TimelineSpan {
                    base: Epoch::new(3),
                    ..stretch
                });
                increment.stretches = from_image.collect();
            }
        }
        let chain = Chain::new(entries);
        let causes = chain.gaps().map(|gap| gap.cause.to_string());
        assert_eq!(causes.collect::<Vec<_>>().join("; "), expected, "{text}");
    }
}

/// Of a full backup with the same image as an earlier one the histories are the same up to there.
#[test]
fn a_branch_is_a_gap_of_its_own_kind() {
    let rows = [
        ("F3 I4-6 F2:3 I2:4", "branch from 1:3"),
        ("F3 I4-6 F6+ I7 F2:3 I2:4", "branch from 1:3"),
        (
            "F3 I4-6 F2:3 I2:4 F3:3 I3:4",
            "branch from 1:3, branch from 1:3",
        ),
        ("F3u I4-6 F2:3 I2:4", "branch from -"),
        ("F3 I4-6x F2:1 I2:2", "missing from -"),
        ("F3 I4-6! F2:1 I2:2", "missing from -"),
        ("F3 I4-6 - I8-9", "missing from -"),
        ("F3 I4 I6-7", "missing from -"),
        ("F3 I4v", "missing from -"),
    ];
    let kinds = |chain: &Chain| {
        let gaps = chain.gaps().map(|gap| {
            let from = gap.cause.branched_from();
            let from = from.map_or_else(|| "-".to_owned(), |point| point.to_string());
            let is_said = gap.cause.to_string().contains(&format!("that of {from}:"));
            assert_eq!(is_said, from != "-", "{}", gap.cause);
            format!("{} from {from}", gap.cause.kind())
        });
        gaps.collect::<Vec<_>>().join(", ")
    };
    for (text, expected) in rows {
        assert_eq!(kinds(&chain(text)), expected, "{text}");
    }
    // Every other image, be it of the same database, leads somewhere else.
    let other = |change: fn(&mut ImageIdentity)| {
        let mut entries = chain("F3 I4-6 F2:3 I2:4").entries().to_vec();
        if let Some(SegmentContent::Full(full)) = &mut entries[2].content {
            change(&mut full.image);
        }
        kinds(&Chain::new(entries))
    };
    assert_eq!(other(|_| {}), "branch from 1:3");
    assert_eq!(other(|image| image.iteration += 1), "branch from -");
    assert_eq!(
        other(|image| image.checksum = Crc32::new(2)),
        "branch from -"
    );
    let later = other(|image| image.written_at = UnixMillis::new(2));
    assert_eq!(later, "branch from -");
}

#[test]
fn entries_know_their_generation() {
    for entry in chain("F3 I4 I5p I6r F6+").entries() {
        let file = &entry.segment.file;
        assert_eq!(entry.generation(), Some(Generation::One), "{file}");
    }
    let unknown = chain("F3 I4x");
    assert_eq!(unknown.entries()[1].generation(), None);
}

#[test]
fn the_log_goes_on_after_a_full_backup_where_it_ended_before_it() {
    let end_of = |text: &str| log_end(chain(text).entries());
    assert_eq!(end_of("F3 I4-6p"), Some(range(1).end.into()));
    assert_eq!(end_of("F3 I4-6p F6+"), Some(range(1).end.into()));
    assert_eq!(end_of("F3 I4-6p F9"), None);
    assert_eq!(end_of("F3 I4-6p I7"), None);
}

fn target(text: &str) -> Target {
    match text.split_once(' ') {
        None => Target::Latest,
        Some(("epoch", name)) => Target::Point(name.parse().unwrap()),
        Some(("before", name)) => Target::Before(name.parse().unwrap()),
        Some((_, seconds)) => Target::Time(UnixMillis::new(seconds.parse::<u64>().unwrap() * 1000)),
    }
}

fn plan(text: &str, wanted: &str) -> String {
    match chain(text).plan(&target(wanted)) {
        Ok(plan) => {
            let increments: Vec<String> = plan.increments.iter().map(ToString::to_string).collect();
            let point = plan.point.map_or("?".to_owned(), |point| point.to_string());
            format!("{point} from {} with {}", plan.full, increments.join(","))
        }
        Err(error) => error.code().to_string(),
    }
}

#[test]
fn which_segments_a_target_needs() {
    let one = "F7 I8-18 I19-29 I30-40";
    let two = "F3 I4-6 I7,2:1-2 I2:3-4";
    let fulls = "F3 I4-6 F5+ I6rc I7-8";
    let closed = "F3 I4-5 F2:1 I2:2-4";
    let rows = [
        (one, "latest", "1:40 from 0 with 1,2,3"),
        (one, "epoch 7", "1:7 from 0 with 1"),
        (one, "epoch 8", "1:8 from 0 with 1"),
        // A change without an epoch, after epoch 18, can lie in the next segment.
        (one, "epoch 18", "1:18 from 0 with 1,2"),
        (one, "epoch 40", "1:40 from 0 with 1,2,3"),
        (one, "epoch 41", "target-not-covered"),
        (one, "epoch 6", "target-not-covered"),
        (one, "epoch 2:8", "target-not-covered"),
        (one, "before 8", "1:7 from 0 with 1"),
        (one, "before 7", "target-not-covered"),
        (one, "before 41", "target-not-covered"),
        (one, "time 0", "target-not-covered"),
        (one, "time 1", "1:7 from 0 with "),
        (one, "time 3", "1:29 from 0 with 1,2"),
        (one, "time 4", "1:40 from 0 with 1,2,3"),
        // What was committed after the last capture is in no segment.
        (one, "time 5", "target-not-covered"),
        (one, "time 99", "target-not-covered"),
        (two, "epoch 2:0", "2:0 from 0 with 1,2"),
        (two, "epoch 7", "1:7 from 0 with 1,2"),
        (two, "epoch 4", "ambiguous-target"),
        (two, "epoch 2:4", "2:4 from 0 with 1,2,3"),
        (two, "before 2:1", "2:0 from 0 with 1,2"),
        (fulls, "epoch 5", "1:5 from 0 with 1"),
        (fulls, "epoch 6", "1:6 from 2 with 3,4"),
        (fulls, "latest", "1:8 from 2 with 3,4"),
        (fulls, "time 3", "1:6 from 0 with 1"),
        ("F3 I4-6 F5+ I6r! I7-8", "latest", "1:8 from 0 with 1,4"),
        ("F3 I4-6 F5+ I6r! I7-8", "epoch 5", "1:5 from 0 with 1"),
        ("F3 I4-6 F5+ I6rc? I7-8", "latest", "1:8 from 0 with 1,4"),
        ("F3! I4-6 F5+ I6r! I7-8", "epoch 5", "1:5 from 2 with "),
        ("F3! I4-6 F5+ I6r! I7-8", "latest", "chain-broken"),
        (closed, "latest", "2:4 from 2 with 3"),
        (closed, "epoch 3", "ambiguous-target"),
        (closed, "epoch 1:5", "1:5 from 0 with 1"),
        ("F3 I4-6! I7-9", "latest", "chain-broken"),
        ("F3 I4-6! I7-9", "epoch 5", "chain-broken"),
        ("F3 I4-6? I7-9", "epoch 8", "corrupt-segment"),
        // What stands before it is in the way, and not what stands after.
        ("F3 I4-6? I7-9 - I11-12", "epoch 8", "corrupt-segment"),
        ("F3? I4-6", "latest", "corrupt-segment"),
        ("F3 I4-6x F2:1 I2:2-3", "latest", "? from 2 with 3"),
        ("F3 I4-6x F2:1 I2:2-3", "time 3", "? from 2 with "),
        ("F3 I4-6x F2:1 I2:2-3", "epoch 2:2", "chain-broken"),
        ("F3 I4-6x F2:1 I2:2-3", "before 2:3", "chain-broken"),
        ("F3 I4-6x F2:1 I2:2-3", "epoch 3", "ambiguous-target"),
        ("F3 I4-6 F2:6u I2:7x", "latest", "chain-broken"),
        // What is lost may have caught up with the image.
        ("F3 I4-6 F2:6u I2:7x", "time 3", "1:6 from 0 with 1"),
        ("F3 I4-6 F2:6u I2:7x", "epoch 2:6", "chain-broken"),
        ("F3u I4-6x", "epoch 3", "chain-broken"),
        ("F3u I4-6x", "time 1", "chain-broken"),
        // An increment is a state, whatever is left of the full backup after it.
        ("F3 I4-6 - I7-9rc", "time 2", "1:6 from 0 with 1"),
        ("F3u - I7-9", "epoch 3", "chain-broken"),
        ("F3u - I7-9", "time 1", "chain-broken"),
        ("F3 I4-6 - I9-9", "epoch 9", "chain-broken"),
        ("I4-6", "latest", "no-full-backup"),
        // A commit that is logged late is still to come, where the log is known to be whole.
        ("F3 I4-6p I8-90p", "latest", "1:90 from 0 with 1,2"),
        ("F3 I4-6 I8-90", "latest", "chain-broken"),
        // And it may be needed where it was logged, whatever was logged before it.
        ("F3 I4,6-9 I5 I10", "epoch 5", "1:5 from 0 with 1,2"),
        ("F3 I4,6-9 I5 I10", "epoch 6", "1:6 from 0 with 1,2"),
        ("F3 I4-9 I5", "latest", "1:9 from 0 with 1,2"),
        // A full backup leads no further than itself where nothing follows it.
        ("F3 I4-9 F5+", "epoch 7", "1:7 from 0 with 1"),
        // A gap is one in whichever timeline it is.
        ("F3 I4-6 I2:1,2:200-300", "latest", "chain-broken"),
        ("F3 I4-6v I7-9", "epoch 8", "unsupported-version"),
    ];
    for (text, target, expected) in rows {
        assert_eq!(plan(text, target), expected, "{text}: {target}");
    }
}

#[test]
fn an_instant_is_covered_up_to_the_last_look_at_the_database() {
    let time = |millis| Target::Time(UnixMillis::new(millis));
    let chain = chain("F7 I8-18");
    assert_eq!(chain.covered_until(), Some(UnixMillis::new(2000)));
    let looked = chain.clone().looked_until(Some(UnixMillis::new(5000)));
    assert_eq!(looked.covered_until(), Some(UnixMillis::new(5000)));
    assert!(
        looked
            .plan(&time(5000))
            .is_ok_and(|plan| plan.increments == [1])
    );
    assert!(
        chain
            .plan(&time(2000))
            .is_ok_and(|plan| plan.increments == [1])
    );
    for (chain, until, instant) in [(&chain, 2000, 2001), (&looked, 5000, 5001)] {
        let Err(ChainError::TimeNotCovered {
            until: found,
            nearest,
            ..
        }) = chain.plan(&time(instant))
        else {
            panic!("{instant}");
        };
        assert_eq!(found, Some(UnixMillis::new(until)));
        assert_eq!(
            nearest.below.map(|it| it.to_string()).as_deref(),
            Some("18")
        );
    }
    // A note that is older than the last segment is that of an earlier backup.
    let older = chain.clone().looked_until(Some(UnixMillis::new(7)));
    assert_eq!(older.covered_until(), Some(UnixMillis::new(2000)));
    let Err(ChainError::TimeNotCovered { from, nearest, .. }) = chain.plan(&time(999)) else {
        panic!("before the first backup");
    };
    assert_eq!(from, Some(UnixMillis::new(1000)));
    assert_eq!(nearest.above.map(|it| it.to_string()).as_deref(), Some("7"));
}

#[test]
fn a_guessed_number_is_not_told() {
    // After what is lost both timelines are guesses, and the second has the number of a known one.
    let chain = chain("F3 I4-6 I2:1-3 I2:4x F2:1 I2:3");
    let failed = |name: &str| {
        let planned = chain.plan(&Target::Point(name.parse().unwrap()));
        planned.expect_err(name)
    };
    let ambiguous = failed("3");
    let expected = "epoch 3 is in several timelines, of which not all are counted";
    assert_eq!(ambiguous.to_string(), expected);
    let points = vec![point("1:3"), point("2:3")];
    let has_nameless = true;
    assert_eq!(
        ambiguous,
        ChainError::Ambiguous {
            points,
            has_nameless
        }
    );
    let planned = chain.plan(&Target::Point("2:3".parse().unwrap()));
    assert_eq!(planned.map(|plan| plan.full), Ok(0));
    // Where only a guess has it, the error is about what is lost.
    assert_eq!(failed("2:5").code(), "target-not-covered");
    let name = chain.name_of(point("2:3"));
    assert_eq!(name.to_string(), "2:3");

    let gaps: Vec<_> = chain.gaps().collect();
    let lacking: Vec<_> = gaps
        .iter()
        .filter(|gap| matches!(gap.cause, GapCause::EpochsMissing { .. }))
        .collect();
    let [gap] = lacking.as_slice() else {
        panic!("{gaps:?}");
    };
    assert_eq!(gap.cause.to_string(), "epoch 2 is in no segment");
    assert_eq!((gap.after, gap.before), (None, None));
}

#[test]
fn so_many_commits_after_a_gap_it_is_one() {
    // Chain, and whether its latest state can be restored.
    let rows = [
        ("F3 I4 I6-68", true),
        ("F3 I4 I6-69", false),
        ("F3 I4p I6-4100p", true),
        ("F3 I4p I6-4101p", false),
    ];
    for (text, is_out_of_order) in rows {
        let expected = if is_out_of_order {
            let last = text.rsplit('-').next().unwrap().trim_end_matches('p');
            format!("1:{last} from 0 with 1,2")
        } else {
            "chain-broken".to_owned()
        };
        assert_eq!(plan(text, "latest"), expected, "{text}");
    }
}

#[test]
fn a_plan_says_from_where_on_every_epoch_is_there() {
    let rows = [
        ("F7 I8-18 I19-29", "epoch 20", Some("1:7")),
        ("F3 I4-9c I10-11", "epoch 10", Some("1:9")),
        ("F3 I4-6 F5+ I6rc I7-8", "epoch 7", Some("1:6")),
        ("F3 I4-6 I7,2:1-2 I2:3", "epoch 2:2", Some("2:0")),
        // To the end of the chain nobody counts.
        ("F7 I8-18 I19-29", "latest", None),
    ];
    for (text, wanted, expected) in rows {
        let plan = chain(text).plan(&target(wanted)).expect(wanted);
        assert_eq!(plan.complete_from, expected.map(point), "{text}: {wanted}");
    }
}

#[test]
fn the_nearest_points_around_one_are_told() {
    let chain = chain("F7 I8-18 F2:3 I2:4-5 F3:4");
    let rows = [
        ("0", "- 3"),
        ("3", "- 3:4"),
        ("5", "3:4 7"),
        ("6", "5 7"),
        ("7", "5 8"),
        ("8", "7 9"),
        ("18", "17 -"),
        ("19", "18 -"),
        ("1:6", "- 1:7"),
        ("1:7", "- 1:8"),
        ("1:18", "1:17 -"),
        ("1:99", "1:18 -"),
        ("2:4", "2:3 2:5"),
        ("2:7", "2:5 -"),
        ("4:1", "- -"),
    ];
    let told = |name: Option<PointName>| name.map_or_else(|| "-".into(), |it| it.to_string());
    for (name, expected) in rows {
        let nearest = chain.nearest(name.parse().unwrap());
        let found = format!("{} {}", told(nearest.below), told(nearest.above));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_point_is_named_with_its_timeline_where_another_has_its_epoch() {
    let rows = [
        ("F3 I4-5 F2:1 I2:2-4", "1:5", "5"),
        ("F3 I4-5 F2:1 I2:2-4", "1:4", "1:4"),
        ("F3 I4-5 F2:1 I2:2-4", "2:4", "2:4"),
        ("F3 I4-5 F2:1 I2:2-4", "2:1", "1"),
        // One of a timeline that is not counted is another.
        ("F3 I4-6x F2:1 I2:2-3", "1:3", "1:3"),
    ];
    for (text, of, expected) in rows {
        assert_eq!(
            chain(text).name_of(point(of)).to_string(),
            expected,
            "{text}"
        );
    }
}

//! Which increments are merged, and what is told of a merged one.

use std::ops::Range;

use apograph_format::{
    Blake3, Crc32, Epoch, FilePosition, LogSequence, Lsn, RangeSet, SegmentKind, SegmentName,
    Timeline, UnixMillis,
};
use apograph_manifest::{
    Captures, Chain, ChainEntry, ChainPlan, Cut, FileName, FurtherCommits, IncrementContent,
    IncrementOf, MergedIncrement, Segment, SegmentContent, Target, TimelineSpan, Unknown, may_join,
    merges,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{chain, v2};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The chain with the ranges of increments merged.
fn merged(entries: &[ChainEntry], groups: &[Range<usize>]) -> Vec<ChainEntry> {
    let mut found = Vec::new();
    let mut next = 0;
    for group in groups {
        found.extend_from_slice(&entries[next..group.start]);
        found.push(into_one(&entries[group.clone()]));
        next = group.end;
    }
    found.extend_from_slice(&entries[next..]);
    found
}

fn into_one(entries: &[ChainEntry]) -> ChainEntry {
    let merged = MergedIncrement::of(entries).expect("they can be joined");
    let first = &entries[0];
    let body: u64 = entries.iter().map(|it| it.segment.size_bytes - 32).sum();
    ChainEntry {
        segment: Segment {
            file: FileName::try_from(format!("merged-{}", first.segment.file)).expect("a name"),
            start_epoch: merged.start_epoch,
            end_epoch: merged.end_epoch,
            end_lsn: merged.end_lsn,
            created_at: merged.created_at,
            size_bytes: 32 + body,
            ..first.segment.clone()
        },
        content: Some(merged.content.into()),
        ..first.clone()
    }
}

/// What a chain says of a target, whatever its segments are.
fn answer(chain: &Chain, target: &Target) -> String {
    match chain.plan(target) {
        Err(error) => error.code().to_string(),
        Ok(ChainPlan { interval, .. }) => format!("{interval:?}"),
    }
}

/// What is merged once every window is over.
fn groups(entries: &[ChainEntry]) -> String {
    let groups = merges(entries, UnixMillis::new(DAY_MS)).into_iter();
    let groups = groups.map(|it| format!("{}..{}", it.start, it.end));
    groups.collect::<Vec<_>>().join(" ")
}

#[test]
fn neighbours_are_joined_where_no_answer_hangs_on_the_place_between_them() {
    let rows = [
        ("F7 I8p I9p I10p I11p", "1..4"),
        ("F7 I8 I9 I10 I11", "1..4"),
        ("F7 I8p I9p", ""),
        ("F7 I8p I9p F9+ I10p I11p I12p", "1..3 4..6"),
        ("F7 I8p I9 I10 I11", "2..4"),
        ("F7 I8rc I9 I10 I11", "2..4"),
        ("F7 I8 I9r I10 I11 I12", "3..5"),
        ("F7 I8p I9p? I10p I11p I12p", "3..5"),
        ("F7 I8p I9p I2:1p I2:2p I2:3p", "1..3 3..5"),
        ("F7 I8p I9,2:1p I2:2p I2:3p I2:4p", "3..5"),
        ("F7 Ip I8p I9p I10p", "2..4"),
        ("F7 I8p I9pu I10p I11p I12p", "3..5"),
    ];
    for (text, expected) in rows {
        let chain = chain::words::chain(text);
        assert_eq!(groups(chain.entries()), expected, "{text}");
    }
}

#[test]
fn neighbours_of_generation_2_are_joined_where_their_positions_meet() {
    let rows = [
        (
            "F7@100 I8@100-200 I9@200-300 I10@300-400 I11@400-500",
            "1..4",
        ),
        ("F7@100 I8@100-200 I9@150-300 I10@300-400", "1..3"),
        (
            "F7@100 I8@100-200 I9@210-300 I10@300-400 I11@400-500",
            "2..4",
        ),
        (
            "F7@100 I8@100-200 I9@150-200 I10@200-400 I11@400-500",
            "2..4",
        ),
        ("F7@100 I8@100-200 I9@200-300d I10@300-400 I11@400-500", ""),
        (
            "F7@100 I8@100-200 I9@200-300k I10@300-400k I11@400-500k",
            "2..4",
        ),
        // Of an image that begins at 200 only the first is known to be a part.
        (
            "F7@100 I8@100-200 I9@200-300 I10@300-400 F9@200+ I11@400-500",
            "2..4",
        ),
        (
            "F7@100 I8@100-200 I9@200-300 I10@300-400 F9@250+ I11@400-500",
            "1..3",
        ),
    ];
    for (text, expected) in rows {
        let chain = v2::words::chain(text);
        assert_eq!(groups(chain.entries()), expected, "{text}");
    }
}

#[test]
fn what_a_process_wrote_that_ended_is_not_joined_with_what_comes_after() {
    let chain = chain::words::chain("F7 I8p I9p");
    let [_, before, after] = chain.entries() else {
        panic!("three");
    };
    assert!(may_join(before, after));
    let mut ended = before.clone();
    if let Some(SegmentContent::Increment(content)) = &mut ended.content {
        content.process_ended = true;
    }
    assert!(!may_join(&ended, after));
}

#[test]
fn a_merged_increment_tells_what_was_told_before() {
    for text in [
        "F7 I8-18p I19-29p I30-40p I41p F20+ I42p I43p I44p",
        "F7 I8 I10 I9 I11 I12",
        "F3 I4-6 I7 I2:1-2 I2:3-4 I2:5",
        "F3! I4-6 I7 I8 F8 I9 I10 I11",
        "F7 I8^1 I*8^3 I9 I*9^1 I*9^4 I10 I11",
    ] {
        let before = chain::words::chain(text);
        let groups = merges(before.entries(), UnixMillis::new(DAY_MS));
        assert!(!groups.is_empty(), "{text}");
        let after = Chain::new(merged(before.entries(), &groups));
        assert_eq!(after.restorable(), before.restorable(), "{text}");
        assert_eq!(after.gaps().count(), before.gaps().count(), "{text}");
        assert_eq!(after.covered_until(), before.covered_until(), "{text}");
        for millis in (0..12_000).step_by(500) {
            let target = Target::Time(UnixMillis::new(millis));
            assert_eq!(
                answer(&after, &target),
                answer(&before, &target),
                "{text}: {millis}"
            );
        }
        for range in before.restorable() {
            for epoch in range.from.get()..=range.to.get() {
                let point = apograph_format::Point::new(range.timeline, Epoch::new(epoch));
                let target = Target::Point(point.into());
                assert!(after.plan(&target).is_ok(), "{text}: {point}");
                assert_eq!(after.further_of(point), before.further_of(point), "{text}");
                for further in 0..6 {
                    let exact = apograph_format::ExactPoint { point, further };
                    let target = Target::Point(exact.into());
                    let found = answer(&after, &target);
                    assert_eq!(found, answer(&before, &target), "{text}: {exact}");
                }
            }
        }
    }
}

#[test]
fn an_instant_is_cut_out_of_a_merged_increment_at_the_capture() {
    let before = chain::words::chain("F7 I8-18p I19-29p I30-40p I41p");
    let once = merged(before.entries(), std::slice::from_ref(&(1..3)));
    let twice = Chain::new(merged(&once, std::slice::from_ref(&(1..3))));
    let plan = |seconds: u64| {
        let plan = twice.plan(&Target::Time(UnixMillis::new(seconds * 1000)));
        let plan = plan.expect("covered");
        (
            plan.increments,
            plan.cut,
            plan.point.map(|it| it.epoch.get()),
        )
    };
    // Each has 68 bytes of a log.
    assert_eq!(plan(1), (vec![], Cut::End, Some(7)));
    assert_eq!(plan(2), (vec![1], Cut::Captured(68), None));
    assert_eq!(plan(3), (vec![1], Cut::Captured(136), None));
    assert_eq!(plan(4), (vec![1], Cut::End, Some(40)));
    assert_eq!(plan(5), (vec![1, 2], Cut::End, Some(41)));
}

/// An increment of one commit.
fn captured(number: u64, at: u64) -> ChainEntry {
    let kind = SegmentKind::Incremental;
    let name = SegmentName {
        kind,
        index: number,
    };
    let place = |number: u64| FilePosition {
        sequence: LogSequence::default(),
        offset: 10 * number,
    };
    let own = RangeSet::from(vec![(number + 1, number + 1)]);
    ChainEntry {
        segment: Segment {
            kind,
            file: FileName::from(name),
            start_epoch: Epoch::new(number + 1),
            end_epoch: Epoch::new(number + 1),
            checksum: Crc32::new(0),
            size_bytes: 42,
            created_at: UnixMillis::new(at),
            end_lsn: None,
            unknown: Unknown::new(),
        },
        hash: Some(Blake3::of(&number.to_le_bytes())),
        content: Some(SegmentContent::from(IncrementContent {
            of: IncrementOf::Files(place(number)..place(number + 1)),
            overlap_bytes: 0,
            continues: true,
            repeats: false,
            catches_up: false,
            stretches: vec![TimelineSpan {
                timeline: Timeline::FIRST,
                base: Epoch::new(number),
                opens: false,
                epochs: own,
                further: FurtherCommits::NONE,
                transactions: RangeSet::new(),
            }]
            .into(),
            process_ended: false,
            commits: 1,
            records: 1,
            frames: 3,
            captures: Captures::default(),
        })),
        unusable: None,
        is_counted: true,
        hole: None,
    }
}

fn captures(entries: &[ChainEntry]) -> Vec<UnixMillis> {
    let captures = entries.iter().flat_map(ChainEntry::captured);
    captures.map(|capture| capture.at).collect()
}

#[test]
fn a_month_of_captures_at_one_second_is_about_110_increments() {
    let mut entries: Vec<ChainEntry> = Vec::new();
    let mut number = 0;
    // The last day at one second; those before it, of which only the number of windows is seen, at
    // one minute.
    let days = (0..30 * DAY_MS).step_by(60_000);
    let end = 31 * DAY_MS - 1000;
    for at in days.chain((30 * DAY_MS..=end).step_by(1000)) {
        entries.push(captured(number, at));
        number += 1;
        if at % 30_000 == 0 {
            entries = merged(&entries, &merges(&entries, UnixMillis::new(at)));
        }
    }
    assert!((90..=120).contains(&entries.len()), "{}", entries.len());
    assert_eq!(captures(&entries).len() as u64, number);
    assert_eq!(merges(&entries, UnixMillis::new(end)), []);
}

proptest! {
    /// Whenever it is merged, nothing is lost, what was merged is not merged for the same window
    /// again, and a capture is read four times at most.
    #[test]
    fn merging_is_stable(
        steps in vec((prop_oneof![1_u64..2000, 1_u64..100_000, 1_u64..DAY_MS], any::<bool>()), 1..200)
    ) {
        let mut entries = Vec::new();
        let mut written = vec![];
        let mut now = 0;
        for (number, (later, merges_now)) in (0..).zip(steps) {
            now += later;
            entries.push(captured(number, now));
            written.push(0);
            if !merges_now {
                continue;
            }
            let before = captures(&entries);
            let groups = merges(&entries, UnixMillis::new(now));
            let mut first = 0;
            for (index, entry) in entries.iter().enumerate() {
                let next = first + entry.captured().count();
                if groups.iter().any(|group| group.contains(&index)) {
                    written[first..next].iter_mut().for_each(|times| *times += 1);
                }
                first = next;
            }
            prop_assert!(written.iter().all(|times| *times <= 4), "{:?}", written);
            entries = merged(&entries, &groups);
            prop_assert_eq!(captures(&entries), before);
            prop_assert_eq!(merges(&entries, UnixMillis::new(now)), vec![]);
        }
    }
}

#[test]
fn positions_of_a_merged_increment_are_all_of_theirs() {
    let chain = v2::words::chain("F7@100 I8@100-200t5-6 I9@150-300t4-9 I10@300-400");
    let merged = MergedIncrement::of(&chain.entries()[1..3]).expect("they can be joined");
    let log = merged.content.lsns().expect("a log of generation 2");
    assert_eq!(log.range, Lsn::new(100)..Lsn::new(300));
    let span = log.committed.expect("times");
    assert_eq!((span.first.get(), span.last.get()), (5, 9));
    let ends: Vec<_> = merged
        .content
        .captures
        .as_slice()
        .iter()
        .map(|it| it.end)
        .collect();
    assert_eq!(ends, [100, 200]);
}

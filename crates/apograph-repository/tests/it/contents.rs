//! What is known of a segment once its log was read.

use apograph_format::{Epoch, RangeSet, SEGMENT_HEADER_BYTES, SegmentHeader, Timeline};
use apograph_io::{Mode, RealDisk};
use apograph_manifest::{read_history, write_history};
use apograph_repository::{IncrementFile, Repository};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;
use apograph_wal::{GroupHead, GroupReader, LogEvent};

use crate::forge::{
    add_increment, counted, increment, open, read, record, remove, rewrite, with_header,
};

fn file(repository: &Repository, index: usize) -> IncrementFile {
    let segment = &repository.chain().entries()[index].segment;
    IncrementFile::open(repository.file_of(segment).expect("a file")).expect("an increment")
}

/// One that occurs again is of another process. The system's is always the same, and in generation
/// 2 nobody asks for them.
#[test]
fn the_transactions_of_sessions_are_known_of_generation_1() {
    let mut others = 0;
    for fixtures in [V1, V2] {
        for fixture in ["02_chain40", "05_schema", "16_direct_api"] {
            let stage = Stage::of(fixtures, fixture);
            let repository = open(&stage);
            for index in 1..repository.chain().entries().len() {
                let content = increment(&repository, index);
                let mut expected = RangeSet::new();
                let stored = file(&repository, index);
                let parts = stored.parts(content.overlap_bytes);
                for event in GroupReader::new(&parts) {
                    let LogEvent::Group(group) = event.expect("a log") else {
                        continue;
                    };
                    match group.head {
                        GroupHead::One { .. } if group.transaction.is_session() => {
                            expected.insert(group.transaction.get());
                        }
                        GroupHead::One { .. } => others += 1,
                        GroupHead::Plain(_) | GroupHead::Encrypted => {}
                    }
                }
                let [stretch] = &content.stretches[..] else {
                    panic!("{:?}", content.stretches);
                };
                assert_eq!(stretch.transactions, expected, "{fixture}");
            }
        }
    }
    assert!(others > 0);
}

/// The engine lays whole log files side by side, torn ends and all.
#[test]
fn a_torn_end_of_a_log_file_within_an_increment_of_the_engine_is_no_damage() {
    let stage = Stage::of(V1, "14_torn_in_chain");
    let repository = open(&stage);
    assert_eq!(repository.chain().entries()[1].unusable, None);
    let stretches = increment(&repository, 1).stretches.iter();
    let timelines: Vec<u64> = stretches.map(|it| it.timeline.get()).collect();
    assert_eq!(timelines, [1, 2]);

    // There are no such places in one log file.
    rewrite(&stage, 1, |bytes| {
        with_header(&bytes, |header| header.count = 1)
    });
    assert!(open(&stage).chain().entries()[1].unusable.is_some());
}

#[test]
fn the_timeline_goes_on_across_a_full_backup_that_says_so() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        rewrite(&stage, 4, |bytes| {
            with_header(&bytes, |header| {
                header.flags.continues = true;
                header.flags.repeats = true;
            })
        });
        let repository = open(&stage);
        assert_eq!(counted(&repository), [true; 5]);
        let (before, end) = (repository.timeline_before(3), repository.timeline_at_end());
        assert!(!before.epochs.is_empty());
        assert_eq!(end.timeline, before.timeline);
        assert_eq!(end.epochs, before.epochs);
        assert_eq!(end.transactions, before.transactions);
    }
}

#[test]
fn the_timeline_at_the_end_is_that_of_the_last_record() {
    let stage = Stage::of(V1, "12_crash_in_chain");
    // Up to the first commit after the crash, and the rest.
    let bytes = read(&stage, "backup_incr_0002.wal");
    let repository = open(&stage);
    let stored = file(&repository, 2);
    let parts = stored.parts(0);
    let mut groups = GroupReader::new(&parts).filter_map(|event| match event {
        Ok(LogEvent::Group(group)) => Some(group.end.offset),
        _ => None,
    });
    let end = SEGMENT_HEADER_BYTES + groups.nth(1).expect("a commit");
    let epoch = Epoch::new(1);
    let first = with_header(&bytes[..end], |header| header.end_epoch = epoch);
    let header = SegmentHeader {
        start_epoch: epoch.next().expect("an epoch"),
        ..SegmentHeader::decode(&bytes).expect("a header")
    };
    let rest = [&header.encode()[..], &bytes[end..]].concat();
    stage.keep_segments(2);
    add_increment(&stage, &first);
    add_increment(&stage, &rest);

    let sound = open(&stage);
    let last = |index: usize| {
        increment(&sound, index)
            .stretches
            .last()
            .expect("a stretch")
    };
    assert_eq!(
        [last(2).timeline, last(3).timeline].map(Timeline::get),
        [2, 2]
    );
    assert_eq!([last(2).opens, last(3).opens], [true, false]);
    record(&stage, &sound, usize::MAX);
    let mut history = read_history(&stage.folder()).expect("a history");
    history.records.remove(2);
    write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
    remove(&stage, stage.manifest().segments[2].file.as_str());
    let timeline = open(&stage).timeline_at_end().timeline;
    assert_eq!(timeline.get(), 2);
}

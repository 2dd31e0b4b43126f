//! The numbers of timelines where something that they are counted by is lost or damaged.

use std::fs;

use apograph_io::{Mode, RealDisk};
use apograph_manifest::{History, PointRange, write_history};
use apograph_repository::Repository;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

/// Two full backups, and increments behind each.
const TWO_FULLS: &str = "03_two_fulls";
const LAST: &str = "backup_incr_0004.wal";

fn open(stage: &Stage) -> Repository {
    Repository::open(&stage.repository()).expect("a repository")
}

/// Which of the entries have timelines that are counted.
fn counted(repository: &Repository) -> Vec<bool> {
    let entries = repository.chain().entries().iter();
    entries.map(|entry| entry.is_counted).collect()
}

/// What the next backup would leave.
fn record(stage: &Stage, repository: &Repository, records: usize) {
    let history = History {
        records: repository.records().take(records).collect(),
        cursor: None,
    };
    write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
}

#[test]
fn a_full_backup_is_in_no_timeline_where_the_increment_that_would_tell_is_lost() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, TWO_FULLS);
        let sound = open(&stage).chain().restorable();
        let in_first = |range: &&PointRange| range.timeline == sound[0].timeline;
        let certain: Vec<_> = sound.iter().filter(in_first).copied().collect();
        assert_ne!(certain, sound);
        let file = stage.repository().join(LAST);
        let whole = fs::read(&file).expect("a file");
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("a byte") ^= 1;

        let check = || {
            let repository = open(&stage);
            assert_eq!(counted(&repository), [true, true, true, false, false]);
            assert_eq!(repository.chain().restorable(), certain);
            assert!(!repository.is_counted());
            repository
        };
        fs::write(&file, &flipped).expect("a file");
        check();
        fs::remove_file(&file).expect("a file");
        let repository = check();
        // A guess does not become known by being recorded.
        record(&stage, &repository, usize::MAX);
        let uncounted: Vec<bool> = check().records().map(|it| it.is_uncounted).collect();
        assert_eq!(uncounted, [false, false, false, true]);

        fs::write(&file, &whole).expect("a file");
        let repository = open(&stage);
        assert_eq!(counted(&repository), [true; 5]);
        assert_eq!(repository.chain().restorable(), sound);
        assert!(repository.is_counted());
        // What is recorded needs no other segment.
        record(&stage, &repository, usize::MAX);
        fs::remove_file(&file).expect("a file");
        assert_eq!(counted(&open(&stage)), [true; 5]);
    }
}

#[test]
fn what_an_increment_repeats_of_a_damaged_one_is_not_known() {
    let stage = Stage::new(V1);
    record(&stage, &open(&stage), 3);
    assert_eq!(counted(&open(&stage)), [true; 4]);
    let file = stage.repository().join(SEGMENTS[2]);
    let mut bytes = fs::read(&file).expect("a file");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(&file, bytes).expect("a file");
    assert_eq!(counted(&open(&stage)), [true, true, true, false]);
}

#[test]
fn what_is_recorded_is_not_read() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let known = open(&stage);
        record(&stage, &known, usize::MAX);
        for name in SEGMENTS {
            let file = stage.repository().join(name);
            let length = fs::read(&file).expect("a file").len();
            fs::write(&file, vec![0xa5; length]).expect("a file");
        }
        // Whoever read one of them would find nothing of it.
        let found = open(&stage);
        assert_eq!(found.chain().entries(), known.chain().entries());
        assert_eq!(found.chain().restorable(), known.chain().restorable());
        record(&stage, &known, 0);
        let found = open(&stage);
        let mut entries = found.chain().entries().iter();
        assert!(entries.all(|entry| entry.unusable.is_some()));
    }
}

//! The commits of a repository, one by one.

use std::collections::BTreeMap;
use std::fs;

use apograph_format::{Epoch, Lsn, Point, Timeline, TransactionId, UnixMillis};
use apograph_manifest::{FileName, Unusable};
use apograph_repository::Repository;
use apograph_restore::{Commit, Logged, RestoreError, commits};
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{flip_last_byte, record};

/// The commits, and what cannot be used of the others.
pub(crate) fn seen(stage: &Stage) -> (Vec<Commit>, Vec<(FileName, Unusable)>) {
    in_order(stage, false)
}

fn in_order(stage: &Stage, newest_first: bool) -> (Vec<Commit>, Vec<(FileName, Unusable)>) {
    let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
    let (mut seen, mut unusable) = (Vec::new(), Vec::new());
    let outcome = commits(&repository, newest_first, every_core(), |logged| {
        match logged {
            Logged::Commit(commit) => seen.push(commit),
            Logged::Unusable(segment) => unusable.push((segment.file, segment.reason)),
        }
        Ok::<(), RestoreError>(())
    });
    outcome.expect("a repository");
    (seen, unusable)
}

/// The commits of a repository that is sound.
pub(crate) fn all(stage: &Stage) -> Vec<Commit> {
    let (commits, unusable) = seen(stage);
    assert_eq!(unusable, []);
    commits
}

pub(crate) fn epochs(commits: &[Commit]) -> Vec<u64> {
    commits.iter().map(|it| it.point.epoch.get()).collect()
}

#[test]
fn each_commit_is_listed_once_with_its_place_and_its_records() {
    let plain = Commit {
        point: Point::new(Timeline::FIRST, Epoch::new(8)),
        further: Some(0),
        is_counted: true,
        own_epoch: true,
        committed_at: None,
        captured_after: Some(UnixMillis::new(1_795_246_036_478)),
        captured_at: UnixMillis::new(1_795_246_036_485),
        end_lsn: None,
        is_encrypted: false,
        transaction: TransactionId::new(9),
        segment: FileName::try_from(SEGMENTS[1]).expect("a name"),
        offset: 32,
        records: 2,
        kinds: BTreeMap::from([("delete_edge".into(), 1), ("delete_node".into(), 1)]),
    };
    let placed = Commit {
        committed_at: Some(UnixMillis::new(1_795_246_036_758)),
        captured_after: Some(UnixMillis::new(1_795_246_036_757)),
        captured_at: UnixMillis::new(1_795_246_036_760),
        end_lsn: Some(Lsn::new(666)),
        offset: 168,
        ..plain.clone()
    };
    for (fixtures, first, records) in [(V1, plain, 74), (V2, placed, 42)] {
        let stage = Stage::new(fixtures);
        let commits = all(&stage);
        assert_eq!(commits[0], first);
        assert_eq!(epochs(&commits), (8..=40).collect::<Vec<_>>());
        assert_eq!(commits.iter().map(|it| it.records).sum::<u64>(), records);
        for (segment, commits) in SEGMENTS[1..].iter().zip(commits.chunks(11)) {
            assert!(commits.iter().all(|it| it.segment.as_str() == *segment));
            let offsets: Vec<u64> = commits.iter().map(|it| it.offset).collect();
            assert_eq!(offsets[0], first.offset);
            assert!(offsets.is_sorted_by(|one, next| one < next), "{offsets:?}");
        }
    }
}

#[test]
fn no_commit_of_a_damaged_segment_is_listed() {
    for fixtures in [V1, V2] {
        for is_recorded in [false, true] {
            let stage = Stage::new(fixtures);
            if is_recorded {
                record(&stage);
            }
            flip_last_byte(&stage.repository().join(SEGMENTS[2]));
            let (commits, unusable) = seen(&stage);
            let sound: Vec<u64> = (8..=18).chain(30..=40).collect();
            assert_eq!(epochs(&commits), sound);
            let [(file, Unusable::Damaged { .. })] = &unusable[..] else {
                panic!("{unusable:?}");
            };
            assert_eq!(file.as_str(), SEGMENTS[2]);
            let (backwards, unusable) = in_order(&stage, true);
            assert!(backwards.iter().rev().eq(&commits));
            assert_eq!(unusable.len(), 1);
        }
    }
}

#[test]
fn a_missing_segment_is_told() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        fs::remove_file(stage.repository().join(SEGMENTS[2])).expect("a file");
        let (commits, unusable) = seen(&stage);
        assert_eq!(commits.len(), 22);
        let missing = FileName::try_from(SEGMENTS[2]).expect("a name");
        assert_eq!(unusable, [(missing, Unusable::Missing)]);
    }
}

#[test]
fn whoever_has_seen_enough_is_shown_no_more() {
    let stage = Stage::new(V1);
    let mut count = 0;
    let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
    let outcome = commits(&repository, false, every_core(), |_| {
        count += 1;
        let path = stage.path("enough");
        if count < 3 {
            Ok(())
        } else {
            Err(RestoreError::OutputBusy { path })
        }
    });
    assert!(matches!(outcome, Err(RestoreError::OutputBusy { .. })));
    assert_eq!(count, 3);
}

//! The commits of a repository, one by one.

use std::collections::BTreeMap;
use std::fs;

use apograph_format::{Epoch, Lsn, Point, Timeline, TransactionId, UnixMillis};
use apograph_io::Silent;
use apograph_manifest::FileName;
use apograph_restore::{Commit, RestoreError, Result, commits};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{flip_last_byte, record};

/// What was seen, and how it ended.
pub(crate) fn seen(stage: &Stage) -> (Vec<Commit>, Result<()>) {
    let mut seen = Vec::new();
    let outcome = commits(&stage.repository(), &Silent, |commit| {
        seen.push(commit);
        Ok(())
    });
    (seen, outcome)
}

/// The commits of a repository that is sound.
pub(crate) fn all(stage: &Stage) -> Vec<Commit> {
    let (commits, outcome) = seen(stage);
    outcome.expect("a repository");
    commits
}

pub(crate) fn epochs(commits: &[Commit]) -> Vec<u64> {
    commits.iter().map(|it| it.point.epoch.get()).collect()
}

#[test]
fn each_commit_is_listed_once_with_its_place_and_its_records() {
    let plain = Commit {
        point: Point::new(Timeline::FIRST, Epoch::new(8)),
        is_counted: true,
        own_epoch: true,
        committed_at: None,
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
            let (commits, outcome) = seen(&stage);
            assert_eq!(epochs(&commits), (8..=18).collect::<Vec<_>>());
            let error = outcome.expect_err("damage");
            assert_eq!(error.code(), "corrupt-segment");
            assert!(error.to_string().starts_with(SEGMENTS[2]), "{error}");
        }
    }
}

#[test]
fn a_missing_segment_ends_the_list() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        fs::remove_file(stage.repository().join(SEGMENTS[2])).expect("a file");
        let (commits, outcome) = seen(&stage);
        assert_eq!(commits.len(), 11);
        let error = outcome.expect_err("a missing file");
        assert_eq!(error.code(), "chain-broken");
        assert_eq!(error.to_string(), format!("{} is missing", SEGMENTS[2]));
    }
}

#[test]
fn whoever_has_seen_enough_is_shown_no_more() {
    let stage = Stage::new(V1);
    let mut count = 0;
    let outcome = commits(&stage.repository(), &Silent, |_| {
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

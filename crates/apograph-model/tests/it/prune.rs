//! Random policies over random histories.

use std::path::Path;
use std::time::Duration;

use apograph_format::{Code, Generation};
use apograph_model::{
    BackupMode, Effort, Library, Op, PruneCase, PruneEnd, RandomScenario, ReadState, Shape, check,
    check_pruned, read_bytes,
};
use apograph_operate::Policy;
use apograph_testing::strategies::cases;
use proptest::collection::vec;

use proptest::prelude::*;

use crate::golden_repositories;

/// Histories that every run takes, of each generation.
const HISTORIES: u32 = 8;

fn policy() -> impl Strategy<Value = Policy> {
    let within =
        proptest::option::of((0_u64..60).prop_map(|days| Duration::from_secs(days * 86_400)));
    (within, 0_usize..4, 0_usize..4, 0_usize..3, 0_usize..3).prop_map(
        |(within, last, daily, weekly, monthly)| Policy {
            within,
            last,
            daily,
            weekly,
            monthly,
        },
    )
}

fn case() -> impl Strategy<Value = PruneCase> {
    let hours = vec(prop_oneof![0_u64..3, 0_u64..40, 0_u64..400], 1..12);
    let verified = prop_oneof![3 => Just(u64::MAX), 2 => any::<u64>()];
    let pinned = vec(any::<usize>(), 0..3);
    let all = (hours, policy(), verified, pinned, any::<bool>());
    all.prop_map(|(hours, policy, verified, pinned, in_folder)| PruneCase {
        hours,
        policy,
        verified,
        pinned,
        in_folder,
    })
}

/// Backups, many of them full, and what ends a timeline.
fn history(generation: Generation) -> impl Strategy<Value = RandomScenario> {
    let commit = (1_u8..3).prop_map(|records| Op::Commit(Shape::of(records, 1, 9)));
    let op = prop_oneof![
        6 => commit,
        4 => Just(Op::Backup(BackupMode::Full)),
        4 => Just(Op::Backup(BackupMode::Auto)),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::Close),
        1 => Just(Op::Change(Shape::of(1, 1, 5))),
        1 => Just(Op::OutOfOrder(Shape::of(1, 1, 5))),
        1 => Just(Op::Crash { lost_bytes: 0 }),
    ];
    vec(op, 6..36).prop_map(move |ops| RandomScenario {
        generation,
        is_slow: false,
        ops,
    })
}

/// The library, whose repository is pruned in the end.
struct Pruning<'a> {
    case: &'a PruneCase,
}

impl Library for Pruning<'_> {
    fn finish(&self, repository: &Path, read: &ReadState<'_>) -> Result<(), String> {
        let read = |database: &Path| Ok(format!("{:?}", read(database)?));
        check_pruned(repository, self.case, &read).map(drop)
    }
}

fn hold(scenario: &RandomScenario, case: &PruneCase) -> Result<(), TestCaseError> {
    let effort = Effort {
        points: 1,
        rebuilds: false,
    };
    check(scenario, &Pruning { case }, effort)
        .map_err(|failure| TestCaseError::fail(format!("{failure}\n{scenario}\n{case:?}")))
}

proptest! {
    #![proptest_config(cases(HISTORIES))]

    #[test]
    fn a_policy_keeps_its_word_in_generation_1(
        scenario in history(Generation::One),
        case in case(),
    ) {
        hold(&scenario, &case)?;
    }

    #[test]
    fn a_policy_keeps_its_word_in_generation_2(
        scenario in history(Generation::Two),
        case in case(),
    ) {
        hold(&scenario, &case)?;
    }
}

/// Of each golden that is whole the oldest chains go, and a pinned state stays.
#[test]
fn goldens_are_pruned() {
    let mut pruned = 0;
    for (golden, in_folder) in
        golden_repositories().flat_map(|it| [(it.clone(), false), (it, true)])
    {
        let case = PruneCase {
            hours: vec![30],
            policy: Policy {
                last: 1,
                ..Policy::default()
            },
            verified: u64::MAX,
            pinned: vec![1],
            in_folder,
        };
        match check_pruned(&golden, &case, &read_bytes) {
            Ok(PruneEnd::Pruned(gone, _)) => pruned += usize::from(gone > 0),
            Ok(PruneEnd::Refused(code)) => assert_ne!(code, Code::Usage),
            // It is damaged, and was not copied.
            Err(error) if !error.contains("kept") && error.contains("segment") => {}
            Err(error) => panic!("{}: {error}", golden.display()),
        }
    }
    assert!(pruned > 1, "{pruned}");
}

/// A change that takes no epoch belongs to the one before it: a full backup at that point stays with what
/// comes after it, or the point would be another state than it was.
#[test]
fn what_belongs_to_a_kept_point_stays() {
    let (commit, change) = (
        Op::Commit(Shape::of(1, 1, 9)),
        Op::Change(Shape::of(1, 1, 9)),
    );
    let (full, auto) = (Op::Backup(BackupMode::Full), Op::Backup(BackupMode::Auto));
    for (generation, in_folder) in [
        (Generation::One, false),
        (Generation::Two, false),
        (Generation::One, true),
        (Generation::Two, true),
    ] {
        let scenario = RandomScenario {
            generation,
            is_slow: false,
            ops: vec![
                commit,
                change,
                Op::Checkpoint,
                full,
                change,
                auto,
                change,
                auto,
                commit,
                auto,
                Op::Checkpoint,
                full,
                commit,
                auto,
                Op::Checkpoint,
                full,
            ],
        };
        let case = PruneCase {
            hours: vec![24],
            policy: Policy {
                daily: 100,
                ..Policy::default()
            },
            verified: u64::MAX,
            pinned: vec![],
            in_folder,
        };
        hold(&scenario, &case).expect("each point is what it was");
    }
}

/// Full backups at one point are several timelines where the database was closed in between; what is
/// left of them tells so without records too.
#[test]
fn full_backups_at_one_point_are_pruned() {
    let full = Op::Backup(BackupMode::Full);
    for generation in [Generation::One, Generation::Two] {
        let scenario = RandomScenario {
            generation,
            is_slow: false,
            ops: vec![Op::Close, full, Op::Checkpoint, full, full, full],
        };
        let case = PruneCase {
            hours: vec![0, 96, 0],
            policy: Policy {
                weekly: 2,
                ..Policy::default()
            },
            verified: u64::MAX,
            pinned: vec![],
            in_folder: true,
        };
        hold(&scenario, &case).expect("each point is what it was");
    }
}

//! A vault into which a capture goes every second stays small enough to be opened.

use std::time::Duration;

use apograph_operate::{
    Context, Follow, FollowEvent, FollowStep, Follower, Merger, Policy, Repository,
};
use apograph_repository::format::Code;
use apograph_repository::init_vault;
use apograph_repository::io::{Clock, RealDisk};
use apograph_restore::{VerifyOptions, verify_and_record};
use apograph_testing::clock::ManualClock;
use apograph_testing::effort::is_long;
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::growing::Growing;

/// A database, and how it is followed into a vault beside it.
fn followed(fixtures: Fixtures) -> (Growing, Follow) {
    let database = Growing::of(fixtures);
    let vault = database.path("vault");
    init_vault(&vault, Context::default()).expect("a vault");
    let follow = Follow {
        database: database.database(),
        repository: vault.into(),
        every: None,
        full_every: None,
        retention: None,
    };
    (database, follow)
}

/// Follows for so many seconds, with a commit in each. Returns how many increments are left.
fn live(fixtures: Fixtures, seconds: u64) -> u64 {
    let (mut database, follow) = followed(fixtures);
    let vault = database.path("vault");
    let clock = ManualClock::default();
    let context = Context {
        disk: &RealDisk,
        clock: &clock,
        ..Context::default()
    };
    let mut merger = Merger::new(&follow, context);
    let mut follower = Follower::new(follow, context);
    let mut fewer = 0;
    for second in 0..seconds {
        database.commit(clock.now().get());
        clock.pass(Duration::from_secs(1));
        follower.round(&mut |event| {
            let is_expected = matches!(event, FollowEvent::Ready { .. } | FollowEvent::Full { .. });
            assert!(is_expected, "{event:?}");
        });
        let last_full = follower.figures().last_full;
        merger.round(last_full, &mut |event| match event {
            FollowEvent::Merged(done) => fewer += done.merged - done.into,
            other => panic!("{other:?}"),
        });
        assert!(follower.figures().captures == second + 1);
    }
    let opened = Repository::open(&vault, context).expect("opened");
    let count = opened.chain().entries().len() as u64 - 1;
    let last = opened.chain().restorable().pop().expect("a range");
    assert_eq!(last.to.get(), database.epoch());
    // The first capture brings a full backup with an increment.
    assert_eq!(count + fewer, seconds);
    count
}

#[test]
fn what_is_captured_every_second_is_merged() {
    let seconds = if is_long() { 24 * 60 * 60 } else { 8 * 60 };
    for fixtures in [V1, V2] {
        let count = live(fixtures, seconds);
        println!("{count} increments are left of {seconds}");
        // 300 of the last five minutes, and what they are merged into.
        assert!(count <= 300 + 60 + 12 + 24, "{count}");
    }
}

/// Rules are applied once a full backup was taken, and not before.
#[test]
fn what_no_rule_keeps_goes_after_the_next_full_backup() {
    let (mut database, follow) = followed(V2);
    let vault = database.path("vault");
    let clock = ManualClock::default();
    let context = Context {
        clock: &clock,
        ..Context::default()
    };
    let follow = Follow {
        full_every: Some(Duration::from_secs(600)),
        retention: Some(Policy {
            last: 1,
            ..Policy::default()
        }),
        ..follow
    };
    let mut merger = Merger::new(&follow, context);
    let mut follower = Follower::new(follow, context);
    let (mut fulls, mut pruned, mut unproven) = (0, 0, 0);
    for second in 0..4_400 {
        if second % 60 == 0 {
            database.commit(clock.now().get());
        }
        clock.pass(Duration::from_secs(1));
        follower.round(&mut |event| fulls += u32::from(matches!(event, FollowEvent::Full { .. })));
        if fulls == 2 && unproven == 1 && pruned == 0 {
            // Somebody verifies it at last.
            let options = VerifyOptions::default();
            verify_and_record(&vault, &options, context).expect("verified");
        }
        let last_full = follower.figures().last_full;
        merger.round(last_full, &mut |event| match event {
            FollowEvent::Pruned { segments, .. } => pruned += segments,
            FollowEvent::Failed { step, code, .. } => {
                assert_eq!((step, code), (FollowStep::Prune, Code::NotVerified));
                unproven += 1;
            }
            FollowEvent::Merged(_) | FollowEvent::Recovered { .. } => {}
            other => panic!("{other:?}"),
        });
    }
    let opened = Repository::open(&vault, context).expect("opened");
    let last = opened.chain().restorable().pop().expect("a range");
    assert_eq!(last.to.get(), database.epoch());
    assert!(pruned > 0 && unproven == 1, "{pruned}, {unproven}");
}

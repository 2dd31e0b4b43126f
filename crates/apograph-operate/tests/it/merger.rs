//! A vault into which a capture goes every second stays small enough to be opened.

use std::time::Duration;

use apograph_operate::{Context, Follow, FollowEvent, Follower, Merger, Repository};
use apograph_repository::init_vault;
use apograph_repository::io::{Clock, RealDisk};
use apograph_testing::clock::ManualClock;
use apograph_testing::effort::is_long;
use apograph_testing::fixtures::{Fixtures, V1, V2};

use crate::growing::Growing;

/// Follows for so many seconds, with a commit in each. Returns how many increments are left.
fn live(fixtures: Fixtures, seconds: u64) -> u64 {
    let mut database = Growing::of(fixtures);
    let vault = database.path("vault");
    init_vault(&vault, Context::default()).expect("a vault");
    let clock = ManualClock::default();
    let context = Context {
        disk: &RealDisk,
        clock: &clock,
        ..Context::default()
    };
    let follow = Follow {
        database: database.database(),
        repository: vault.clone().into(),
        every: None,
        full_every: None,
    };
    let mut follower = Follower::new(follow, context);
    let mut merger = Merger::new(vault.clone().into(), context);
    let mut fewer = 0;
    for second in 0..seconds {
        database.commit(clock.now().get());
        clock.pass(Duration::from_secs(1));
        follower.round(&mut |event| {
            let is_expected = matches!(event, FollowEvent::Ready { .. } | FollowEvent::Full { .. });
            assert!(is_expected, "{event:?}");
        });
        merger.round(&mut |event| match event {
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

//! Generated stories happen to the library as they do to the model.

use apograph_format::Generation;
use apograph_model::{Effort, MAX_OPS, Real, Story, check};
use apograph_testing::strategies::cases;
use proptest::collection::vec;
use proptest::prelude::*;

/// Stories that every run takes, of each generation.
const STORIES: u32 = 300;
/// One in so many is a slow one.
const SLOW_EVERY: f64 = 60.0;

/// A story by the bytes that tell it: those of one thing are generated and shrink together, toward
/// a plain commit.
fn story(generation: Generation) -> impl Strategy<Value = Story> {
    let ops = vec(any::<[u8; 3]>(), 2..=MAX_OPS);
    let is_slow = proptest::bool::weighted(1.0 / SLOW_EVERY);
    (any::<bool>(), is_slow, ops).prop_map(move |(is_damaged, is_slow, ops)| {
        let bytes = [vec![u8::from(is_damaged) << 1], ops.concat()].concat();
        Story {
            generation,
            is_slow,
            ..Story::decode(&bytes)
        }
    })
}

fn hold(story: &Story) -> Result<(), TestCaseError> {
    check(story, &Real, Effort::ALL)
        .map_err(|failure| TestCaseError::fail(format!("{failure}\n\n{story}")))
}

proptest! {
    #![proptest_config(cases(STORIES))]

    #[test]
    fn stories_of_generation_1_hold(story in story(Generation::One)) {
        hold(&story)?;
    }

    #[test]
    fn stories_of_generation_2_hold(story in story(Generation::Two)) {
        hold(&story)?;
    }
}

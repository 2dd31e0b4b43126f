//! Generated scenarios happen to the library as they do to the model.

use apograph_format::Generation;
use apograph_model::{Effort, MAX_OPS, RandomScenario, Real, check};
use apograph_testing::strategies::cases;
use proptest::collection::vec;
use proptest::prelude::*;

/// Scenarios that every run takes, of each generation.
const SCENARIOS: u32 = 300;
/// One in so many is a slow one.
const SLOW_EVERY: f64 = 60.0;

/// A scenario by the bytes that tell it: those of one thing are generated and shrink together,
/// toward a plain commit.
fn scenario(generation: Generation) -> impl Strategy<Value = RandomScenario> {
    let ops = vec(any::<[u8; 3]>(), 2..=MAX_OPS);
    let is_slow = proptest::bool::weighted(1.0 / SLOW_EVERY);
    (any::<bool>(), is_slow, ops).prop_map(move |(is_damaged, is_slow, ops)| {
        let bytes = [vec![u8::from(is_damaged) << 1], ops.concat()].concat();
        RandomScenario {
            generation,
            is_slow,
            ..RandomScenario::decode(&bytes)
        }
    })
}

fn hold(scenario: &RandomScenario) -> Result<(), TestCaseError> {
    check(scenario, &Real, Effort::ALL)
        .map_err(|failure| TestCaseError::fail(format!("{failure}\n\n{scenario}")))
}

proptest! {
    #![proptest_config(cases(SCENARIOS))]

    #[test]
    fn scenarios_of_generation_1_hold(scenario in scenario(Generation::One)) {
        hold(&scenario)?;
    }

    #[test]
    fn scenarios_of_generation_2_hold(scenario in scenario(Generation::Two)) {
        hold(&scenario)?;
    }
}

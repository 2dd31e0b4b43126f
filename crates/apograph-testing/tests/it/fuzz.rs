//! The decoders' fuzz targets, over their seeds and over damaged ones: the same every time.

use apograph_testing::damage;
use apograph_testing::fuzz::TARGETS;
use apograph_testing::strategies::cases;
use proptest::prelude::*;
use proptest::sample::Index;

/// Cuts and flips of a seed, at least, spread over it.
const PLACES: usize = 100;
/// Fronts and backs of seeds that are put together, of each target.
const SPLICES: u32 = 100;

#[test]
fn seeds_hold() {
    for target in TARGETS {
        (target.run)(b"");
        for seed in (target.seeds)() {
            (target.run)(&seed);
        }
    }
}

#[test]
fn damaged_seeds_hold() {
    for target in TARGETS {
        for mut seed in (target.seeds)() {
            let step = (seed.len() / PLACES).max(1);
            for length in (0..seed.len()).step_by(step) {
                (target.run)(&seed[..length]);
            }
            for (bit, offset) in (0..8).cycle().zip((0..seed.len()).step_by(step)) {
                let mask = 1 << bit;
                seed[offset] ^= mask;
                (target.run)(&seed);
                seed[offset] ^= mask;
            }
        }
    }
}

#[test]
fn short_seeds_hold_whatever_bit_is_flipped() {
    for target in TARGETS {
        for seed in (target.seeds)().iter().filter(|seed| seed.len() <= 256) {
            damage::every_bit(seed, |_, bytes| (target.run)(bytes));
        }
    }
}

proptest! {
    #![proptest_config(cases(SPLICES))]

    #[test]
    fn spliced_seeds_hold(seeds in any::<[Index; 2]>(), places in any::<[Index; 2]>()) {
        for target in TARGETS {
            let all = (target.seeds)();
            let [first, second] = seeds.map(|seed| seed.get(&all));
            let front = &first[..places[0].index(first.len() + 1)];
            let back = &second[places[1].index(second.len() + 1)..];
            (target.run)(&[front, back].concat());
        }
    }
}

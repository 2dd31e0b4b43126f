//! The decoders' fuzz targets, over their seeds and over damaged ones: the same every time.

use apograph_testing::damage;
use apograph_testing::fuzz::TARGETS;

/// Cuts and flips of a seed, at least, spread over it.
const PLACES: usize = 100;

/// Numbers that look random and are not.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % end.max(1)
    }
}

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
    let mut numbers = Numbers(1);
    for target in TARGETS {
        for mut seed in (target.seeds)() {
            let step = (seed.len() / PLACES).max(1);
            for length in (0..seed.len()).step_by(step) {
                (target.run)(&seed[..length]);
            }
            for offset in (0..seed.len()).step_by(step) {
                let mask = 1 << numbers.below(8);
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

#[test]
fn spliced_seeds_hold() {
    let mut numbers = Numbers(2);
    for target in TARGETS {
        let seeds = (target.seeds)();
        for _ in 0..PLACES {
            let (first, second) = (
                &seeds[numbers.below(seeds.len())],
                &seeds[numbers.below(seeds.len())],
            );
            let front = &first[..numbers.below(first.len() + 1)];
            let back = &second[numbers.below(second.len() + 1)..];
            (target.run)(&[front, back].concat());
        }
    }
}

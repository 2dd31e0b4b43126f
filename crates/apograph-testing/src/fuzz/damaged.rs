//! A fuzz target over its seeds and over damaged ones: the same every time.

use super::FuzzTarget;
use crate::damage;

/// Cuts and flips of a seed, at least, spread over it.
const PLACES: usize = 100;
/// Every bit of a seed is flipped that is as short.
const SHORT_BYTES: usize = 256;

impl FuzzTarget {
    /// Runs it over no byte, over each seed, and over what cuts and flipped bits make of it.
    ///
    /// # Panics
    ///
    /// Where a decoder breaks a promise.
    pub fn run_over_damaged_seeds(&self) {
        (self.run)(b"");
        for mut seed in (self.seeds)() {
            (self.run)(&seed);
            let step = (seed.len() / PLACES).max(1);
            for length in (0..seed.len()).step_by(step) {
                (self.run)(&seed[..length]);
            }
            for (bit, offset) in (0..8).cycle().zip((0..seed.len()).step_by(step)) {
                let mask = 1 << bit;
                seed[offset] ^= mask;
                (self.run)(&seed);
                seed[offset] ^= mask;
            }
            if seed.len() <= SHORT_BYTES {
                damage::every_bit(&seed, |_, bytes| (self.run)(bytes));
            }
        }
    }

    /// Runs it over the front of a seed with the back of another one behind it. Each number chooses
    /// one of what there is.
    ///
    /// # Panics
    ///
    /// Where a decoder breaks a promise.
    pub fn run_over_spliced_seeds(&self, seeds: [usize; 2], places: [usize; 2]) {
        let all = (self.seeds)();
        let [first, second] = seeds.map(|seed| &all[seed % all.len()]);
        let front = &first[..places[0] % (first.len() + 1)];
        let back = &second[places[1] % (second.len() + 1)..];
        (self.run)(&[front, back].concat());
    }
}

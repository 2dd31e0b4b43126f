//! The decoders' fuzz targets, over their seeds and over damaged ones.

use apograph_testing::fuzz::TARGETS;
use apograph_testing::strategies::cases;
use proptest::prelude::*;

/// Fronts and backs of seeds that are put together, of each target.
const SPLICES: u32 = 100;

#[test]
fn seeds_hold_also_damaged() {
    for target in TARGETS {
        target.run_over_damaged_seeds();
    }
}

proptest! {
    #![proptest_config(cases(SPLICES))]

    #[test]
    fn spliced_seeds_hold(seeds in any::<[usize; 2]>(), places in any::<[usize; 2]>()) {
        for target in TARGETS {
            target.run_over_spliced_seeds(seeds, places);
        }
    }
}

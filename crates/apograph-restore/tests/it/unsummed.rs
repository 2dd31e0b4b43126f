//! Segments without a record are compared with the manifest while they are restored.

use apograph_format::{Crc32, Epoch, Point};
use apograph_manifest::Target;
use apograph_repository::Repository;
use apograph_restore::RestoreError;
use apograph_testing::context::every_core;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;

use crate::forge::edit_segment;
use crate::restore::planned;

/// Nothing in such a file tells that it is another one, but its checksum.
#[test]
fn a_file_that_is_another_one_counts_for_nothing_also_where_the_target_needs_it_not() {
    let mut refused = 0;
    for (fixtures, name) in [
        (V1, "02_chain40"),
        (V2, "02_chain40"),
        (V1, "03_two_fulls"),
        (V2, "03_two_fulls"),
    ] {
        let sound = Stage::of(fixtures, name);
        let ranges = open(&sound).chain().restorable();
        let points = || {
            let points = ranges.iter().flat_map(|range| {
                let epochs = range.from.get()..=range.to.get();
                epochs.map(|epoch| Point::new(range.timeline, Epoch::new(epoch)))
            });
            points.map(|point| Target::Point(point.into()))
        };
        for index in 0..sound.manifest().segments.len() {
            let stage = Stage::of(fixtures, name);
            edit_segment(&stage, index, |segment| {
                segment.checksum = Crc32::new(!segment.checksum.get());
            });
            for target in points().chain([Target::Latest]) {
                let expected = open(&stage).chain().plan(&target);
                match (planned(&stage, target), expected) {
                    (Ok(restored), Ok(plan)) => {
                        assert!(plan.point.is_none() || restored.point == plan.point);
                    }
                    (Err(RestoreError::Chain(error)), Err(expected)) => {
                        assert_eq!(told(&error), told(&expected));
                        refused += 1;
                    }
                    (restored, plan) => panic!("{target:?}: {restored:?}, {plan:?}"),
                }
            }
        }
    }
    assert!(refused > 0);
}

fn open(stage: &Stage) -> Repository {
    Repository::open(stage.repository(), every_core()).expect("a repository")
}

//! The golden fixtures are all there.

use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::truth::Truth;

#[test]
fn every_fixture_has_its_truth() {
    for (fixtures, count) in [(V1, 20), (V2, 18)] {
        let names = fixtures.names();
        assert_eq!(names.len(), count);
        for name in names {
            let truth = Truth::of(fixtures, &name);
            assert!(!truth.states.is_empty(), "{name}");
            let numbers = truth.states.iter().map(|state| state.seq);
            assert!(numbers.is_sorted(), "{name}");
        }
    }
}

#[test]
fn files_know_their_fixture() {
    let golden = V1.read("10_live/source/src.grafeo.wal/checkpoint.meta");
    assert_eq!(
        (golden.fixture(), golden.file_name()),
        ("10_live", "checkpoint.meta")
    );
    assert!(V1.checkpoints().contains(&golden));
}

#[test]
fn each_generation_has_files_of_its_own() {
    let counts = |fixtures: Fixtures| {
        [
            fixtures.database_files().len(),
            fixtures.segments().len(),
            fixtures.logs().len(),
            fixtures.manifests().len(),
            fixtures.cursors().len(),
        ]
    };
    assert_eq!(counts(V1), [33, 39, 50, 17, 6]);
    assert_eq!(counts(V2), [29, 34, 30, 16, 5]);
    assert_eq!(V2.wal_segments().len(), 70);
    let shared = "02_chain40/backup/backup_manifest.json";
    assert_ne!(V1.read(shared), V2.read(shared));
}

#[test]
#[should_panic(expected = "cannot read the fixture")]
fn a_missing_file_is_a_failure() {
    V1.read("01_full_only/source/src.grafeo");
}

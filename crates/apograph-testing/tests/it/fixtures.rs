//! The golden fixtures are all there.

use apograph_testing::fixtures;
use apograph_testing::truth::Truth;

#[test]
fn every_fixture_has_its_truth() {
    let names = fixtures::names();
    assert_eq!(names.len(), 20);
    for name in names {
        let truth = Truth::of(&name);
        assert!(!truth.states.is_empty(), "{name}");
        let numbers = truth.states.iter().map(|state| state.seq);
        assert!(numbers.is_sorted(), "{name}");
    }
}

#[test]
fn files_know_their_fixture() {
    let golden = fixtures::read("10_live/source/src.grafeo.wal/checkpoint.meta");
    assert_eq!(
        (golden.fixture(), golden.file_name()),
        ("10_live", "checkpoint.meta")
    );
    assert!(fixtures::checkpoints().contains(&golden));
}

#[test]
#[should_panic(expected = "cannot read the fixture")]
fn a_missing_file_is_a_failure() {
    fixtures::read("01_full_only/source/src.grafeo");
}

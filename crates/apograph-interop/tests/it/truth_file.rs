//! Reading, writing and asking `truth.json`.

use apograph_interop::EngineGeneration;
use apograph_testing::truth::Truth;
use serde_json::json;

use crate::fixtures;

for_each_generation!(
    a_written_truth_reads_back_the_same,
    a_truth_matches_itself_at_every_point_it_wrote_down,
);

fn a_written_truth_reads_back_the_same(generation: EngineGeneration) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("truth.json");
    for fixture in fixtures::all(generation) {
        let truth = fixtures::truth(&fixture);
        truth.write(&path).unwrap();
        assert_eq!(Truth::read(&path).unwrap(), truth);
    }
}

fn a_truth_matches_itself_at_every_point_it_wrote_down(generation: EngineGeneration) {
    for fixture in fixtures::all(generation) {
        let truth = fixtures::truth(&fixture);
        for (life, epoch) in truth.points() {
            if let Some(state) = truth.last_state_of(life, epoch) {
                assert_eq!(
                    truth.diff(life, epoch, &state.content),
                    None,
                    "{}",
                    truth.fixture
                );
            }
        }
    }
}

#[test]
fn points_are_lives_and_epochs() {
    let one = |name| truth_of(EngineGeneration::One, name).points();
    assert_eq!(
        one("01_full_only"),
        [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]
    );
    assert_eq!(
        one("13_close_in_chain")[4..],
        [(0, 4), (0, 5), (1, 0), (1, 1), (1, 2)]
    );
    assert_eq!(one("15_concurrent").len(), 242);
}

#[test]
fn a_life_of_generation_2_goes_on_with_the_epochs_of_the_one_before() {
    let truth = |name| truth_of(EngineGeneration::Two, name);
    assert_eq!(
        truth("12_crash_in_chain").points()[6..],
        [(0, 6), (0, 7), (1, 8), (1, 9)]
    );
    assert_eq!(
        truth("13_close_in_chain").points()[4..],
        [(0, 4), (0, 5), (1, 6), (1, 7)]
    );
    let torn = truth("14_torn_in_chain");
    assert_eq!(
        torn.lasting_points(),
        [(0, 0), (0, 1), (0, 2), (1, 3), (1, 4)]
    );
    assert_eq!(
        torn.points(),
        [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (1, 4)]
    );
    let state = |life, epoch| torn.last_state_of(life, epoch).map(|state| state.seq);
    assert_eq!([state(0, 3), state(1, 3)], [Some(3), Some(5)]);
    assert_eq!([state(1, 1), state(0, 4)], [Some(1), None]);
    assert_eq!(truth("15_concurrent_incr").points().len(), 242);
}

#[test]
fn a_difference_names_its_place() {
    let truth = truth_of(EngineGeneration::One, "01_full_only");
    let mut content = truth.last_state_of(0, 2).unwrap().content.clone();
    content["nodes"][1]["props"]["name"] = json!("Nobody");
    let diff = truth.diff(0, 2, &content).unwrap();
    assert_eq!(diff, r#"/nodes/1/props/name: wanted "Gus", got "Nobody""#);
    content["nodes"][1]["props"] = json!({ "name": "Gus", "age": null });
    let diff = truth.diff(0, 2, &content).unwrap();
    assert_eq!(diff, "/nodes/1/props/age: wanted nothing, got null");
    assert!(!truth.matches(0, 9, &content));
}

#[test]
fn concurrent_truths_count_nodes() {
    let truth = truth_of(EngineGeneration::One, "15_concurrent");
    let content = json!({ "nodes": [{ "id": 0 }, { "id": 7 }] });
    assert!(truth.matches(0, 2, &content));
    assert!(!truth.matches(0, 3, &content));
}

fn truth_of(generation: EngineGeneration, name: &str) -> Truth {
    let fixtures = fixtures::all(generation);
    fixtures::truth(
        fixtures
            .iter()
            .find(|dir| fixtures::name(dir) == name)
            .unwrap(),
    )
}

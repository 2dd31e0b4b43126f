//! Reading, writing and asking `truth.json`.

use apograph_interop::Truth;
use serde_json::json;

use crate::fixtures;

#[test]
fn a_written_truth_reads_back_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("truth.json");
    for fixture in fixtures::all() {
        let truth = fixtures::truth(&fixture);
        truth.write(&path).unwrap();
        assert_eq!(Truth::read(&path).unwrap(), truth);
    }
}

#[test]
fn a_truth_matches_itself_at_every_point_it_wrote_down() {
    for fixture in fixtures::all() {
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
    let points = |name: &str| truth_of(name).points();
    assert_eq!(
        points("01_full_only"),
        [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]
    );
    assert_eq!(
        points("13_close_in_chain")[4..],
        [(0, 4), (0, 5), (1, 0), (1, 1), (1, 2)]
    );
    assert_eq!(points("15_concurrent").len(), 242);
}

#[test]
fn a_difference_names_its_place() {
    let truth = truth_of("01_full_only");
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
    let truth = truth_of("15_concurrent");
    let content = json!({ "nodes": [{ "id": 0 }, { "id": 7 }] });
    assert!(truth.matches(0, 2, &content));
    assert!(!truth.matches(0, 3, &content));
}

fn truth_of(name: &str) -> Truth {
    let fixtures = fixtures::all();
    fixtures::truth(
        fixtures
            .iter()
            .find(|dir| fixtures::name(dir) == name)
            .unwrap(),
    )
}

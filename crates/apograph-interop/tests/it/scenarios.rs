//! Living through the scenarios again gives the truth of the fixtures again.

use std::collections::BTreeSet;
use std::path::Path;

use apograph_interop::scenario::{self, Backups, EngineBackups, Scenario};
use apograph_interop::{Engine, EngineGeneration, Taken};
use apograph_testing::truth::{Truth, TruthState};

use crate::fixtures;

for_each_generation!(
    every_fixture_of_this_build_has_a_scenario,
    every_scenario_gives_the_truth_of_its_fixture,
    somebody_else_can_take_the_backups,
);

/// Fixtures whose truth has 0 for the size of every log file, whatever was in it.
const LOG_SIZES_UNKNOWN: &[&str] = &["17_wal_directory"];

#[test]
fn most_scenarios_are_of_both_generations() {
    let [one, two] = EngineGeneration::ALL.map(|generation| {
        let fixtures = fixtures::all(generation);
        let names = fixtures.iter().map(|dir| fixtures::name(dir));
        names.collect::<BTreeSet<_>>()
    });
    assert!(one.difference(&two).eq(&[
        "15_concurrent",
        "17_wal_directory",
        "19_mixed_lives",
        "20_temporal_schema",
    ]));
    assert!(
        two.difference(&one)
            .eq(&["17_big_group", "18_sync_markers"])
    );
}

fn every_fixture_of_this_build_has_a_scenario(generation: EngineGeneration) {
    let scenarios: Vec<_> = scenario::scenarios(generation)
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    let mut fixtures: Vec<_> = fixtures::all(generation)
        .iter()
        .map(|dir| fixtures::name(dir))
        .collect();
    if generation == EngineGeneration::One {
        fixtures.retain(|name| cfg!(feature = "temporal") == name.contains("temporal"));
    }
    assert_eq!(scenarios, fixtures);
}

fn every_scenario_gives_the_truth_of_its_fixture(generation: EngineGeneration) {
    for fixture in fixtures::all(generation) {
        let wanted = fixtures::truth(&fixture);
        let Some(scenario) = named(generation, &wanted.fixture) else {
            continue;
        };
        let temp = tempfile::tempdir().unwrap();
        let mut backups = EngineBackups::of(temp.path());
        let truth = scenario::run(
            &scenario,
            fixtures::driver(generation),
            temp.path(),
            &mut backups,
        );
        let truth = truth.unwrap();

        assert_eq!(Truth::read(&temp.path().join("truth.json")).unwrap(), truth);
        let sources = |dir| -> Vec<_> {
            fixtures::sources(dir)
                .iter()
                .map(|dir| fixtures::name(dir))
                .collect()
        };
        assert_eq!(
            sources(temp.path()),
            sources(&fixture),
            "{}",
            wanted.fixture
        );
        assert_same(truth, wanted);
    }
}

/// Concurrent truths differ in the order of commits, so theirs need only be as long.
fn assert_same(mut truth: Truth, mut wanted: Truth) {
    if LOG_SIZES_UNKNOWN.contains(&wanted.fixture.as_str()) {
        assert!(
            wanted
                .states
                .iter()
                .flat_map(|state| state.wal.values())
                .all(|&size| size == 0)
        );
        let states = truth.states.iter_mut().chain(&mut wanted.states);
        states.for_each(|state| state.wal.clear());
    }
    if wanted.nodes_equal_epoch {
        let last = truth.last_state();
        assert_eq!(truth.diff(last.life, last.epoch, &last.content), None);
        assert_eq!(truth.points(), wanted.points());
        return;
    }
    assert_eq!(truth, wanted);
}

fn somebody_else_can_take_the_backups(generation: EngineGeneration) {
    let temp = tempfile::tempdir().unwrap();
    let scenario = Scenario::new("own", "a scenario of one's own")
        .full()
        .inserts("A", 1..=2)
        .incremental()
        .reopen()
        .incremental();
    let mut witness = Witness::default();
    let truth = scenario::run(
        &scenario,
        fixtures::driver(generation),
        temp.path(),
        &mut witness,
    )
    .unwrap();
    assert_eq!(witness.taken, ["full", "incremental", "incremental"]);
    assert_eq!(witness.states, truth.states);
    assert!(
        truth
            .backups
            .iter()
            .all(|backup| backup.error.as_deref() == Some("not today"))
    );
}

#[derive(Default)]
struct Witness {
    taken: Vec<&'static str>,
    states: Vec<TruthState>,
}

impl Backups for Witness {
    fn full(&mut self, database: &Path, _engine: &mut Engine) -> Result<Taken, String> {
        assert!(database.exists());
        self.taken.push("full");
        Err("not today".into())
    }

    fn incremental(&mut self, _database: &Path, _engine: &mut Engine) -> Result<Taken, String> {
        self.taken.push("incremental");
        Err("not today".into())
    }

    fn observe(&mut self, _database: &Path, state: &TruthState) {
        self.states.push(state.clone());
    }
}

fn named(generation: EngineGeneration, name: &str) -> Option<Scenario> {
    scenario::scenarios(generation)
        .into_iter()
        .find(|scenario| scenario.name == name)
}

//! Every source folder opens to the state the truth says it holds.

use apograph_interop::EngineGeneration;
use apograph_interop::gaps::{self, EXCEPTIONS, OpensTo};
use serde_json::json;

use crate::fixtures;

for_each_generation!(every_source_opens_to_its_state,);

fn every_source_opens_to_its_state(generation: EngineGeneration) {
    let mut wrong = Vec::new();
    for fixture in fixtures::all(generation) {
        let truth = fixtures::truth(&fixture);
        for source in fixtures::sources(&fixture) {
            let temp = tempfile::tempdir().unwrap();
            fixtures::copy(&source, temp.path());
            let dump = fixtures::engine(generation)
                .dump(&fixtures::database_in(temp.path()))
                .unwrap();

            let name = fixtures::name(&source);
            let mut wanted = match gaps::opens_to(generation, &truth.fixture, &name) {
                OpensTo::State(seq) => truth
                    .states
                    .iter()
                    .find(|state| state.seq == seq)
                    .unwrap()
                    .clone(),
                OpensTo::LastState | OpensTo::LastStateWithoutIndexes => truth.last_state().clone(),
            };
            if gaps::opens_to(generation, &truth.fixture, &name) == OpensTo::LastStateWithoutIndexes
            {
                assert_ne!(wanted.content["indexes"], json!([]), "{}", truth.fixture);
                wanted.content = gaps::without_indexes(wanted.content);
            }
            if let Some(diff) = wanted.diff(&dump.content) {
                wrong.push(format!("{}/{name}:\n{diff}", truth.fixture));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_exception_is_about_a_source_that_exists() {
    for exception in EXCEPTIONS {
        let fixtures = fixtures::all(exception.generation);
        let fixture = fixtures
            .iter()
            .find(|dir| fixtures::name(dir) == exception.fixture);
        let sources = fixtures::sources(fixture.expect(exception.fixture));
        assert!(
            sources
                .iter()
                .any(|dir| fixtures::name(dir) == exception.source),
            "{exception:?}"
        );
    }
}

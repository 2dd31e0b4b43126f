//! Every live source among the fixtures, captured as it lies there: torn, crashed, in the middle
//! of things. What comes back is what the engine makes of the same files.

use crate::command::{backup, restore};
use crate::fixtures;
use crate::stage::insert;
use apograph_interop::EngineGeneration;

for_each_generation!(a_captured_source_restores_to_what_the_engine_recovers,);

fn a_captured_source_restores_to_what_the_engine_recovers(generation: EngineGeneration) {
    let mut captured = 0;
    for fixture in fixtures::all(generation) {
        for source in fixtures::sources(&fixture) {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            fixtures::copy(&source, &path("source"));
            let database = fixtures::database_in(&path("source"));
            backup(&database, &path("repository"), None).ok();
            restore(&path("repository"), &path("output.grafeo"), &[]).ok();
            let mut engine = fixtures::engine(generation);
            let theirs = engine.dump(&database).unwrap();
            let ours = engine.dump(&path("output.grafeo")).unwrap();
            assert_eq!(ours.content, theirs.content, "{}", source.display());
            captured += 1;
        }
    }
    let sources = match generation {
        EngineGeneration::One => 14,
        EngineGeneration::Two => 11,
    };
    assert_eq!(captured, sources);
}

/// A crash between the two halves of a checkpoint of generation 1: the new image is whole under its
/// own name, and the database file is half of it.
#[test]
fn an_image_that_was_being_installed_is_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let database = path("db.grafeo");
    let mut engine = fixtures::engine(EngineGeneration::One);
    engine.open(&database).unwrap();
    insert(&mut engine, 0..3);
    let before = std::fs::read(&database).unwrap();
    engine.checkpoint().unwrap();
    insert(&mut engine, 3..5);
    engine.kill();
    let image = std::fs::read(&database).unwrap();
    std::fs::write(path("db.grafeo.checkpoint"), &image).unwrap();
    for installed in (0..=image.len()).step_by(4096) {
        let mut torn = before.clone();
        torn.resize(torn.len().max(installed), 0);
        torn[..installed].copy_from_slice(&image[..installed]);
        std::fs::write(&database, &torn).unwrap();
        let (repository, output) = (
            path(&format!("r{installed}")),
            path(&format!("o{installed}")),
        );
        backup(&database, &repository, None).ok();
        restore(&repository, &output, &[]).ok();
        let content = fixtures::engine(EngineGeneration::One)
            .dump(&output)
            .unwrap()
            .content;
        assert_eq!(content["nodes"].as_array().unwrap().len(), 5, "{installed}");
    }
}

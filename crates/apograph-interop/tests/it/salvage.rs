//! What a salvage makes of a damaged chain opens in the engine, and holds exactly the commits that it
//! says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use apograph_interop::EngineGeneration;

use crate::command::{apograph, text};
use crate::fixtures;

for_each_generation!(a_salvaged_database_is_the_state_that_it_says);

fn a_salvaged_database_is_the_state_that_it_says(generation: EngineGeneration) {
    let mut opened = 0;
    for name in ["02_chain40", "12_crash_in_chain"] {
        let golden = fixtures::all(generation)
            .into_iter()
            .find(|dir| dir.ends_with(name))
            .unwrap();
        opened += salvage_all(&golden.join("backup"), generation);
    }
    println!("{opened} salvaged databases opened");
    assert!(opened > 10);
}

/// Destroys a few bytes at a time of each increment; tells how many databases were opened.
fn salvage_all(golden: &Path, generation: EngineGeneration) -> usize {
    let scratch = tempfile::tempdir().unwrap();
    let repository = scratch.path().join("repository");
    fs::create_dir(&repository).unwrap();
    for entry in fs::read_dir(golden).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), repository.join(entry.file_name())).unwrap();
    }
    let mut engine = fixtures::engine(generation);
    let (mut opened, mut exact) = (0, BTreeMap::new());
    let mut increments: Vec<_> = fs::read_dir(&repository)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "wal"))
        .collect();
    increments.sort();
    for path in increments {
        let sound = fs::read(&path).unwrap();
        for offset in (0..sound.len()).step_by(sound.len() / 6) {
            let mut damaged = sound.clone();
            let end = (offset + 5).min(damaged.len());
            damaged[offset..end]
                .iter_mut()
                .for_each(|byte| *byte ^= 0x5a);
            fs::write(&path, &damaged).unwrap();
            let output = scratch.path().join(format!("{opened}.grafeo"));
            let run = apograph(["salvage", text(&repository), text(&output)]);
            fs::write(&path, &sound).unwrap();
            if run.exit == 4 {
                // Nothing proves that the only full backup is a state.
                assert!(offset < 96, "{}", run.json);
                continue;
            }
            assert!(matches!(run.exit, 0 | 12), "{}", run.json);
            let recovered = &run.json["recovered"];
            let found = engine.dump(&output).unwrap().content;
            opened += 1;
            let (Some(timeline), Some(epoch)) =
                (recovered["timeline"].as_u64(), recovered["epoch"].as_u64())
            else {
                continue;
            };
            let point = format!("{timeline}:{epoch}");
            let content = exact.entry(point.clone()).or_insert_with(|| {
                let output = scratch.path().join(format!("exact-{epoch}.grafeo"));
                apograph(["restore", text(golden), text(&output), "--epoch", &point]).ok();
                engine.dump(&output).unwrap().content
            });
            assert_eq!(&found, content, "{} +{offset}", path.display());
        }
    }
    opened
}

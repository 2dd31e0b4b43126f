//! Embeddings that an engine of generation 1 has moved out of the database, and a crash.

use apograph_interop::lives::World;
use apograph_interop::{Call, EngineGeneration, OpenOptions};

use super::{DB, REPO, all_is_exact, done};
use crate::lives;

const INDEX: &str = "CREATE VECTOR INDEX e ON :E(emb) DIMENSION 2 METRIC 'cosine'";

const WARNING: &str = "of its spill folder that are younger than its last checkpoint";

fn embed(world: &mut World, number: u8) {
    let vectors = (0..number).map(|index| vec![f32::from(index) + 1.0, f32::from(number)]);
    let call = Call::BatchCreateNodes {
        label: "E".into(),
        property: "emb".into(),
        vectors: vectors.collect(),
    };
    world.engine(DB).call(call).unwrap();
    world.observe(DB);
}

/// The engine takes embeddings from a spilled file also where their commits are in no log.
#[test]
fn embeddings_whose_commits_a_crash_took_are_warned_of() {
    let mut world = lives::world(EngineGeneration::One);
    let options = OpenOptions {
        spills_vectors: true,
        ..OpenOptions::default()
    };
    world.set_options(DB, options);
    world.open(DB);
    world.run(DB, INDEX);
    world.checkpoint(DB);
    let before = world.back_up(DB, REPO);
    done(&before);
    assert!(!before.warns_of(WARNING), "{}", before.json);
    embed(&mut world, 3);
    // The next open moves the embeddings out.
    world.crash(DB);
    embed(&mut world, 1);
    world.tear(DB, 1606);
    world.open(DB);
    // The lost nodes' ids are given out again.
    world.run(DB, "INSERT (:R {i:1})");
    let increment = world.back_up(DB, REPO);
    done(&increment);
    assert!(increment.warns_of(WARNING), "{}", increment.json);
    world.checkpoint(DB);
    let full = world.back_up_as(DB, REPO, Some("--full"), None);
    done(&full);
    assert!(!full.warns_of(WARNING), "{}", full.json);
    all_is_exact(world);
}

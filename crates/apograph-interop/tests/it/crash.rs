//! An engine that is killed while it writes.

use apograph_interop::{Engine, EngineGeneration, Load};
use serde_json::Value;

use crate::command::{apograph, backup, list, restore, text};
use crate::fixtures;

for_each_generation!(acknowledged_commits_survive_a_kill,);

const SESSIONS: u64 = 4;

/// Lets the sessions commit until together they have at least `total` commits acknowledged.
fn wait_for(engine: &mut Engine, total: u64) -> Vec<u64> {
    loop {
        let counts = engine.concurrent_counts().unwrap();
        if counts.iter().sum::<u64>() >= total {
            return counts;
        }
        std::thread::yield_now();
    }
}

fn check_acknowledged(content: &Value, label: &str, acknowledged: &[u64]) {
    let nodes = content["nodes"].as_array().unwrap();
    let labelled: Vec<&Value> = nodes
        .iter()
        .filter(|node| node["labels"][0] == label)
        .collect();
    for (session, &count) in acknowledged.iter().enumerate() {
        let of_session = labelled.iter().filter(|node| node["props"]["s"] == session);
        let numbers: Vec<u64> = of_session
            .map(|node| node["props"]["n"].as_u64().unwrap())
            .collect();
        let missing: Vec<u64> = (1..=count)
            .filter(|number| !numbers.contains(number))
            .collect();
        assert!(
            missing.is_empty(),
            "{label}, session {session}: {missing:?} of {count}"
        );
    }
}

fn acknowledged_commits_survive_a_kill(generation: EngineGeneration) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut lives = Vec::new();
    for (life, label) in ["A", "B", "C"].into_iter().enumerate() {
        let mut engine = fixtures::engine(generation);
        engine.open(&database).unwrap();
        engine
            .concurrent_start(&Load::endless(SESSIONS).labelled(label))
            .unwrap();
        for part in 1..4 {
            wait_for(&mut engine, part * 60);
            if life == 1 && part == 2 {
                engine.checkpoint().unwrap();
            }
            backup(&database, &repository, None).ok();
        }
        let acknowledged = wait_for(&mut engine, 300);
        engine.kill();
        lives.push((label, acknowledged));
        backup(&database, &repository, None).ok();

        let output = path(&format!("after-{label}.grafeo"));
        restore(&repository, &output, &["--latest"]).ok();
        let content = fixtures::engine(generation).dump(&output).unwrap().content;
        for (label, acknowledged) in &lives {
            check_acknowledged(&content, label, acknowledged);
        }
    }
    let verified = apograph(["verify", text(&repository)]).ok();
    assert_eq!(verified["ok"], true, "{verified}");
    // One log without a break: no full backup but the first. Generation 1 counts anew in every
    // life, so each is in its own timeline.
    let list = list(&repository);
    let fulls = list["segments"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["kind"] == "full");
    assert_eq!(fulls.count(), 1, "{list}");
    let timelines: std::collections::BTreeSet<u64> = list["restorable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| range["timeline"].as_u64().unwrap())
        .collect();
    let lives = match generation {
        EngineGeneration::One => 3,
        EngineGeneration::Two => 1,
    };
    assert!(timelines.into_iter().eq(1..=lives), "{list}");
}

//! Backups while sessions commit and checkpoints run through them.

use apograph_interop::{EngineGeneration, Load, OpenOptions};

use crate::command::{apograph, backup, list, restorable, restore, text};
use crate::fixtures;

for_each_generation!(every_point_is_exact_though_checkpoints_race_the_capture,);

const SESSIONS: u64 = 4;
const BACKUPS: u64 = 24;
const POINTS: usize = 40;

/// Every commit takes the next epoch and adds one node, so the state at epoch E has E nodes.
fn every_point_is_exact_though_checkpoints_race_the_capture(generation: EngineGeneration) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut engine = fixtures::engine(generation);
    let options = OpenOptions {
        checkpoint_interval_ms: Some(50),
        ..OpenOptions::default()
    };
    engine.open_with(&database, options).unwrap();
    engine.concurrent_start(&Load::endless(SESSIONS)).unwrap();
    for number in 0..BACKUPS {
        let mode = (number % 5 == 3).then_some("--full");
        backup(&database, &repository, mode).ok();
    }
    engine.concurrent_stop().unwrap();
    let total = engine.epoch().unwrap();
    backup(&database, &repository, Some("--incremental")).ok();

    let points = restorable(&repository);
    assert_eq!(points.last(), Some(&(1, total)), "{}", list(&repository));
    assert!(apograph(["verify", text(&repository)]).ok()["ok"] == true);
    let mut judge = fixtures::engine(generation);
    let mut check = |target: &[&str], epoch: u64| {
        let output = path(&format!("{}.grafeo", target.join("")));
        restore(&repository, &output, target).ok();
        let content = judge.dump(&output).unwrap().content;
        assert_eq!(
            content["nodes"].as_array().unwrap().len() as u64,
            epoch,
            "{target:?}"
        );
    };
    for (timeline, epoch) in points.iter().step_by(points.len() / POINTS + 1) {
        check(&["--epoch", &format!("{timeline}:{epoch}")], *epoch);
    }
    check(&["--latest"], total);
}

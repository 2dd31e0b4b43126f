//! The names of points after a segment that is lost, and what a backup makes of them.

use std::fs;

use apograph::capture::{Options, capture};
use apograph::format::Timeline;
use apograph::io::Context;
use apograph::manifest::{HISTORY_FILE_NAME, Target};
use apograph::repository::{Repository, Writer};
use apograph_faults::database_state::{points, state_at};
use apograph_faults::stage::FaultStage;
use apograph_testing::context::every_core;

/// What the log holds after the second full backup of the stage's `newer`.
const LOST: &str = "backup_incr_0004.wal";

#[test]
fn a_backup_records_no_guess() {
    for generation in [1, 2] {
        let stage = FaultStage::new(generation).expect("a stage");
        let path = stage.path("newer");
        let latest = state_at(&path, Target::Latest).expect("a state");
        let latest = latest.expect("the latest state");
        let sound = points(&Repository::open(&path, every_core()).expect("a repository"));
        fs::remove_file(path.join(HISTORY_FILE_NAME)).expect("a file");
        fs::remove_file(path.join(LOST)).expect("a file");

        let database = stage.path("live/src.grafeo");
        let options = Options::default();
        capture(&database, &path, &options, every_core()).expect("a backup");
        let repository = Repository::open(&path, every_core()).expect("a repository");
        let left = points(&repository);
        assert!(left.iter().all(|point| sound.contains(point)), "{left:?}");
        let first = Timeline::FIRST;
        assert!(left.iter().all(|point| point.timeline == first), "{left:?}");
        let restored = state_at(&path, Target::Latest).expect("a state");
        assert!(restored.expect("the latest state") == latest);
        assert!(path.join(HISTORY_FILE_NAME).exists());

        Writer::lock(repository.folder().expect("a folder"), Context::default())
            .and_then(|writer| writer.rebuild())
            .expect("a rebuild");
        let rebuilt = points(&Repository::open(&path, every_core()).expect("a repository"));
        assert!(rebuilt.len() > left.len(), "{rebuilt:?}");
    }
}

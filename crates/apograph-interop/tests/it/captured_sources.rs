//! Every live source among the fixtures, captured as it lies there: torn, crashed, in the middle
//! of things. What comes back is what the engine makes of the same files.

use crate::command::{backup, restore};
use crate::fixtures;

#[test]
fn a_captured_source_restores_to_what_the_engine_recovers() {
    let mut captured = 0;
    for fixture in fixtures::all() {
        for source in fixtures::sources(&fixture) {
            if fixtures::name(&fixture) == "17_wal_directory" {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            fixtures::copy(&source, &path("source"));
            let database = path("source").join("src.grafeo");
            backup(&database, &path("repository"), None).ok();
            restore(&path("repository"), &path("output.grafeo"), &[]).ok();
            let mut engine = fixtures::engine();
            let theirs = engine.dump(&database).unwrap();
            let ours = engine.dump(&path("output.grafeo")).unwrap();
            assert_eq!(ours.content, theirs.content, "{}", source.display());
            captured += 1;
        }
    }
    assert_eq!(captured, 13);
}

//! Databases that older releases of the engine and clients wrote: `testdata/clients`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use apograph_interop::Truth;
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Outcome, apograph, backup, contents, restorable, text};
use crate::fixtures;
use crate::judge::judge;

/// The database of a fixture, in a folder of its own.
struct Client {
    folder: TempDir,
    truth: Truth,
}

impl Client {
    fn of(fixture: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/clients");
        let folder = tempfile::tempdir().unwrap();
        fixtures::copy(&root.join(fixture).join("source"), folder.path());
        Self {
            folder,
            truth: fixtures::truth(&root.join(fixture)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn backup(&self, mode: Option<&str>) -> Value {
        self.try_backup(mode).ok()
    }

    fn try_backup(&self, mode: Option<&str>) -> Outcome {
        backup(&self.path("src.grafeo"), &self.path("repository"), mode)
    }

    /// Every point is exact, and it is these points, as life and epoch.
    #[track_caller]
    fn check(&self, points: &[(u64, u64)]) {
        let verdict = judge(&self.path("repository"), &self.truth);
        assert_eq!(
            verdict.exact,
            points.iter().copied().collect::<BTreeSet<_>>()
        );
    }
}

/// Before, all of the log was replayed onto the image, under epochs of another timeline.
#[test]
fn a_log_that_a_checkpoint_kept_goes_on_behind_the_image() {
    let client = Client::of("kept_log_checkpoint");
    let taken = client.backup(None);
    assert_eq!(taken["segments"][1]["commits"], 2, "{taken}");
    assert_eq!(restorable(&client.path("repository")), [(1, 5)]);
    client.check(&[(0, 5)]);
    let again = client.backup(Some("--full"));
    assert_eq!(again["segments"][1]["commits"], 2, "{again}");
    client.check(&[(0, 5)]);
    assert_eq!(client.backup(None)["outcome"], "up-to-date");
}

/// Before, points were offered that held commits which came later.
#[test]
fn a_log_that_the_engines_backup_kept_offers_no_point_inside_of_it() {
    let client = Client::of("kept_log_backup");
    client.backup(None);
    client.check(&[(0, 4)]);
}

#[test]
fn a_kept_log_of_three_processes_goes_on_behind_the_image_of_the_second() {
    let client = Client::of("kept_log_reopened");
    let taken = client.backup(None);
    assert_eq!(taken["segments"][1]["commits"], 2, "{taken}");
    client.check(&[(2, 1)]);
}

/// Before, it was a full backup and then "nothing new" for ever.
#[test]
fn an_open_database_of_an_engine_that_logs_no_commits_is_refused() {
    let client = Client::of("no_commits");
    let before = contents(client.folder.path());
    for mode in [None, Some("--full"), Some("--incremental")] {
        let refused = client.try_backup(mode);
        assert_eq!(refused.code(), "unsupported-version");
        assert_eq!(contents(client.folder.path()), before);
    }
    // Closed, the file is all there is.
    std::fs::remove_dir_all(client.path("src.grafeo.wal")).unwrap();
    client.backup(None);
    client.check(&[(0, 3)]);
}

/// Before, nothing said that the log held more than was captured.
#[test]
fn records_that_wait_for_a_commit_are_told() {
    let client = Client::of("uncommitted");
    let (database, repository) = (client.path("src.grafeo"), client.path("repository"));
    let words = ["backup", text(&database), "--repo", text(&repository)];
    for _ in 0..2 {
        let output = crate::command::run(words);
        let warnings = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{warnings}");
        assert!(
            warnings.contains("4 records at the end of the log belong to no commit"),
            "{warnings}"
        );
    }
    client.check(&[(0, 0), (0, 1), (0, 2)]);
    apograph(["verify", text(&repository)]).ok();
}

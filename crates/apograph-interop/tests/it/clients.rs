//! Databases that older releases of the engine and clients wrote: `testdata/clients`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use apograph_interop::EngineGeneration;
use apograph_testing::truth::Truth;
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Outcome, apograph, backup, contents, restorable, restore, text};
use crate::fixtures;
use crate::judge::judge;
use crate::stage::{ChainStage, insert};

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
fn a_log_that_a_checkpoint_kept_goes_on_after_the_image() {
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
fn a_kept_log_of_three_processes_goes_on_after_the_image_of_the_second() {
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

/// The engine itself has the rolled back node when it opens the database again.
#[test]
fn what_was_rolled_back_and_is_not_told_from_a_commit_is_warned_of() {
    let client = Client::of("rolled_back");
    let (database, repository) = (client.path("src.grafeo"), client.path("repository"));
    let taken = backup(&database, &repository, None).ok();
    let warning = "no log tells which of them were rolled back";
    assert!(taken["warnings"].to_string().contains(warning), "{taken}");
    let output = client.path("output.grafeo");
    restore(&repository, &output, &[]).ok();
    let mut engine = fixtures::engine(EngineGeneration::One);
    let ours = engine.dump(&output).unwrap().content;
    assert_eq!(ours, engine.dump(&database).unwrap().content);
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

/// The file of embeddings beside a database of the fixtures.
const VECTORS: &str = "vectors_W%3Aemb.bin";

impl Client {
    /// One whose embeddings were moved out before its last checkpoint. (No checkout keeps the time
    /// of a file.)
    fn with_older_vectors(fixture: &str) -> Self {
        let client = Self::of(fixture);
        let file = std::fs::File::options()
            .append(true)
            .open(client.path("src.grafeo.spill").join(VECTORS))
            .unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        client
    }

    /// Restores the latest state, whose embeddings come back as they lie beside the database.
    #[track_caller]
    fn check_vectors(&self, output: &str) {
        let output = self.path(output);
        restore(&self.path("repository"), &output, &[]).ok();
        let folder = |database: &Path| {
            let folder = format!("{}.spill", text(database));
            contents(Path::new(&folder))
                .into_iter()
                .map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes))
                .collect::<Vec<_>>()
        };
        assert_eq!(folder(&output), folder(&self.path("src.grafeo")));
    }
}

/// Before, the embeddings were in no backup.
#[test]
fn spilled_vectors_of_an_open_database_come_back() {
    let client = Client::with_older_vectors("spilled");
    client.backup(None);
    client.check(&[(1, 2)]);
    client.check_vectors("output.grafeo");
    assert_eq!(client.backup(None)["outcome"], "up-to-date");

    // The record and the manifest tell nothing that the segments do not.
    let repository = client.path("repository");
    std::fs::remove_file(repository.join("apograph.json")).unwrap();
    apograph(["rebuild", text(&repository)]).ok();
    client.check_vectors("rebuilt.grafeo");
    apograph(["verify", text(&repository)]).ok();

    // The engine restores the same repository, without them, and goes on.
    let mut engine = fixtures::engine(EngineGeneration::One);
    let theirs = client.path("theirs.grafeo");
    engine.restore(&repository, 1, &theirs).unwrap();
    let nodes = engine.dump(&theirs).unwrap().content["nodes"].clone();
    assert_eq!(nodes.as_array().map(Vec::len), Some(4), "{nodes}");
    engine.open(&theirs).unwrap();
    insert(&mut engine, 0..1);
    engine.close().unwrap();
}

#[test]
fn spilled_vectors_of_a_closed_database_come_back() {
    for fixture in ["spilled", "spilled_since"] {
        let client = Client::of(fixture);
        std::fs::remove_dir_all(client.path("src.grafeo.wal")).unwrap();
        client.backup(None);
        client.check_vectors("output.grafeo");
    }
}

#[test]
fn vectors_that_were_spilled_after_the_image_are_refused() {
    let client = Client::of("spilled_since");
    let before = contents(client.folder.path());
    assert_eq!(client.try_backup(None).code(), "spilled-vectors");
    assert_eq!(contents(client.folder.path()), before);
}

#[test]
fn a_flipped_byte_of_spilled_vectors_is_found() {
    let client = Client::with_older_vectors("spilled");
    client.backup(None);
    let full = client.path("repository").join("backup_full_0000.grafeo");
    let mut bytes = std::fs::read(&full).unwrap();
    let image = std::fs::read(client.path("src.grafeo")).unwrap().len();
    for offset in [image, image + 135, image + 140, bytes.len() - 1] {
        bytes[offset] ^= 1;
        std::fs::write(&full, &bytes).unwrap();
        let repository = client.path("repository");
        let outcome = apograph(["verify", text(&repository)]);
        assert_eq!(outcome.exit, 3, "{offset}: {}", outcome.json);
        let refused = restore(&repository, &client.path("output.grafeo"), &[]);
        assert_eq!(refused.code(), "corrupt-segment", "{offset}");
        bytes[offset] ^= 1;
    }
}

/// A database that the engine restored has the embeddings of its backup after its image, and does
/// not know of them.
#[test]
fn what_an_image_drags_along_is_not_captured() {
    let client = Client::with_older_vectors("spilled");
    client.backup(None);
    let full = client.path("repository").join("backup_full_0000.grafeo");
    let image = std::fs::metadata(client.path("src.grafeo")).unwrap().len();
    let (database, repository) = (client.path("theirs.grafeo"), client.path("other"));
    std::fs::copy(full, &database).unwrap();
    let taken = backup(&database, &repository, None).ok();
    assert_eq!(taken["segment"]["size_bytes"], image);
    restore(&repository, &client.path("output.grafeo"), &[]).ok();
    assert!(!client.path("output.grafeo.spill").exists());
}

for_each_generation!(
    a_restore_does_not_go_beside_vectors,
    vectors_beside_are_told
);

/// Engines of both generations read them into whatever database has the name.
fn a_restore_does_not_go_beside_vectors(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let folder = stage.path("output.grafeo.spill");
    std::fs::create_dir_all(folder.join("query_1")).unwrap();
    std::fs::write(folder.join(VECTORS), "others").unwrap();
    let refused = restore(&stage.repository(), &stage.output(), &[]);
    assert_eq!(refused.code(), "output-exists");
    std::fs::remove_file(folder.join(VECTORS)).unwrap();
    restore(&stage.repository(), &stage.output(), &[]).ok();
}

/// In generation 2 they are a leftover that an open takes in; in generation 1 they are younger than
/// the image, or of no use where there is none.
fn vectors_beside_are_told(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let folder = stage.path("live.grafeo.spill");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(VECTORS), "others").unwrap();
    backup(&stage.database(), &stage.repository(), None).ok();
    let full = backup(&stage.database(), &stage.repository(), Some("--full"));
    match generation {
        EngineGeneration::One => assert_eq!(full.ok()["segment"]["size_bytes"], 12288),
        EngineGeneration::Two => assert_eq!(full.code(), "spilled-vectors"),
    }
}

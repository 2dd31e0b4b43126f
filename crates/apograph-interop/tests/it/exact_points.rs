//! The name of the state after a commit, once printed, finds that state or is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use apograph_interop::gaps::without_indexes;
use apograph_interop::{Engine, EngineGeneration};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{apograph, backup, restore, text};
use crate::fixtures;

for_each_generation!(
    each_commit_has_a_name_that_stays,
    the_state_before_a_graph_was_dropped_is_found,
);

/// A database, what its commits are called, and what the engine makes of a plain copy after each.
struct Named {
    folder: TempDir,
    engine: Engine,
    states: BTreeMap<String, Value>,
    /// What was committed since the last backup.
    pending: Vec<Value>,
    copies: usize,
}

impl Named {
    fn new(generation: EngineGeneration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = fixtures::engine(generation);
        engine.open(&folder.path().join("db.grafeo")).unwrap();
        Self {
            folder,
            engine,
            states: BTreeMap::new(),
            pending: Vec::new(),
            copies: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Commits, and remembers what is there then.
    fn commit(&mut self, statement: &str) {
        self.engine.run(statement).unwrap();
        self.copies += 1;
        let copy = self.path(&format!("copy-{}.grafeo", self.copies));
        copy_database(&self.path("db.grafeo"), &copy);
        self.pending.push(content(&mut self.engine, &copy));
    }

    /// Takes a backup, and reads in the log how its commits are called.
    fn backup(&mut self, mode: Option<&str>) {
        let repository = self.path("repository");
        backup(&self.path("db.grafeo"), &repository, mode).ok();
        let log = apograph(["log", text(&repository)]).ok();
        let commits = log["commits"].as_array().unwrap();
        let count = self.pending.len();
        // Those in front of the first full backup are in no log of the repository.
        let first = commits.len().saturating_sub(count);
        let pending = std::mem::take(&mut self.pending);
        let names = commits[first..].iter().rev().map(|it| it["point"].as_str());
        for (name, state) in names.zip(pending.into_iter().rev()) {
            let name = name.expect("a name").to_owned();
            let known = self.states.insert(name.clone(), state);
            assert!(known.is_none(), "{name} is the name of two states");
        }
    }

    /// Restores each state by its name; returns the names that are refused.
    fn refused(&mut self, repository: &Path) -> Vec<String> {
        let output = self.path("restored");
        let mut refused = Vec::new();
        for (name, state) in &self.states {
            std::fs::create_dir(&output).unwrap();
            let database = output.join("db.grafeo");
            let outcome = restore(repository, &database, &["--epoch", name]);
            if outcome.exit == 0 {
                assert_eq!(outcome.json["point"].as_str(), Some(&**name));
                assert_eq!(&content(&mut self.engine, &database), state, "{name}");
            } else {
                assert_eq!(outcome.exit, 5, "{name}: {}", outcome.json);
                refused.push(name.clone());
            }
            std::fs::remove_dir_all(&output).unwrap();
        }
        refused
    }
}

fn copy_database(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    let log = |path: &Path| PathBuf::from(format!("{}.wal", path.display()));
    let (from, to) = (log(from), log(to));
    std::fs::create_dir(&to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// What the engine finds in a database, but for indexes: generation 1 does not replay them.
fn content(engine: &mut Engine, database: &Path) -> Value {
    without_indexes(engine.dump(database).unwrap().content)
}

fn each_commit_has_a_name_that_stays(generation: EngineGeneration) {
    let mut named = Named::new(generation);
    named.commit("INSERT (:S {i:0})");
    named.backup(None);
    for round in 1..5 {
        named.commit(&format!("CREATE NODE TYPE T{round} (x INT64)"));
        named.backup(None);
        named.commit(&format!("CREATE GRAPH g{round}"));
        named.commit(&format!("INSERT (:S {{i:{round}}})"));
        named.commit(&format!("DROP GRAPH g{round}"));
        named.backup(None);
        named.commit(&format!("DROP NODE TYPE T{round}"));
        if round == 2 {
            // An image that holds changes of its epoch, and more that come after it.
            named.engine.checkpoint().unwrap();
            named.commit("CREATE NODE TYPE Behind (x INT64)");
            named.backup(Some("--full"));
            named.commit("CREATE NODE TYPE Later (x INT64)");
        }
        named.backup(None);
    }
    let repository = named.path("repository");
    let count = named.states.len();
    assert!(count >= 22, "{count}");
    assert_eq!(named.refused(&repository), [""; 0]);
    // A copy says the same, be it a vault.
    let vault = named.path("vault");
    apograph(["copy", text(&repository), text(&vault)]).ok();
    assert_eq!(named.refused(&vault), [""; 0]);
    apograph(["rebuild", text(&vault)]).ok();
    assert_eq!(named.refused(&vault), [""; 0]);
    // Records and manifest are derived.
    std::fs::remove_file(repository.join("apograph.json")).unwrap();
    assert_eq!(named.refused(&repository), [""; 0]);
    std::fs::remove_file(repository.join("backup_manifest.json")).unwrap();
    apograph(["rebuild", text(&repository)]).ok();
    assert_eq!(named.refused(&repository), [""; 0]);
    named.commit("INSERT (:S {i:99})");
    named.backup(None);
    // What was pruned is refused, and what is left is what it was.
    for place in [&repository, &vault] {
        apograph(["verify", text(place)]).ok();
        apograph(["prune", text(place), "--keep-last", "1", "--apply"]).ok();
        let refused = named.refused(place);
        assert!(refused.len() < count && !refused.is_empty(), "{refused:?}");
        std::fs::remove_file(place.join("apograph.json")).ok();
        assert_eq!(named.refused(place), refused);
    }
}

fn the_state_before_a_graph_was_dropped_is_found(generation: EngineGeneration) {
    let mut named = Named::new(generation);
    named.commit("INSERT (:S {i:0})");
    named.backup(None);
    named.commit("CREATE GRAPH g");
    let before = named.pending.last().cloned();
    named.commit("DROP GRAPH g");
    named.backup(None);
    let repository = named.path("repository");
    let kind = match generation {
        EngineGeneration::One => "drop_named_graph",
        EngineGeneration::Two => "drop_graph",
    };
    let log = apograph(["log", text(&repository), "--kind", kind]).ok();
    let dropped = log["commits"][0]["point"].as_str().unwrap();
    let output = named.path("before.grafeo");
    restore(&repository, &output, &["--before-epoch", dropped]).ok();
    let found = content(&mut named.engine, &output);
    assert_eq!(Some(found), before);
    // The name without a number is all that is known of the epoch.
    let bare = dropped.split('+').next().unwrap();
    let output = named.path("all.grafeo");
    let restored = restore(&repository, &output, &["--epoch", bare]).ok();
    assert_eq!(restored["point"].as_str(), Some(dropped));
    let missing = format!("{bare}+99");
    let outcome = restore(
        &repository,
        &named.path("no.grafeo"),
        &["--epoch", &missing],
    );
    assert_eq!((outcome.code(), outcome.exit), ("target-not-covered", 5));
    assert_eq!(outcome.json["nearest"]["below"].as_str(), Some(dropped));
}

//! What a salvage makes of a damaged database opens in the engine, and is what the engine had right
//! before the damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use apograph_interop::{Engine, EngineGeneration};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Outcome, apograph, text};
use crate::fixtures;

for_each_generation!(
    whatever_is_destroyed_of_a_log_all_that_is_whole_before_it_comes_back,
    a_damaged_image_is_passed_over_for_one_that_is_whole_or_is_an_error,
    a_log_file_that_is_missing_is_the_end_of_it,
    an_open_database_is_not_salvaged,
);

/// So many bytes are destroyed at a time.
const DAMAGE_BYTES: usize = 5;
/// How many places of a file are destroyed, one after the other.
const PLACES: usize = 24;

/// What happens to a database.
#[derive(Clone, Copy)]
enum Step {
    Commit(&'static str),
    Rotate,
    Checkpoint,
    Close,
    Kill,
}

use Step::{Checkpoint, Close, Commit, Kill, Rotate};

const FIRST: [Step; 4] = [
    Commit("INSERT (:S {i:1})"),
    Commit("INSERT (:S {i:2})-[:TO {w:1}]->(:S {i:3})"),
    Commit("CREATE NODE TYPE Person (name STRING)"),
    Commit("MATCH (n:S {i:1}) SET n.name = 'Alix'"),
];
const SECOND: [Step; 5] = [
    Commit("INSERT (:Person {name:'Gus'})"),
    Commit("MATCH (n:S {i:3}) DETACH DELETE n"),
    Commit("CREATE NODE TYPE City (name STRING)"),
    Commit("INSERT (:City {name:'Bern'})"),
    Commit("INSERT (:S {i:4})"),
];

/// A database that was killed, and what its engine had after each commit.
struct Damageable {
    folder: TempDir,
    generation: EngineGeneration,
    database: PathBuf,
    states: Vec<State>,
    /// How many states are in the image.
    imaged: usize,
}

struct State {
    content: Value,
    /// How long each log file was.
    lengths: BTreeMap<PathBuf, usize>,
}

impl Damageable {
    fn new(generation: EngineGeneration, name: &str, between: &[Step]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join(name);
        let mut engine = fixtures::engine(generation);
        engine.open(&database).unwrap();
        let mut this = Self {
            generation,
            states: Vec::new(),
            imaged: 0,
            database,
            folder,
        };
        this.note(&mut engine);
        for step in FIRST.iter().chain(between).chain(&SECOND) {
            match step {
                Commit(statement) => {
                    engine.run(statement).unwrap();
                    this.note(&mut engine);
                }
                Rotate => engine.rotate().unwrap(),
                Checkpoint => {
                    engine.checkpoint().unwrap();
                    this.imaged = this.states.len() - 1;
                }
                Close => {
                    engine.close().unwrap();
                    this.imaged = this.states.len() - 1;
                    engine.open(&this.database).unwrap();
                }
                Kill => {
                    engine.kill();
                    engine = fixtures::engine(generation);
                    engine.open(&this.database).unwrap();
                }
            }
        }
        engine.kill();
        this
    }

    fn note(&mut self, engine: &mut Engine) {
        let lengths = log_files(&self.database);
        let lengths = lengths.into_iter().map(|path| {
            let length = fs::metadata(&path).unwrap().len();
            (path, usize::try_from(length).unwrap())
        });
        self.states.push(State {
            content: engine.content().unwrap(),
            lengths: lengths.collect(),
        });
    }

    /// The last state of which nothing lies at or after a place in a log file.
    fn before(&self, file: &Path, offset: usize) -> usize {
        let is_whole = |state: &State| {
            state
                .lengths
                .iter()
                .all(|(path, length)| match path.as_path().cmp(file) {
                    std::cmp::Ordering::Less => true,
                    std::cmp::Ordering::Equal => *length <= offset,
                    std::cmp::Ordering::Greater => *length <= header_bytes(self.generation),
                })
        };
        let whole = self.states.iter().rposition(is_whole).unwrap_or_default();
        whole.max(self.imaged)
    }

    fn salvage(&self) -> (Outcome, Option<Value>) {
        let output = self.folder.path().join("out.grafeo");
        let before = snapshot(&self.database);
        let run = apograph(["salvage", text(&self.database), text(&output)]);
        assert_eq!(before, snapshot(&self.database), "the source is only read");
        let found = output.exists().then(|| {
            let content = fixtures::engine(self.generation)
                .dump(&output)
                .unwrap()
                .content;
            let statement = format!("{}.salvage.json", text(&output));
            fs::remove_file(statement).unwrap();
            remove(&output);
            content
        });
        (run, found)
    }
}

fn header_bytes(generation: EngineGeneration) -> usize {
    match generation {
        EngineGeneration::One => 0,
        EngineGeneration::Two => 128,
    }
}

fn log_folder(database: &Path) -> PathBuf {
    if database.is_dir() {
        return database.join("wal");
    }
    let mut name = database.as_os_str().to_owned();
    name.push(".wal");
    name.into()
}

fn log_files(database: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(log_folder(database)) else {
        return Vec::new();
    };
    let files = files.map(|file| file.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .collect();
    files.sort();
    files
}

fn remove(database: &Path) {
    if database.is_dir() {
        fs::remove_dir_all(database).unwrap();
    } else {
        fs::remove_file(database).unwrap();
        let _ = fs::remove_dir_all(log_folder(database));
    }
}

/// Every byte of a database, by its files.
fn snapshot(database: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = log_files(database);
    files.extend(database.is_file().then(|| database.to_owned()));
    let read = files.into_iter().map(|path| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    });
    read.collect()
}

/// Calls `check` with a few bytes of a file destroyed, at one place after the other, and puts it right.
fn destroyed(path: &Path, mut check: impl FnMut(usize)) {
    let sound = fs::read(path).unwrap();
    for offset in (0..sound.len()).step_by((sound.len() / PLACES).max(1)) {
        let mut damaged = sound.clone();
        let end = (offset + DAMAGE_BYTES).min(damaged.len());
        damaged[offset..end]
            .iter_mut()
            .for_each(|byte| *byte ^= 0x5a);
        fs::write(path, damaged).unwrap();
        check(offset);
    }
    fs::write(path, sound).unwrap();
}

fn databases(generation: EngineGeneration) -> Vec<(&'static str, Damageable)> {
    let rows: [(&str, &[Step]); 5] = [
        ("plain", &[]),
        ("rotated", &[Rotate]),
        ("checkpointed", &[Checkpoint]),
        ("reopened", &[Close]),
        ("killed", &[Kill]),
    ];
    let file = |(name, between): (&'static str, &[Step])| {
        (name, Damageable::new(generation, "live.grafeo", between))
    };
    let mut databases: Vec<_> = rows.into_iter().map(file).collect();
    if generation == EngineGeneration::One {
        for (name, between) in [("folder", &[][..]), ("folder reopened", &[Close])] {
            let mut database = Damageable::new(generation, "live.db", between);
            // All of it is in its log.
            database.imaged = 0;
            databases.push((name, database));
        }
    }
    databases
}

fn whatever_is_destroyed_of_a_log_all_that_is_whole_before_it_comes_back(
    generation: EngineGeneration,
) {
    let (mut opened, mut whole) = (0, 0);
    for (name, database) in databases(generation) {
        let last = database.states.len() - 1;
        let (run, found) = database.salvage();
        assert_eq!(
            (run.exit, &run.json["exact"]),
            (0, &true.into()),
            "{name}: {}",
            run.json
        );
        assert_eq!(
            found.as_ref(),
            Some(&database.states[last].content),
            "{name}"
        );
        for file in log_files(&database.database) {
            destroyed(&file, |offset| {
                let told = format!("{name} {}+{offset}", file.display());
                let (run, found) = database.salvage();
                let state = database.before(&file, offset);
                assert!(matches!(run.exit, 0 | 12), "{told}: {}", run.json);
                assert_eq!(
                    found.as_ref(),
                    Some(&database.states[state].content),
                    "{told}: {}",
                    run.json
                );
                // The last commits of a log may be one that a crash tore, as far as it tells.
                if run.exit == 0 {
                    assert!(state + 2 >= last, "{told}: {}", run.json);
                    whole += 1;
                }
                opened += 1;
            });
        }
    }
    println!("{opened} salvaged databases, {whole} of which nothing is said to be lost");
    assert!(opened > 100);
}

fn a_log_file_that_is_missing_is_the_end_of_it(generation: EngineGeneration) {
    let between = [Rotate, Commit("INSERT (:S {i:9})"), Rotate];
    let database = Damageable::new(generation, "live.grafeo", &between);
    let files = log_files(&database.database);
    assert_eq!(files.len(), 3);
    for (index, file) in files.iter().enumerate().take(2) {
        let sound = fs::read(file).unwrap();
        fs::remove_file(file).unwrap();
        let (run, found) = database.salvage();
        fs::write(file, sound).unwrap();
        assert_eq!(run.exit, 12, "{}", run.json);
        let state = database.before(file, 0);
        assert_eq!(
            found.as_ref(),
            Some(&database.states[state].content),
            "{index}: {}",
            run.json
        );
        let left: u64 = run.json["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["intact_commits"].as_u64().unwrap())
            .sum();
        assert!(left > 0, "{}", run.json);
    }
}

fn a_damaged_image_is_passed_over_for_one_that_is_whole_or_is_an_error(
    generation: EngineGeneration,
) {
    let mut counts = BTreeMap::new();
    let twice = [Checkpoint, Commit("INSERT (:S {i:9})"), Checkpoint];
    for between in [&twice[..], &[Checkpoint, Close]] {
        let database = Damageable::new(generation, "live.grafeo", between);
        destroyed(&database.database, |offset| {
            let (run, found) = database.salvage();
            *counts.entry(run.exit).or_insert(0) += 1;
            let Some(found) = found else {
                assert_eq!(run.code(), "corrupt-database", "{offset}: {}", run.json);
                return;
            };
            let state = database
                .states
                .iter()
                .rposition(|state| state.content == found);
            let state = state.unwrap_or_else(|| panic!("{offset}: {}", run.json));
            let is_whole = state + 1 == database.states.len();
            assert_eq!(run.exit == 0, is_whole, "{offset}: {state} {}", run.json);
        });
    }
    println!("{counts:?}");
    assert!(counts[&0] > 0 && counts[&3] > 0, "{counts:?}");
}

fn an_open_database_is_not_salvaged(generation: EngineGeneration) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("live.grafeo");
    let mut engine = fixtures::engine(generation);
    engine.open(&database).unwrap();
    engine.run("INSERT (:S {i:1})").unwrap();
    let output = folder.path().join("out.grafeo");
    let run = apograph(["salvage", text(&database), text(&output)]);
    assert_eq!(run.code(), "repository-busy");
    assert!(!output.exists());
    engine.close().unwrap();
    let run = apograph(["salvage", text(&database), text(&output)]);
    assert_eq!(
        (run.exit, &run.json["complete"]),
        (0, &true.into()),
        "{}",
        run.json
    );
}

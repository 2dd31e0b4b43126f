//! The engine's own backups and ours, in one repository and on each other's chains.

use std::fs::File;
use std::path::{Path, PathBuf};

use apograph::io::Folder;
use apograph::repository::Writer;
use apograph_interop::scenario::{self, Backups, EngineBackups, Scenario, Step};
use apograph_interop::{Call, Engine, EngineGeneration, Taken};

use crate::command::{apograph, backup, restorable, restore, taken, text};
use crate::fixtures;
use crate::judge::judge;
use crate::stage::insert;

for_each_generation!(
    the_engine_restores_our_chain_as_we_do,
    turns_in_one_repository_lose_nothing_in_silence,
    the_engine_goes_on_where_something_was_pruned,
);

fn the_engine_restores_our_chain_as_we_do(generation: EngineGeneration) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut engine = fixtures::engine(generation);
    engine.open(&database).unwrap();
    for round in 0..6 {
        insert(&mut engine, round * 3..round * 3 + 3);
        if round == 2 {
            engine.checkpoint().unwrap();
        }
        let mode = (round == 4).then_some("--full");
        backup(&database, &repository, mode).ok();
    }
    let points = restorable(&repository);
    assert_eq!(points, (0..=18).map(|epoch| (1, epoch)).collect::<Vec<_>>());
    for (_, epoch) in points {
        let (ours, theirs) = (
            path(&format!("ours-{epoch}")),
            path(&format!("theirs-{epoch}")),
        );
        restore(&repository, &ours, &["--epoch", &epoch.to_string()]).ok();
        engine.restore(&repository, epoch, &theirs).unwrap();
        let [ours, theirs] = [ours, theirs].map(|path| engine.dump(&path).unwrap().content);
        assert_eq!(ours, theirs, "epoch {epoch}");
        assert_eq!(ours["nodes"].as_array().unwrap().len() as u64, epoch);
    }
}

/// The engine names a new segment by how many there are: what was pruned counts. It restores what is left
/// as we do, and an undo gives back all the rest beside what it has added.
fn the_engine_goes_on_where_something_was_pruned(generation: EngineGeneration) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let place = repository.to_str().unwrap();
    let mut engine = fixtures::engine(generation);
    engine.open(&database).unwrap();
    for round in 0..6 {
        insert(&mut engine, round * 3..round * 3 + 3);
        engine.checkpoint().unwrap();
        let mode = (round % 2 == 0).then_some("--full");
        backup(&database, &repository, mode).ok();
    }
    let before = restorable(&repository);
    apograph(["verify", place]).ok();
    let pruned = apograph(["prune", place, "--keep-last", "1", "--apply"]).ok();
    assert!(pruned["removed"].as_u64() > Some(4), "{pruned}");
    let files = || {
        let files = std::fs::read_dir(&repository).unwrap();
        let mut files: Vec<_> = files.map(|it| it.unwrap().path()).collect();
        files.retain(|it| {
            it.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .contains("backup_")
        });
        files.retain(|it| !it.ends_with("backup_manifest.json"));
        files.sort();
        files
            .into_iter()
            .map(|it| (std::fs::read(&it).unwrap(), it))
            .collect::<Vec<_>>()
    };
    let there = files();
    // The engine, and then we, and the engine again.
    insert(&mut engine, 18..20);
    engine.backup_incremental(&repository).unwrap();
    insert(&mut engine, 20..22);
    backup(&database, &repository, None).ok();
    insert(&mut engine, 22..24);
    engine.backup_full(&repository).unwrap();
    insert(&mut engine, 24..26);
    engine.backup_incremental(&repository).unwrap();
    let after = files();
    assert!(
        there.iter().all(|file| after.contains(file)),
        "a file was written over"
    );
    apograph(["verify", place, "--new"]).ok();
    let points = restorable(&repository);
    // The engine's full backup does not prove that it goes on.
    assert!(
        points.last() == Some(&(2, 26)) && points.len() < 20,
        "{points:?}"
    );
    for (number, (_, epoch)) in points.into_iter().enumerate() {
        let (ours, theirs) = (
            path(&format!("ours-{number}")),
            path(&format!("theirs-{number}")),
        );
        restore(&repository, &ours, &["--epoch", &epoch.to_string()]).ok();
        engine.restore(&repository, epoch, &theirs).unwrap();
        let [ours, theirs] = [ours, theirs].map(|path| engine.dump(&path).unwrap().content);
        assert_eq!(ours, theirs, "epoch {epoch}");
        assert_eq!(ours["nodes"].as_array().unwrap().len() as u64, epoch);
    }
    apograph(["prune", place, "--undo"]).ok();
    let back = restorable(&repository);
    assert!(before.iter().all(|point| back.contains(point)), "{back:?}");
    apograph(["verify", place]).ok();
    let early = path("early");
    restore(&repository, &early, &["--epoch", "3"]).ok();
    let content = engine.dump(&early).unwrap().content;
    assert_eq!(content["nodes"].as_array().unwrap().len(), 3);
}

/// The engine and the command take turns.
struct InTurns {
    engine: EngineBackups,
    repository: PathBuf,
    engine_is_next: bool,
    refused: Vec<String>,
}

impl InTurns {
    fn of(scenario_dir: &Path, engine_is_next: bool) -> Self {
        let repository = scenario_dir.join("backup");
        Self {
            engine: EngineBackups::of(scenario_dir),
            repository,
            engine_is_next,
            refused: Vec::new(),
        }
    }

    fn ours(&mut self, database: &Path, mode: Option<&str>) -> Result<Taken, String> {
        let taken = taken(&backup(database, &self.repository, mode));
        self.refused.extend(taken.as_ref().err().cloned());
        taken
    }

    fn turn(&mut self) -> bool {
        self.engine_is_next = !self.engine_is_next;
        !self.engine_is_next
    }
}

impl Backups for InTurns {
    fn full(&mut self, database: &Path, engine: &mut Engine) -> Result<Taken, String> {
        if self.turn() {
            self.engine.full(database, engine)
        } else {
            self.ours(database, Some("--full"))
        }
    }

    fn incremental(&mut self, database: &Path, engine: &mut Engine) -> Result<Taken, String> {
        if self.turn() {
            self.engine.incremental(database, engine)
        } else {
            self.ours(database, None)
        }
    }
}

fn many_turns() -> Scenario {
    let mut scenario = Scenario::new("turns", "the engine and apograph back up in turns")
        .inserts("T", 1..=3)
        .full();
    for turn in 0..6 {
        scenario = scenario
            .inserts("T", turn * 3 + 4..=turn * 3 + 6)
            .incremental();
        scenario = match turn {
            1 => scenario.then(Step::Checkpoint),
            2 => scenario.run("CREATE NODE TYPE Robot (serial STRING)"),
            4 => scenario.then(Step::Kill).recover(),
            _ => scenario,
        };
    }
    scenario
        .inserts("T", 30..=31)
        .full()
        .inserts("T", 32..=33)
        .incremental()
}

fn turns_in_one_repository_lose_nothing_in_silence(generation: EngineGeneration) {
    for engine_begins in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut turns = InTurns::of(folder.path(), engine_begins);
        let truth = scenario::run(
            &many_turns(),
            fixtures::driver(generation),
            folder.path(),
            &mut turns,
        )
        .unwrap();
        assert!(
            turns.refused.iter().all(|code| code == "chain-broken"),
            "{:?}",
            turns.refused
        );
        if generation == EngineGeneration::Two {
            assert_eq!(turns.refused, [""; 0]);
        }
        // Whatever the repository says it can restore is exact.
        let verdict = judge(&turns.repository, &truth);
        let last = truth.last_state();
        assert!(verdict.exact.contains(&(last.life, last.epoch)));
        let missing: Vec<_> = truth
            .points()
            .into_iter()
            .filter(|point| !verdict.exact.contains(point))
            .collect();
        println!("engine first: {engine_begins}; not restorable: {missing:?}");
        if generation == EngineGeneration::Two {
            // What the engine leaves out, our next backup brings.
            assert_eq!(missing, []);
        }
    }
}

/// Generation 2 locks the repository for as long as a backup takes, and so do we.
#[test]
fn one_backup_at_a_time_whoever_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut engine = fixtures::engine(EngineGeneration::Two);
    engine.open(&database).unwrap();
    insert(&mut engine, 0..2);
    backup(&database, &repository, None).ok();
    insert(&mut engine, 2..4);

    let lock = File::open(repository.join("backup.lock")).unwrap();
    lock.lock().unwrap();
    let outcome = backup(&database, &repository, None);
    assert_eq!(outcome.code(), "repository-busy", "{}", outcome.json);
    let error = engine.backup_incremental(&repository).unwrap_err();
    assert!(error.to_string().contains("busy"), "{error}");

    lock.unlock().unwrap();
    engine.backup_incremental(&repository).unwrap();
    insert(&mut engine, 4..6);
    backup(&database, &repository, Some("--incremental")).ok();
    let whole: Vec<_> = (0..=6).map(|epoch| (1, epoch)).collect();
    assert_eq!(restorable(&repository), whole);
}

/// Whichever program writes, the other is told so.
#[test]
fn while_one_writes_the_other_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut engine = fixtures::engine(EngineGeneration::Two);
    engine.open(&database).unwrap();
    let vectors = vec![vec![0.5; 64]; 20_000];
    let (label, property) = ("V".to_owned(), "v".to_owned());
    let batch = Call::BatchCreateNodes {
        label,
        property,
        vectors,
    };
    engine.call(batch).unwrap();
    backup(&database, &repository, None).ok();

    let folder = Folder::open(&repository).unwrap();
    let ours = Writer::lock_for(
        &folder,
        apograph::format::Generation::Two,
        apograph::io::Context::default(),
    )
    .unwrap();
    let error = engine.backup_full(&repository).unwrap_err();
    assert!(error.to_string().contains("busy"), "{error}");
    drop(ours);

    let theirs = repository.clone();
    let writer = std::thread::spawn(move || {
        for _ in 0..5 {
            engine.backup_full(&theirs).unwrap();
        }
    });
    let mut busy = 0;
    while !writer.is_finished() {
        let outcome = apograph(["rebuild", text(&repository)]);
        if outcome.exit != 0 {
            assert_eq!(outcome.code(), "repository-busy", "{}", outcome.json);
            busy += 1;
        }
    }
    // Where ours came first, it was the engine that was told.
    let told_engine = writer.join().is_err();
    assert!(busy > 0 || told_engine);
}

/// Where our increments begin in the middle of a log file that the engine then captures whole, the
/// engine does not restore the chain. It says so, and we do.
#[test]
fn a_chain_that_the_engine_cannot_restore_it_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut engine = fixtures::engine(EngineGeneration::Two);
    engine.open(&database).unwrap();
    for round in 0..3 {
        insert(&mut engine, round * 2..round * 2 + 2);
        backup(&database, &repository, None).ok();
    }
    insert(&mut engine, 6..8);
    engine.backup_incremental(&repository).unwrap();
    insert(&mut engine, 8..10);
    backup(&database, &repository, Some("--incremental")).ok();
    let theirs = path("theirs.grafeo");
    let error = engine.restore(&repository, 10, &theirs).unwrap_err();
    assert!(error.to_string().contains("gap"), "{error}");
    assert!(!theirs.exists());
    let whole: Vec<_> = (0..=10).map(|epoch| (1, epoch)).collect();
    assert_eq!(restorable(&repository), whole);
    let ours = path("ours.grafeo");
    restore(&repository, &ours, &["--latest"]).ok();
    let content = engine.dump(&ours).unwrap().content;
    assert_eq!(content["nodes"].as_array().map(Vec::len), Some(10));
}

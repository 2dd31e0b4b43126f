//! The engine's own backups and ours, in one repository and on each other's chains.

use std::path::{Path, PathBuf};

use apograph_interop::scenario::{self, Backups, EngineBackups, Scenario, Step};
use apograph_interop::{Engine, Taken};

use crate::command::{backup, restorable, restore, taken};
use crate::fixtures;
use crate::judge::judge;
use crate::stage::insert;

#[test]
fn the_engine_restores_our_chain_as_we_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (database, repository) = (path("db.grafeo"), path("repository"));
    let mut engine = fixtures::engine();
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

#[test]
fn turns_in_one_repository_lose_nothing_in_silence() {
    for engine_begins in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut turns = InTurns::of(folder.path(), engine_begins);
        let truth =
            scenario::run(&many_turns(), fixtures::driver(), folder.path(), &mut turns).unwrap();
        assert!(
            turns.refused.iter().all(|code| code == "chain-broken"),
            "{:?}",
            turns.refused
        );
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
    }
}

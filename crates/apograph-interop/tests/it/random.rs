//! Random lives of a database, captured meanwhile: whatever can be restored is exact.
//!
//! `APOGRAPH_SEEDS=first-last` runs other seeds than the few that every run takes, and
//! `APOGRAPH_GENERATION=1|2` the engine of one generation alone; a failure names its seed.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use apograph_interop::lives::Life;
use apograph_interop::scenario::{self, Backups, EngineBackups, Scenario, Step};
use apograph_interop::{Engine, EngineGeneration, OpenOptions, Taken};
use fastrand::Rng;
use serde_json::Value;

use crate::command::{apograph, backup, list, taken, text};
use crate::fixtures;
use crate::judge::{judge, judge_broken_off};
use crate::lives;

for_each_generation!(
    whatever_can_be_restored_is_exact,
    whatever_happens_to_the_files_it_is_exact,
);

const STEPS: usize = 40;

/// Seeds that once found something in generation 1.
const FINDERS: [u64; 4] = [58, 69, 83, 196];

fn seeds(generation: EngineGeneration) -> Vec<u64> {
    let only = std::env::var("APOGRAPH_GENERATION");
    if only.is_ok_and(|only| only != generation.to_string()) {
        return Vec::new();
    }
    let Ok(range) = std::env::var("APOGRAPH_SEEDS") else {
        let finders = match generation {
            EngineGeneration::One => &FINDERS[..],
            EngineGeneration::Two => &[],
        };
        return (1..=20).chain(finders.iter().copied()).collect();
    };
    let (first, last) = range.split_once('-').expect("APOGRAPH_SEEDS is FIRST-LAST");
    (first.parse().unwrap()..=last.parse().unwrap()).collect()
}

/// Calls `check` with each seed, on every core.
fn for_each_seed(generation: EngineGeneration, check: impl Fn(u64) + Sync) {
    let seeds = Mutex::new(seeds(generation).into_iter());
    let next = || seeds.lock().expect("nobody panics with it").next();
    let work = || {
        while let Some(seed) = next() {
            println!("seed {seed}");
            check(seed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
}

/// What happens next.
fn next(
    generation: EngineGeneration,
    scenario: Scenario,
    number: usize,
    random: &mut Rng,
) -> Scenario {
    match generation {
        // One step in five is one that the logs of generation 1 cannot tell apart.
        EngineGeneration::Two if random.u32(0..5) == 0 => next_v2(scenario, number, random),
        _ => next_of_both(scenario, number, random),
    }
}

/// What happens next in generation 2 alone.
fn next_v2(scenario: Scenario, number: usize, random: &mut Rng) -> Scenario {
    match random.u32(0..6) {
        0 => scenario.run(format!("CREATE INDEX x{number} FOR (r:R) ON (r.i)")),
        1 => scenario.then(Step::Rotate),
        2 => scenario.run("MATCH (n:Nothing) SET n.v = 1"),
        3 => {
            let recovered = scenario.then(Step::Kill).recover();
            recovered.run(format!("CREATE NODE TYPE U{number} (x INT64)"))
        }
        // The crash takes what was captured.
        4 => scenario
            .run(format!("INSERT (:R {{i:{number}}})"))
            .run(format!("INSERT (:S {{i:{number}}})"))
            .incremental()
            .then(Step::Kill)
            .then(Step::TearTail {
                bytes: random.u64(1..140),
            })
            .recover(),
        _ => scenario
            .run(format!("INSERT (:R {{i:{number}}})"))
            .then(Step::Kill)
            .then(Step::AppendGarbage {
                bytes: random.usize(1..200),
            })
            .recover(),
    }
}

/// What happens next, and how often out of 100. No index: a crash makes the engine of generation
/// 1 lose those of its log, and a restore across the crash names them all the same.
fn next_of_both(scenario: Scenario, number: usize, random: &mut Rng) -> Scenario {
    let any = random.usize(0..number.max(1));
    match random.u32(0..100) {
        0..35 => scenario.run(format!("INSERT (:R {{i:{number}}})")),
        35..45 => scenario.run(format!("MATCH (r:R {{i:{any}}}) SET r.v = {number}")),
        45..50 => scenario.run(format!("MATCH (r:R {{i:{any}}}) DELETE r")),
        50..55 => scenario.run(format!("CREATE NODE TYPE T{number} (x INT64)")),
        55..58 => scenario.run(format!("CREATE GRAPH g{number}")),
        58..62 => scenario.run(format!(
            "START TRANSACTION; INSERT (:R {{i:{number}}}); INSERT (:Q {{i:{number}}}); COMMIT"
        )),
        62..70 => scenario.then(Step::Checkpoint),
        // Without a checkpoint record, a rotation looks like a checkpoint that is under way.
        70..73 => scenario.then(Step::Checkpoint).then(Step::Rotate),
        73..78 => scenario.full(),
        78..92 => scenario.incremental(),
        92..95 => scenario.reopen(),
        // The first change after a crash without a seal has an epoch: the log of generation 1
        // does not tell which process made one without.
        95..98 => {
            let recovered = scenario.then(Step::Kill).recover();
            recovered.run(format!("INSERT (:R {{i:{number}}})"))
        }
        // The end of the last commit is cut off: in generation 1 inside of a frame of 10 bytes, so
        // it is sealed.
        _ => scenario
            .run(format!("INSERT (:R {{i:{number}}})"))
            .then(Step::Kill)
            .then(Step::TearTail {
                bytes: random.u64(0..3) * 10 + random.u64(1..10),
            })
            .recover(),
    }
}

fn life(generation: EngineGeneration, seed: u64) -> Scenario {
    let mut random = Rng::with_seed(seed);
    let scenario = Scenario {
        options: OpenOptions::default(),
        ..Scenario::new("random", "a random life")
    };
    let scenario = (0..STEPS).fold(scenario, |scenario, number| {
        next(generation, scenario, number, &mut random)
    });
    scenario.run("INSERT (:Last)").incremental()
}

/// Takes a full backup where one is asked for, and else whatever the command chooses.
struct Ours {
    repository: PathBuf,
}

impl Backups for Ours {
    fn full(&mut self, database: &Path, _: &mut Engine) -> Result<Taken, String> {
        taken(&backup(database, &self.repository, Some("--full")))
    }

    fn incremental(&mut self, database: &Path, _: &mut Engine) -> Result<Taken, String> {
        taken(&backup(database, &self.repository, None))
    }
}

fn whatever_can_be_restored_is_exact(generation: EngineGeneration) {
    for_each_seed(generation, |seed| {
        let dir = tempfile::tempdir().unwrap();
        let repository = dir.path().join("repository");
        let mut ours = Ours {
            repository: repository.clone(),
        };
        let place = dir.path().join("scenario");
        let mut truth = scenario::run(
            &life(generation, seed),
            fixtures::driver(generation),
            &place,
            &mut ours,
        )
        .unwrap();
        truth.fixture = format!("seed {seed}");
        let failed: Vec<_> = truth
            .backups
            .iter()
            .filter_map(|it| it.error.as_ref())
            .collect();
        assert!(failed.is_empty(), "seed {seed}: {failed:?}");
        let verified = apograph(["verify", text(&repository)]).ok();
        assert_eq!(verified["ok"], true, "seed {seed}: {verified}");

        let judge = match generation {
            EngineGeneration::One => judge_broken_off,
            EngineGeneration::Two => judge,
        };
        let verdict = judge(&repository, &truth);
        let last = truth.last_state();
        assert!(
            verdict.exact.contains(&(last.life, last.epoch)),
            "seed {seed}: {}",
            list(&repository)
        );
        for small in ["backup_manifest.json", "apograph.json"] {
            std::fs::remove_file(repository.join(small)).unwrap();
        }
        apograph(["rebuild", text(&repository)]).ok();
        assert_eq!(
            judge(&repository, &truth).exact,
            verdict.exact,
            "seed {seed}, rebuilt"
        );
    });
}

/// Copied, moved, restored, swapped, lost, cut: of these lives `cargo xtask lives` lives more.
fn whatever_happens_to_the_files_it_is_exact(generation: EngineGeneration) {
    let tools = lives::tools(generation);
    for_each_seed(generation, |seed| {
        let life = Life::of(&tools, seed);
        let findings: Vec<_> = life
            .report
            .findings
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            findings.is_empty(),
            "{}{findings:#?}\n\nagain, and shorter: cargo xtask lives --random --generation \
             {generation} --first {seed} --seeds 1 --shrink",
            life.script()
        );
    });
}

/// Each backup is taken by the engine or by the command, as it comes; the last by the command.
struct InTurns {
    ours: Ours,
    engine: EngineBackups,
    random: Rng,
    /// How many backups are to come.
    left: usize,
    refused: Vec<String>,
}

impl InTurns {
    fn is_ours(&mut self) -> bool {
        self.left -= 1;
        self.left == 0 || self.random.bool()
    }

    fn note(&mut self, taken: Result<Taken, String>) -> Result<Taken, String> {
        self.refused.extend(taken.as_ref().err().cloned());
        taken
    }
}

impl Backups for InTurns {
    fn full(&mut self, database: &Path, engine: &mut Engine) -> Result<Taken, String> {
        if !self.is_ours() {
            return self.engine.full(database, engine);
        }
        let taken = self.ours.full(database, engine);
        self.note(taken)
    }

    fn incremental(&mut self, database: &Path, engine: &mut Engine) -> Result<Taken, String> {
        if !self.is_ours() {
            return self.engine.incremental(database, engine);
        }
        let taken = self.ours.incremental(database, engine);
        self.note(taken)
    }
}

/// Only generation 2 takes turns: there the segments of both say where in the log they lie.
#[test]
fn in_turns_with_the_engine_it_is_exact_too() {
    let generation = EngineGeneration::Two;
    for_each_seed(generation, |seed| {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("scenario");
        let repository = place.join("backup");
        let scenario = life(generation, seed);
        let is_backup = |step: &&Step| matches!(step, Step::BackupFull | Step::BackupIncremental);
        let mut turns = InTurns {
            ours: Ours {
                repository: repository.clone(),
            },
            engine: EngineBackups::of(&place),
            random: Rng::with_seed(seed),
            left: scenario.steps.iter().filter(is_backup).count(),
            refused: Vec::new(),
        };
        let driver = fixtures::driver(generation);
        let mut truth = scenario::run(&scenario, driver, &place, &mut turns).unwrap();
        truth.fixture = format!("seed {seed}, in turns");
        assert_eq!(turns.refused, [""; 0], "seed {seed}");
        // Where a crash takes what was captured, the engine goes on with its chain all the same, or
        // leaves out what follows.
        let verified = apograph(["verify", text(&repository)]).json;
        let is_of_engine = |problem: &Value| {
            let detail = problem["detail"].as_str().unwrap();
            problem["code"] == "chain-broken" || detail.ends_with("the engine left them out")
        };
        let problems = verified["problems"].as_array().unwrap();
        assert!(problems.iter().all(is_of_engine), "seed {seed}: {verified}");
        // Before a full backup of the engine a change without an epoch may be left out.
        let verdict = judge_broken_off(&repository, &truth);
        let last = truth.last_state();
        assert!(
            verdict.exact.contains(&(last.life, last.epoch)),
            "seed {seed}: {}",
            list(&repository)
        );
    });
}

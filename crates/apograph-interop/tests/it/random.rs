//! Random lives of a database, captured meanwhile: whatever can be restored is exact.
//!
//! `APOGRAPH_SEEDS=first-last` runs other seeds than the few that every run takes; a failure names
//! its seed.

use std::path::{Path, PathBuf};

use apograph_interop::scenario::{self, Backups, Scenario, Step};
use apograph_interop::{Engine, Taken};
use fastrand::Rng;

use crate::command::{apograph, backup, list, taken, text};
use crate::fixtures;
use crate::judge::judge_broken_off;

const STEPS: usize = 40;

/// Seeds that once found something.
const FINDERS: [u64; 4] = [58, 69, 83, 196];

fn seeds() -> Vec<u64> {
    let Ok(range) = std::env::var("APOGRAPH_SEEDS") else {
        return (1..=5).chain(FINDERS).collect();
    };
    let (first, last) = range.split_once('-').expect("APOGRAPH_SEEDS is FIRST-LAST");
    (first.parse().unwrap()..=last.parse().unwrap()).collect()
}

/// What may happen next, and how often out of 100. No index: a crash makes the engine lose those of
/// its log, and a restore across the crash names them all the same.
fn next(scenario: Scenario, number: usize, random: &mut Rng) -> Scenario {
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
        // The first change after a crash without a seal has an epoch: the log does not tell
        // which process made one without.
        95..98 => {
            let recovered = scenario.then(Step::Kill).recover();
            recovered.run(format!("INSERT (:R {{i:{number}}})"))
        }
        // The end of the last commit is cut off, inside of a frame of 10 bytes: so it is sealed.
        _ => scenario
            .run(format!("INSERT (:R {{i:{number}}})"))
            .then(Step::Kill)
            .then(Step::TearTail {
                bytes: random.u64(0..3) * 10 + random.u64(1..10),
            })
            .recover(),
    }
}

fn life(seed: u64) -> Scenario {
    let mut random = Rng::with_seed(seed);
    let scenario = Scenario::new("random", "a random life");
    let scenario = (0..STEPS).fold(scenario, |scenario, number| {
        next(scenario, number, &mut random)
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

#[test]
fn whatever_can_be_restored_is_exact() {
    for seed in seeds() {
        println!("seed {seed}");
        let dir = tempfile::tempdir().unwrap();
        let repository = dir.path().join("repository");
        let mut ours = Ours {
            repository: repository.clone(),
        };
        let place = dir.path().join("scenario");
        let mut truth = scenario::run(&life(seed), fixtures::driver(), &place, &mut ours).unwrap();
        truth.fixture = format!("seed {seed}");
        let failed: Vec<_> = truth
            .backups
            .iter()
            .filter_map(|it| it.error.as_ref())
            .collect();
        assert!(failed.is_empty(), "seed {seed}: {failed:?}");
        let verified = apograph(["verify", text(&repository)]).ok();
        assert_eq!(verified["ok"], true, "seed {seed}: {verified}");

        let verdict = judge_broken_off(&repository, &truth);
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
            judge_broken_off(&repository, &truth).exact,
            verdict.exact,
            "seed {seed}, rebuilt"
        );
    }
}

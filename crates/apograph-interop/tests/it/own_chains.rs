//! Chains of our own: the scenarios of the fixtures, captured by the command while the engine has
//! the database open in another process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use apograph_interop::scenario::{self, Backups, Scenario};
use apograph_interop::{Engine, EngineGeneration, Taken};
use apograph_model::{check_copied, check_derived};
use apograph_testing::truth::{Truth, TruthState};

use crate::command::{apograph, backup, list, taken, text};
use crate::fixtures;
use crate::judge::judge;

for_each_generation!(
    backups_where_the_engine_took_them_hold_every_state,
    a_backup_after_every_state_loses_none,
);

/// Takes the backups of a scenario with the command.
struct Ours {
    repository: PathBuf,
    /// Take one after every state too.
    always: bool,
}

impl Ours {
    fn take(&self, database: &Path, mode: Option<&str>) -> Result<Taken, String> {
        taken(&backup(database, &self.repository, mode))
    }
}

impl Backups for Ours {
    fn full(&mut self, database: &Path, _: &mut Engine) -> Result<Taken, String> {
        self.take(database, Some("--full"))
    }

    fn incremental(&mut self, database: &Path, _: &mut Engine) -> Result<Taken, String> {
        self.take(database, Some("--incremental"))
    }

    fn observe(&mut self, database: &Path, _: &TruthState) {
        if self.always {
            self.take(database, None).unwrap();
        }
    }
}

fn single_file_scenarios(generation: EngineGeneration) -> impl Iterator<Item = Scenario> {
    scenario::scenarios(generation)
        .into_iter()
        .filter(|scenario| scenario.name != "17_wal_directory")
}

fn live(
    generation: EngineGeneration,
    scenario: &Scenario,
    dir: &Path,
    always: bool,
) -> (PathBuf, Truth) {
    let repository = dir.join("repository");
    let mut ours = Ours {
        repository: repository.clone(),
        always,
    };
    let truth = scenario::run(
        scenario,
        fixtures::driver(generation),
        &dir.join("scenario"),
        &mut ours,
    );
    (repository, truth.unwrap())
}

/// Derived files change no answer, nor does a copy in a vault: of at most so many states of each
/// repository all are compared.
const STATES: usize = 12;

#[track_caller]
fn check_rebuild(repository: &Path, truth: &Truth, before: &BTreeSet<(u64, u64)>) {
    let checked = check_derived(repository, STATES);
    let checked = checked.and_then(|()| check_copied(repository, STATES, &mut |_| Ok(())));
    if let Err(difference) = checked {
        panic!("{}: {difference}", truth.fixture);
    }
    std::fs::remove_file(repository.join("backup_manifest.json")).unwrap();
    std::fs::remove_file(repository.join("apograph.json")).unwrap();
    let rebuilt = apograph(["rebuild", text(repository)]).ok();
    assert_eq!(rebuilt["outcome"], "written");
    assert_eq!(
        judge(repository, truth).exact,
        *before,
        "{}: rebuilt",
        truth.fixture
    );
}

fn backups_where_the_engine_took_them_hold_every_state(generation: EngineGeneration) {
    for scenario in single_file_scenarios(generation) {
        let dir = tempfile::tempdir().unwrap();
        let (repository, truth) = live(generation, &scenario, dir.path(), false);
        if truth.backups.is_empty() {
            continue;
        }
        let verdict = judge(&repository, &truth);
        let last = truth
            .backups
            .iter()
            .rfind(|backup| backup.error.is_none())
            .unwrap();
        let captured = Truth {
            states: truth.states[..=usize::try_from(last.after_seq).unwrap()].to_vec(),
            ..truth.clone()
        };
        let expected: BTreeSet<_> = if truth.nodes_equal_epoch {
            let highest = verdict.exact.iter().map(|(_, epoch)| *epoch).max().unwrap();
            (0..=highest).map(|epoch| (0, epoch)).collect()
        } else {
            captured.lasting_points().into_iter().collect()
        };
        assert_eq!(verdict.exact, expected, "{}", scenario.name);
        assert!(apograph(["verify", text(&repository)]).ok()["ok"] == true);
        check_rebuild(&repository, &truth, &verdict.exact);
    }
}

fn a_backup_after_every_state_loses_none(generation: EngineGeneration) {
    for scenario in single_file_scenarios(generation).filter(|it| !it.nodes_equal_epoch) {
        let dir = tempfile::tempdir().unwrap();
        let (repository, truth) = live(generation, &scenario, dir.path(), true);
        let verdict = judge(&repository, &truth);
        let expected: BTreeSet<_> = truth.points().into_iter().collect();
        assert_eq!(
            verdict.exact,
            expected,
            "{}: {}",
            scenario.name,
            list(&repository)
        );
        check_rebuild(&repository, &truth, &verdict.exact);
    }
}

//! Copies that are made while a history is captured, and go on once its increments are merged.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use apograph_capture::{CaptureError, Captured, Options, capture};
use apograph_format::Generation;
use apograph_io::Context;
use apograph_manifest::Target;
use apograph_model::{
    BackupMode, Effort, Library, Op, RandomScenario, ReadState, Shape, check, compact_later,
};
use apograph_repository::{Pack, Repository, copy, init_vault};
use apograph_restore::{Options as RestoreOptions, restore};
use apograph_testing::scratch::scratch;
use apograph_testing::strategies::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

/// Histories that every run takes, of each generation.
const HISTORIES: u32 = 12;

/// The library, whose repository is copied after each backup, into a folder, a vault, and a vault whose
/// increments are merged.
struct Copying {
    folder: TempDir,
    copies: RefCell<Vec<PathBuf>>,
}

impl Copying {
    fn copy(&self, repository: &Path) -> Result<(), String> {
        let number = self.copies.borrow().len();
        let to = self.folder.path().join(number.to_string());
        if !number.is_multiple_of(3) {
            init_vault(&to, Context::default()).map_err(told)?;
        }
        go_on(repository, &to)?;
        if number % 3 == 2 {
            compact_later(&*to).map_err(told)?;
        }
        self.copies.borrow_mut().push(to);
        Ok(())
    }
}

impl Library for Copying {
    fn capture(
        &self,
        database: &Path,
        repository: &Path,
        options: &Options,
    ) -> Result<Captured, CaptureError> {
        let captured = capture(database, repository, options, Context::default())?;
        self.copy(repository).expect("a copy");
        Ok(captured)
    }

    fn finish(&self, repository: &Path, read: &ReadState<'_>) -> Result<(), String> {
        let vault = self.folder.path().join("merged");
        init_vault(&vault, Context::default()).map_err(told)?;
        go_on(repository, &vault)?;
        compact_later(&*vault).map_err(told)?;
        let expected = answers(repository, read)?;
        for copy in self.copies.borrow().iter() {
            go_on(&vault, copy).map_err(|error| format!("{}: {error}", copy.display()))?;
            let found = answers(copy, read)?;
            if found != expected {
                let copy = copy.display();
                return Err(format!("{copy} says {found}, not {expected}"));
            }
        }
        Ok(())
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn go_on(from: &Path, to: &Path) -> Result<(), String> {
    let from = Repository::open(from, Context::default()).map_err(told)?;
    let copied = copy(&from, to, Pack::Best, Context::default());
    copied.map(drop).map_err(told)
}

/// What can be restored, and the latest state.
fn answers(repository: &Path, read: &ReadState<'_>) -> Result<String, String> {
    let opened = Repository::open(repository, Context::default()).map_err(told)?;
    let chain = opened.chain();
    let (points, positions) = (chain.restorable(), chain.restorable_lsns());
    let folder = scratch().map_err(told)?;
    let output = folder.path().join("out.grafeo");
    let options = RestoreOptions::to(Target::Latest);
    let restored = restore(repository, &output, &options, Context::default());
    let state = match restored {
        Ok(restored) => format!("{:?} {:?}", restored.exact, read(&output)?),
        Err(error) => error.code().to_string(),
    };
    Ok(format!("{points:?} {positions:?} {state}"))
}

/// Small captures, many of them, in processes that end.
fn history(generation: Generation) -> impl Strategy<Value = RandomScenario> {
    let op = prop_oneof![
        8 => (1_u8..3).prop_map(|records| Op::Commit(Shape::of(records, 1, 9))),
        8 => Just(Op::Backup(BackupMode::Auto)),
        1 => Just(Op::Backup(BackupMode::Full)),
        1 => Just(Op::Checkpoint),
        2 => Just(Op::Close),
        1 => Just(Op::Change(Shape::of(1, 1, 5))),
        1 => Just(Op::OutOfOrder(Shape::of(1, 1, 5))),
        1 => Just(Op::Crash { lost_bytes: 0 }),
    ];
    vec(op, 6..30).prop_map(move |ops| RandomScenario {
        generation,
        is_slow: false,
        ops,
    })
}

fn hold(scenario: &RandomScenario) -> Result<(), TestCaseError> {
    let copying = Copying {
        folder: scratch().expect("a folder in memory"),
        copies: RefCell::default(),
    };
    let effort = Effort {
        points: 1,
        rebuilds: false,
    };
    check(scenario, &copying, effort)
        .map_err(|failure| TestCaseError::fail(format!("{failure}\n{scenario}")))
}

proptest! {
    #![proptest_config(cases(HISTORIES))]

    #[test]
    fn copies_of_generation_1_go_on_across_merges(scenario in history(Generation::One)) {
        hold(&scenario)?;
    }

    #[test]
    fn copies_of_generation_2_go_on_across_merges(scenario in history(Generation::Two)) {
        hold(&scenario)?;
    }
}

//! A catalog that is made anew, and what comes in between.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use apograph_io::{Context, Folder, Mode, RealDisk, SystemClock};
use apograph_model::MergedAnswers;
use apograph_repository::vault::store::FolderStore;
use apograph_repository::{
    Location, Pack, Repository, RepositoryError, copy, init_vault, plan_vault_rebuild,
};
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::scratch::scratch;
use apograph_testing::stage::Stage;
use apograph_testing::store::{FaultyStore, StoreFault};

use crate::merged::copy_folder;

/// So many points and instants are compared.
const STATES: usize = 4;

fn rebuild(vault: &Location) -> Result<bool, RepositoryError> {
    let plan = plan_vault_rebuild(vault, Context::default())?.expect("a vault");
    if !plan.is_unchanged() {
        plan.write()?;
    }
    Ok(plan.is_unchanged())
}

/// A vault that has lost a version in the middle, its newest one, and its head.
fn lost(stage: &Stage, vault: &Path) {
    init_vault(vault, Context::default()).expect("a vault");
    let from = Repository::open(stage.repository(), Context::default()).expect("opened");
    copy(&from, vault, Pack::Best, Context::default()).expect("copied");
    let version = |number: usize| vault.join(format!("catalog/{number:020}.zst"));
    let newest = fs::read_dir(vault.join("catalog"))
        .expect("versions")
        .count();
    for number in [2, newest] {
        fs::remove_file(version(number)).expect("removed");
    }
    fs::remove_file(vault.join("vault.json")).expect("removed");
}

/// Every request fails, before or after it did something, or is answered wrongly: nothing that is there
/// is lost, no other state comes, and the next time all is made.
fn check_faults(fixtures: Fixtures, faults: &[StoreFault]) {
    let folder = scratch().expect("a folder in memory");
    let stage = Stage::of(fixtures, "15_concurrent_incr");
    let [whole, clean, struck] = ["vault", "clean", "struck"].map(|name| folder.path().join(name));
    lost(&stage, &whole);
    copy_folder(&whole, &clean);
    assert!(!rebuild(&clean.as_path().into()).expect("made anew"));
    let answers = MergedAnswers::of(&clean.as_path().into(), STATES).expect("sound");
    for fault in faults {
        for index in 0.. {
            copy_folder(&whole, &struck);
            let opened = Folder::open(&struck).expect("a folder");
            let store = FolderStore::new(&RealDisk, opened, Mode::PRIVATE);
            let store = FaultyStore::new(store, SystemClock).with_fault(index, fault.clone());
            let store = Arc::new(store);
            let ended = rebuild(&Location::store(store.clone()));
            if !store.is_struck() && store.requests().len() <= index {
                assert!(!ended.expect("no fault"));
                fs::remove_dir_all(&struck).expect("removed");
                break;
            }
            let told = || format!("{fault:?} at {:?}", store.requests().get(index));
            rebuild(&struck.as_path().into()).unwrap_or_else(|error| panic!("{}: {error}", told()));
            if let Err(difference) = answers.check(&struck.as_path().into()) {
                panic!("{}: {difference}", told());
            }
            assert!(
                rebuild(&struck.as_path().into()).expect("sound"),
                "{}",
                told()
            );
            fs::remove_dir_all(&struck).expect("removed");
        }
    }
}

#[test]
fn a_request_that_fails_loses_nothing_of_generation_1() {
    check_faults(V1, &[StoreFault::Fails, StoreFault::FailsAfter]);
}

#[test]
fn a_request_that_fails_loses_nothing_of_generation_2() {
    check_faults(V2, &[StoreFault::Fails, StoreFault::FailsAfter]);
}

#[test]
fn a_request_that_is_answered_wrongly_loses_nothing() {
    let faults = [
        StoreFault::CutsShort,
        StoreFault::Duplicates,
        StoreFault::ServesStale,
        StoreFault::SaysTaken,
    ];
    check_faults(V2, &faults);
}

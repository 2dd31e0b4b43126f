//! A vault that is made smaller, and what comes in between.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apograph_io::{Context, Folder, Mode, RealDisk, SystemClock};
use apograph_model::{MergedAnswers, compact_later};
use apograph_repository::vault::store::FolderStore;
use apograph_repository::{Location, Pack, Repository, copy, init_vault};
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::scratch::scratch;
use apograph_testing::stage::Stage;
use apograph_testing::store::{FaultyStore, StoreFault};

const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// So many points and instants are compared.
const STATES: usize = 4;

/// A vault with increments to be merged, others that were merged days ago, and a leftover.
fn vault(stage: &Stage, fixtures: Fixtures, vault: &Path) {
    let shorter = Stage::of(fixtures, "15_concurrent_incr");
    shorter.keep_segments(4);
    init_vault(vault, Context::default()).expect("a vault");
    for (from, merges) in [(&shorter, true), (stage, false)] {
        let from = Repository::open(from.repository(), Context::default()).expect("opened");
        copy(&from, vault, Pack::Best, Context::default()).expect("copied");
        if merges {
            assert_eq!(compact_later(vault).expect("merged").merged, 2);
        }
    }
    let leftover = "00000000000000000001-0-incr-00000000000000000000000000000001.zst";
    fs::write(vault.join("segments").join(leftover), b"left").expect("written");
    for folder in ["catalog", "segments"] {
        for entry in fs::read_dir(vault.join(folder)).expect("objects") {
            let path = entry.expect("an object").path();
            let file = File::options().write(true).open(path).expect("an object");
            file.set_modified(SystemTime::now() - TWO_DAYS)
                .expect("its time");
        }
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
            continue;
        }
        let modified = fs::metadata(&path).and_then(|it| it.modified());
        fs::copy(&path, &target).expect("copied");
        let file = File::options().write(true).open(target).expect("an object");
        file.set_modified(modified.expect("a time"))
            .expect("its time");
    }
}

/// Every request fails, before or after it did something, or is answered wrongly: each state stays
/// what it was, and the next time all is done.
fn check_faults(fixtures: Fixtures, faults: &[StoreFault]) {
    let folder = scratch().expect("a folder in memory");
    let stage = Stage::of(fixtures, "15_concurrent_incr");
    let whole = folder.path().join("vault");
    vault(&stage, fixtures, &whole);
    let answers = MergedAnswers::of(&whole.as_path().into(), STATES).expect("sound");
    for fault in faults {
        for index in 0.. {
            let struck = folder.path().join("struck");
            copy_folder(&whole, &struck);
            let opened = Folder::open(&struck).expect("a folder");
            let store = FolderStore::new(&RealDisk, opened, Mode::PRIVATE);
            let store = FaultyStore::new(store, SystemClock).with_fault(index, fault.clone());
            let store = Arc::new(store);
            let ended = compact_later(Location::store(store.clone()));
            if !store.is_struck() && store.requests().len() <= index {
                let done = ended.expect("no fault");
                assert!(done.merged > 1 && done.deleted >= 3, "{done:?}");
                fs::remove_dir_all(&struck).expect("removed");
                break;
            }
            let told = || format!("{fault:?} at {:?}", store.requests().get(index));
            if let Err(difference) = answers.check(&struck.as_path().into()) {
                panic!("{}: {difference}", told());
            }
            compact_later(&*struck).unwrap_or_else(|error| panic!("{}: {error}", told()));
            if let Err(difference) = answers.check(&struck.as_path().into()) {
                panic!("{}, and again: {difference}", told());
            }
            let entries = Repository::open(&*struck, Context::default()).expect("opened");
            assert_eq!(entries.chain().entries().len(), 3, "{}", told());
            fs::remove_dir_all(&struck).expect("removed");
        }
    }
}

#[test]
fn a_request_that_fails_changes_no_state_of_generation_1() {
    check_faults(V1, &[StoreFault::Fails, StoreFault::FailsAfter]);
}

#[test]
fn a_request_that_fails_changes_no_state_of_generation_2() {
    check_faults(V2, &[StoreFault::Fails, StoreFault::FailsAfter]);
}

#[test]
fn a_request_that_is_answered_wrongly_changes_no_state() {
    check_faults(V2, &[StoreFault::CutsShort, StoreFault::Duplicates]);
}

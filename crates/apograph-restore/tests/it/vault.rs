//! What a verification of a vault finds, and what is noted of it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use apograph_io::Context;
use apograph_manifest::{Level, Target, Unusable};
use apograph_repository::vault::Packing;
use apograph_repository::{Pack, Repository, copy, init_vault};
use apograph_restore::{Options, Verified, VerifyOptions, restore, verify, verify_and_record};
use apograph_testing::context::{every_core, every_core_heard_by};
use apograph_testing::disk::{Fault, SimDisk};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;

use crate::hearing::Hearing;

const LEVELS: [Level; 3] = [Level::Objects, Level::Files, Level::Frames];

/// A vault of all that a stage has.
fn vault(stage: &Stage, pack: Pack) -> PathBuf {
    let vault = stage.path("vault");
    init_vault(&vault, every_core()).expect("a vault");
    let from = Repository::open(stage.repository(), every_core()).expect("a repository");
    copy(&from, &vault, pack, every_core()).expect("copied");
    vault
}

fn opened(vault: &Path) -> Repository {
    Repository::open(vault, every_core()).expect("a vault")
}

/// The object of a segment.
fn object(vault: &Path, index: usize) -> PathBuf {
    let repository = opened(vault);
    let name = &repository.chain().entries()[index].segment.file;
    let objects = fs::read_dir(vault.join("segments")).expect("objects");
    let mut objects = objects.map(|entry| entry.expect("an object").path());
    let is_its = |path: &PathBuf| path.to_string_lossy().contains(name.as_str());
    objects.find(is_its).expect("the object of the segment")
}

fn at(level: Level) -> VerifyOptions {
    VerifyOptions {
        level,
        ..VerifyOptions::default()
    }
}

fn new_at(level: Level) -> VerifyOptions {
    VerifyOptions {
        only_new: true,
        ..at(level)
    }
}

fn recorded(vault: &Path, options: &VerifyOptions) -> Verified {
    verify_and_record(vault, options, every_core()).expect("a vault")
}

/// How many segments were read and sound, passed over, and wrong.
fn counts(verified: &Verified) -> (u64, u64, usize) {
    (verified.files, verified.skipped, verified.problems.len())
}

/// How many segments are noted as sound, and how many of them by their frames.
fn noted(vault: &Path) -> (usize, usize) {
    let repository = opened(vault);
    let found = || (0..4).filter_map(|index| repository.verified(index));
    let frames = found().filter_map(|it| it.frames_at);
    (found().count(), frames.count())
}

#[test]
fn what_was_verified_is_noted_in_the_catalog_and_not_read_again() {
    for (fixtures, looked) in [V1, V2].into_iter().zip([Level::Files, Level::Objects]) {
        let stage = Stage::new(fixtures);
        let vault = vault(&stage, Pack::Best);
        assert_eq!(noted(&vault), (0, 0));
        assert_eq!(counts(&recorded(&vault, &at(looked))), (4, 0, 0));
        assert_eq!(noted(&vault), (4, 0));
        for level in LEVELS {
            let (read, passed) = if level > looked { (4, 0) } else { (0, 4) };
            let verified = verify(&vault, &new_at(level), every_core()).expect("a vault");
            assert_eq!(counts(&verified), (read, passed, 0), "{level:?}");
        }
        recorded(&vault, &new_at(Level::Frames));
        assert_eq!(noted(&vault), (4, 4));
        // To look less deep later takes nothing back.
        recorded(&vault, &at(looked));
        assert_eq!(noted(&vault), (4, 4));
        let verified = recorded(&vault, &new_at(Level::Frames));
        assert_eq!(counts(&verified), (0, 4, 0));
    }
}

type Harm = fn(&Path);

fn change(object: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(object).expect("an object");
    change(&mut bytes);
    fs::write(object, bytes).expect("an object");
}

#[test]
fn an_object_that_is_not_what_was_written_is_noticed_at_each_level_and_noted() {
    let flip = |object: &Path| {
        change(object, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
    };
    let cut = |object: &Path| change(object, |bytes| bytes.truncate(bytes.len() - 1));
    let remove = |object: &Path| fs::remove_file(object).expect("an object");
    let harms: [(Harm, Option<Unusable>); 3] =
        [(flip, None), (cut, None), (remove, Some(Unusable::Missing))];
    for pack in [Pack::Best, Pack::As(Packing::Plain)] {
        for (harm, expected) in &harms {
            let stage = Stage::new(V2);
            let vault = vault(&stage, pack);
            let object = object(&vault, 2);
            let whole = fs::read(&object).expect("an object");
            recorded(&vault, &at(Level::Frames));
            harm(&object);
            for level in LEVELS {
                let verified = recorded(&vault, &at(level));
                assert_eq!(counts(&verified), (3, 0, 1), "{level:?}");
                let problem = &verified.problems[0];
                assert!(
                    object
                        .to_string_lossy()
                        .contains(problem.file.as_deref().expect("a name"))
                );
                let found = opened(&vault).damage(2).expect("noted");
                assert!(expected.as_ref().is_none_or(|it| *it == found), "{found}");
                assert_eq!(noted(&vault), (3, 3));
                // It is read again by each verification of what is new.
                assert_eq!(counts(&recorded(&vault, &new_at(level))), (0, 3, 1));
            }
            let listed = opened(&vault).without_damaged();
            let unusable = listed.chain().entries()[2].unusable.clone();
            assert_eq!(unusable.as_deref(), opened(&vault).damage(2).as_ref());
            let (options, output) = (Options::to(Target::Latest), stage.path("out.grafeo"));
            restore(&vault, &output, &options, every_core()).expect_err("damaged");
            assert!(!output.exists());

            fs::write(&object, whole).expect("put back");
            recorded(&vault, &at(Level::Objects));
            assert_eq!(opened(&vault).damage(2), None);
            assert_eq!(noted(&vault), (4, 4));
        }
    }
}

#[test]
fn an_object_that_goes_on_is_noticed_where_objects_are_compared() {
    let stage = Stage::new(V1);
    let vault = vault(&stage, Pack::Best);
    let object = object(&vault, 1);
    change(&object, |bytes| bytes.push(0));
    let verified = recorded(&vault, &at(Level::Objects));
    assert_eq!(counts(&verified), (3, 0, 1));
    let detail = &verified.problems[0].detail;
    assert!(detail.contains("the catalog says"), "{detail}");
    // What is read of it is what was written.
    assert_eq!(counts(&recorded(&vault, &at(Level::Frames))), (4, 0, 0));
}

#[test]
fn objects_are_read_as_they_are() {
    let stage = Stage::new(V1);
    let vault = vault(&stage, Pack::Best);
    let bytes = (0..4).map(|index| {
        fs::metadata(object(&vault, index))
            .expect("an object")
            .len()
    });
    let verified = recorded(&vault, &at(Level::Objects));
    assert_eq!(verified.bytes, bytes.sum::<u64>());
    assert_eq!((verified.frames, verified.commits), (0, 0));
    // In a folder they are the files.
    let folder = stage.repository();
    let of_folder = |level| verify(&folder, &at(level), every_core()).expect("a repository");
    assert_eq!(of_folder(Level::Objects), of_folder(Level::Files));
}

#[test]
fn a_vault_that_cannot_be_written_to_is_verified_with_a_warning() {
    for index in 0.. {
        // In which nothing is noted yet.
        let stage = Stage::new(V1);
        let vault = vault(&stage, Pack::Best);
        let disk = SimDisk::new(&stage.path(""));
        let disk = disk.with_fault(index, Fault::Fails(ErrorKind::PermissionDenied));
        let hearing = Hearing::new(&|| {});
        let context = Context {
            disk: &disk,
            ..every_core_heard_by(&hearing)
        };
        let verified = verify_and_record(&vault, &at(Level::Objects), context);
        assert_eq!(counts(&verified.expect("a vault")), (4, 0, 0));
        if !disk.is_struck() {
            assert!(index > 1, "it took {index} operations");
            assert_eq!(noted(&vault), (4, 0));
            break;
        }
        let warnings = hearing.warnings();
        let is_of_lease = |warning: &&String| warning.starts_with("no lease of ");
        let (leases, others): (Vec<_>, Vec<_>) = warnings.iter().partition(is_of_lease);
        let is_told =
            |warning: &&String| warning.starts_with("what was verified is not recorded: ");
        let is_noted = noted(&vault) == (4, 0);
        // A lease that could not be left is no reason not to note what was found.
        assert!(
            is_noted || !others.is_empty(),
            "operation {index}: {warnings:?}"
        );
        assert!(
            others.iter().all(is_told) && leases.len() < 2,
            "{warnings:?}"
        );
    }
}

/// A vault without the newest version of its catalog is what it was before.
#[test]
fn a_newest_version_that_is_lost_is_told_by_what_it_named() {
    let stage = Stage::new(V2);
    let vault = vault(&stage, Pack::Best);
    let told = || {
        let hearing = Hearing::new(&|| {});
        let options = at(Level::Objects);
        let verified = verify(&vault, &options, every_core_heard_by(&hearing)).expect("a vault");
        (verified.files, hearing.warnings())
    };
    assert_eq!(told(), (4, Vec::new()));
    let last = opened(&vault).chain().entries()[3].segment.file.clone();
    let versions = fs::read_dir(vault.join("catalog")).expect("versions");
    let newest = versions.map(|entry| entry.expect("a version").path()).max();
    fs::remove_file(newest.expect("a version")).expect("removed");
    let (files, warnings) = told();
    assert!(files < 4);
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    assert!(
        warning.contains(&format!("the last is {last}: ")),
        "{warning}"
    );
}

//! Copies into a vault.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apograph_io::{Context, Folder, Mode, RealDisk, SystemClock};
use apograph_manifest::ChainEntry;
use apograph_repository::vault::store::FolderStore;
use apograph_repository::vault::{Catalog, CatalogChange, Packing};
use apograph_repository::{
    Copied, Initialized, Location, Pack, Repository, RepositoryError, Result, Writer, copy,
    init_vault, plan_rebuild,
};
use apograph_testing::ended_after::EndedAfter;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;

use crate::forge::{damage, remove};

fn vault(stage: &Stage) -> PathBuf {
    let vault = stage.path("vault");
    let made = init_vault(&vault, Context::default()).expect("a vault");
    assert_eq!(made, Initialized::Created);
    vault
}

fn copied(from: &Path, to: &Path, context: Context<'_>) -> Result<Copied> {
    let from = Repository::open(from, Context::default())?;
    copy(&from, to, Pack::Best, context)
}

/// How many segments a vault has.
fn count(vault: &Path) -> usize {
    let opened = Repository::open(vault, Context::default()).expect("a vault");
    opened.chain().entries().len()
}

#[test]
fn what_is_there_already_is_not_copied_again() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let vault = vault(&stage);
        stage.keep_segments(2);
        let first = copied(&stage.repository(), &vault, Context::default()).expect("copied");
        assert_eq!((first.segments, first.present), (2, 0));
        let again = copied(&stage.repository(), &vault, Context::default()).expect("nothing");
        assert_eq!((again.segments, again.present, again.bytes), (0, 2, 0));
        let whole = Stage::new(fixtures);
        let rest = copied(&whole.repository(), &vault, Context::default()).expect("copied");
        assert_eq!((rest.segments, rest.present), (2, 2));
        assert!(rest.stored_bytes > 0);
        assert_eq!(count(&vault), 4);
    }
}

/// A store that is no folder to who reads it.
fn store(folder: &Path) -> Location {
    let folder = Folder::open(folder).expect("a folder");
    Location::store(Arc::new(FolderStore::new(&RealDisk, folder, Mode::PRIVATE)))
}

#[test]
fn a_vault_is_made_filled_and_read_in_any_store() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let from = Repository::open(stage.repository(), Context::default()).expect("opened");
        let place = stage.path("objects");
        fs::create_dir(&place).expect("a folder");
        let location = store(&place);
        let opened = Repository::open(&location, Context::default());
        assert_eq!(opened.expect_err("none").code(), "not-a-repository");
        let made = || init_vault(&location, Context::default()).expect("a vault");
        assert_eq!(made(), Initialized::Adopted);
        assert_eq!(made(), Initialized::Present);
        let copied = copy(&from, &location, Pack::Best, Context::default());
        assert_eq!(copied.expect("copied").segments, 4);
        let opened = Repository::open(&location, Context::default()).expect("a vault");
        assert!(opened.folder().is_none());
        assert_eq!(opened.path(), location.path());
        for (copy, entry) in opened.chain().entries().iter().zip(from.chain().entries()) {
            let read = |repository: &Repository, entry: &ChainEntry| {
                let stored = repository.stored(&entry.segment, Context::default());
                stored
                    .expect("stored")
                    .bytes()
                    .read()
                    .expect("its bytes")
                    .into_owned()
            };
            assert_eq!(read(&opened, copy), read(&from, entry));
        }
        let other = stage.path("another");
        fs::create_dir_all(&other).expect("a folder");
        fs::write(other.join("file"), b"").expect("a file");
        let refused = init_vault(store(&other), Context::default());
        assert_eq!(refused.expect_err("other files").code(), "not-a-repository");
    }
}

#[test]
fn another_history_is_refused_and_nothing_is_written() {
    let stage = Stage::new(V1);
    let vault = vault(&stage);
    copied(&stage.repository(), &vault, Context::default()).expect("copied");
    let other = Stage::of(V1, "03_two_fulls");
    let shorter = Stage::new(V1);
    shorter.keep_segments(3);
    for from in [other, shorter] {
        let error = copied(&from.repository(), &vault, Context::default()).expect_err("another");
        assert_eq!(error.code().as_str(), "chain-broken");
        assert!(told(&error).ends_with("vault holds another history"));
        assert_eq!(count(&vault), 4);
    }
}

#[test]
fn a_segment_that_cannot_be_used_ends_the_copy_and_is_named() {
    let stage = Stage::new(V2);
    let vault = vault(&stage);
    damage(&stage, "backup_incr_0002.wal");
    let error = copied(&stage.repository(), &vault, Context::default()).expect_err("damaged");
    assert_eq!(error.code().as_str(), "corrupt-segment");
    assert!(told(&error).contains("backup_incr_0002.wal"), "{error}");
    assert_eq!(count(&vault), 2, "those before it are there");
    let stage = Stage::new(V2);
    remove(&stage, "backup_full_0000.grafeo");
    let error = copied(&stage.repository(), &vault, Context::default()).expect_err("missing");
    assert!(
        matches!(error, RepositoryError::OtherHistory { .. }),
        "{error}"
    );
}

#[test]
fn a_copy_that_is_ended_anywhere_goes_on_from_there() {
    let stage = Stage::new(V1);
    let vault = vault(&stage);
    let mut ended = 0;
    for limit in 0.. {
        let monitor = EndedAfter::asked(limit);
        let context = Context::heard_by(&monitor);
        let before = count_or_none(&vault);
        match copied(&stage.repository(), &vault, context) {
            Ok(_) => break,
            Err(error) => {
                assert_eq!(error.code().as_str(), "interrupted");
                assert!(count_or_none(&vault) >= before);
                ended += 1;
            }
        }
    }
    assert!(ended >= 4, "{ended}");
    assert_eq!(count(&vault), 4);
}

fn count_or_none(vault: &Path) -> usize {
    Repository::open(vault, Context::default()).map_or(0, |opened| opened.chain().entries().len())
}

#[test]
fn an_object_that_is_damaged_or_gone_is_a_segment_that_cannot_be_used() {
    for pack in [Pack::Best, Pack::As(Packing::Plain)] {
        let stage = Stage::new(V1);
        let vault = vault(&stage);
        let from = Repository::open(stage.repository(), Context::default()).expect("opened");
        copy(&from, &vault, pack, Context::default()).expect("copied");
        let opened = Repository::open(&vault, Context::default()).expect("a vault");
        let segment = &opened.chain().entries()[1].segment;
        let name = segment.file.as_str();
        let objects = fs::read_dir(vault.join("segments")).expect("objects");
        let object = objects
            .map(|entry| entry.expect("an object").path())
            .find(|path| path.to_string_lossy().contains(name))
            .expect("the object of the segment");
        let mut bytes = fs::read(&object).expect("an object");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&object, bytes).expect("damaged");
        let defect = opened
            .stored(segment, Context::default())
            .expect_err("damaged");
        assert_eq!(defect.code().as_str(), "corrupt-segment");
        fs::remove_file(&object).expect("removed");
        let defect = opened
            .stored(segment, Context::default())
            .expect_err("gone");
        assert_eq!(defect.to_string(), "it is missing");
    }
}

#[test]
fn only_an_empty_folder_or_none_becomes_a_vault() {
    let stage = Stage::new(V1);
    let refused = |path: &Path| init_vault(path, Context::default()).expect_err("refused");
    assert_eq!(
        refused(&stage.repository()).code().as_str(),
        "not-a-repository"
    );
    let file = stage.path("file");
    fs::write(&file, b"").expect("a file");
    assert_eq!(refused(&file).code().as_str(), "not-a-repository");
    let empty = stage.path("empty");
    fs::create_dir(&empty).expect("a folder");
    let made = |path: &Path| init_vault(path, Context::default()).expect("made");
    assert_eq!(made(&empty), Initialized::Adopted);
    assert_eq!(made(&empty), Initialized::Present);
    // A killed command has made the catalog, and not what says that there is one.
    fs::remove_file(empty.join("vault.json")).expect("removed");
    assert_eq!(made(&empty), Initialized::Adopted);
}

#[test]
fn what_is_for_folders_does_not_write_to_a_vault() {
    let stage = Stage::new(V1);
    let vault = vault(&stage);
    copied(&stage.repository(), &vault, Context::default()).expect("copied");
    let folder = Folder::open(&vault).expect("a folder");
    let locked = Writer::lock(&folder, Context::default()).map(drop);
    let planned = plan_rebuild(&folder, Context::default()).map(drop);
    for refused in [locked, planned] {
        let error = refused.expect_err("a vault");
        assert_eq!(error.code().as_str(), "not-a-repository");
        assert!(told(&error).ends_with("is a vault, and no folder of segments"));
    }
}

#[test]
fn a_vault_that_is_to_be_encrypted_gets_nothing_in_the_clear() {
    let stage = Stage::new(V1);
    let vault = vault(&stage);
    let folder = Folder::open(&vault).expect("a folder");
    let store = FolderStore::new(&RealDisk, folder, Mode::PRIVATE);
    let mut catalog = Catalog::open(&store, &SystemClock, "a newer program").expect("opened");
    let keys = vec!["age1somebody".to_owned()];
    let changes = vec![CatalogChange::Recipients { keys }];
    catalog.commit(changes, &mut |_| None).expect("committed");
    let error = copied(&stage.repository(), &vault, Context::default()).expect_err("refused");
    assert_eq!(error.code().as_str(), "unsupported-version");
    let why = if cfg!(feature = "encryption") {
        "or is of a kind that is not known here"
    } else {
        "this program was built without encryption"
    };
    assert!(told(&error).ends_with(why));
    assert!(!vault.join("segments").exists());
}

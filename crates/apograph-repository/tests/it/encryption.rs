//! Vaults whose segments are encrypted.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_io::{Context, Folder, Mode, RealDisk, SystemClock};
use apograph_repository::vault::store::FolderStore;
use apograph_repository::vault::wrap::{Compression, Identities, Recipients};
use apograph_repository::vault::{Catalog, CatalogChange, Packing};
use apograph_repository::{
    Copied, Initialized, Location, Pack, Repository, Result, copy, init_vault,
};
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::keys::{ALICE, BOB, KeyPair};
use apograph_testing::stage::Stage;

fn recipients(of: &[KeyPair]) -> Recipients {
    Recipients::of(of.iter().map(|pair| pair.recipient)).expect("keys")
}

fn written_for(vault: &Path, of: &[KeyPair]) -> Location {
    Location::from(vault).with_recipients(recipients(of))
}

fn read_by(vault: &Path, pair: KeyPair) -> Location {
    let mut identities = Identities::default();
    identities.add(pair.identity).expect("an identity");
    Location::from(vault).with_identities(identities)
}

fn vault_for(stage: &Stage, of: &[KeyPair]) -> PathBuf {
    let vault = stage.path("vault");
    let made = init_vault(written_for(&vault, of), Context::default()).expect("a vault");
    assert_eq!(made, Initialized::Created);
    vault
}

fn copied(stage: &Stage, to: impl Into<Location>, pack: Pack) -> Result<Copied> {
    let from = Repository::open(stage.repository(), Context::default())?;
    copy(&from, to, pack, Context::default())
}

/// The bytes of each segment, or the code of why there are none.
fn segments(of: impl Into<Location>) -> Vec<std::result::Result<Vec<u8>, &'static str>> {
    let opened = Repository::open(of, Context::default()).expect("opened");
    let entries = opened.chain().entries().iter();
    let read = entries.map(|entry| {
        let stored = opened.stored(&entry.segment, Context::default());
        let stored = stored.map_err(|error| {
            told(&error);
            error.code().as_str()
        })?;
        Ok(stored.bytes().read().expect("its bytes").into_owned())
    });
    read.collect()
}

#[test]
fn what_is_copied_is_read_by_the_recipients_alone() {
    let packs = [
        Pack::Best,
        Pack::As(Packing::Plain),
        Pack::As(Packing::Zstd(Compression::LOG)),
    ];
    for (fixtures, pack) in [V1, V2]
        .into_iter()
        .flat_map(|it| packs.map(|pack| (it, pack)))
    {
        let stage = Stage::new(fixtures);
        let vault = vault_for(&stage, &[ALICE]);
        assert_eq!(copied(&stage, &vault, pack).expect("copied").segments, 4);
        assert_eq!(
            segments(read_by(&vault, ALICE)),
            segments(stage.repository())
        );
        for closed in [read_by(&vault, BOB), Location::from(&vault)] {
            assert_eq!(segments(closed), vec![Err("identity-missing"); 4]);
        }
        for object in fs::read_dir(vault.join("segments")).expect("a folder") {
            let object = object.expect("an object").path();
            assert!(object.to_string_lossy().ends_with(".age"));
            let bytes = fs::read(object).expect("an object");
            assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
        }
        // Who copies needs no private key to see what is there.
        assert_eq!(copied(&stage, &vault, pack).expect("nothing").present, 4);
    }
}

#[test]
fn other_recipients_than_those_that_are_wanted_are_refused_and_nothing_is_written() {
    let stage = Stage::new(V2);
    let vault = vault_for(&stage, &[ALICE]);
    let plain = stage.path("plain");
    init_vault(&plain, Context::default()).expect("a vault");
    let told_of = |vault: &Path, of: &[KeyPair]| {
        let places = [written_for(vault, of), written_for(vault, of)];
        let [init, copy] = places;
        let refused = init_vault(init, Context::default()).expect_err("refused");
        let error = copied(&stage, copy, Pack::Best).expect_err("refused");
        assert!(!vault.join("segments").exists());
        assert_eq!(
            (refused.code(), error.code().as_str()),
            (error.code(), "recipients-differ")
        );
        assert_eq!(told(&refused), told(&error));
        told(&error)
    };
    for others in [&[BOB][..], &[ALICE, BOB]] {
        let expected = format!("encrypts its segments for {}", ALICE.recipient);
        assert!(told_of(&vault, others).ends_with(&expected));
    }
    let expected = "encrypts its segments for nobody: everybody reads them";
    assert!(told_of(&plain, &[ALICE]).ends_with(expected));
    let same = init_vault(written_for(&vault, &[ALICE, ALICE]), Context::default());
    assert_eq!(same.expect("the same"), Initialized::Present);
    assert_eq!(
        init_vault(&vault, Context::default()).expect("any"),
        Initialized::Present
    );
    copied(&stage, written_for(&vault, &[ALICE]), Pack::Best).expect("copied");
}

/// A killed command made the catalog of a vault, and not its head.
#[test]
fn a_vault_that_was_begun_for_others_is_not_made() {
    let stage = Stage::new(V1);
    let vault = vault_for(&stage, &[ALICE]);
    fs::remove_file(vault.join("vault.json")).expect("removed");
    let error = init_vault(written_for(&vault, &[BOB]), Context::default()).expect_err("refused");
    assert_eq!(error.code().as_str(), "recipients-differ");
    assert!(!vault.join("vault.json").exists());
    let made = init_vault(written_for(&vault, &[ALICE]), Context::default());
    assert_eq!(made.expect("a vault"), Initialized::Adopted);
}

#[test]
fn recipients_that_are_changed_are_those_of_new_segments() {
    let stage = Stage::new(V2);
    stage.keep_segments(2);
    let vault = vault_for(&stage, &[ALICE]);
    copied(&stage, &vault, Pack::Best).expect("copied");
    let opened = Folder::open(&vault).expect("a folder");
    let store = FolderStore::new(&RealDisk, opened, Mode::PRIVATE);
    let mut catalog = Catalog::open(&store, &SystemClock, "test").expect("a catalog");
    let keys = vec![BOB.recipient.to_owned()];
    let changes = vec![CatalogChange::Recipients { keys }];
    catalog.commit(changes, &mut |_| None).expect("committed");
    let whole = Stage::new(V2);
    copied(&whole, &vault, Pack::Best).expect("copied");
    let plain = segments(whole.repository());
    let closed = Err("identity-missing");
    let expected = [&plain[..2], &[closed.clone(), closed.clone()]].concat();
    assert_eq!(segments(read_by(&vault, ALICE)), expected);
    let expected = [&[closed.clone(), closed], &plain[2..]].concat();
    assert_eq!(segments(read_by(&vault, BOB)), expected);
}

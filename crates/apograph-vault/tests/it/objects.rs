//! Segments as objects.

use std::fs;

use apograph_io::{Context, SystemClock};
use apograph_store::{Store, StoreError};
use apograph_testing::clock::ManualClock;
use apograph_testing::errors::told;
use apograph_testing::store::{FaultyStore, StoreFault};
use apograph_vault::wrap::{Compression, Identities};
use apograph_vault::{
    Link, Packing, Result, StoredSegment, VaultError, create_vault, find_vault, needs_head,
    put_segment, read_segment,
};

use crate::{id, segment, store, store_in};

const PACKINGS: [Packing; 2] = [Packing::Plain, Packing::Zstd(Compression::LOG)];

fn put(store: &dyn Store, plain: &[u8], packing: Packing) -> Result<StoredSegment> {
    put_segment(
        store,
        (id(1), Link::default()),
        plain,
        segment(1).record,
        packing,
        Context::default(),
    )
}

fn read(store: &dyn Store, segment: &StoredSegment) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let stored = (segment.name(), &segment.stored);
    let (identities, context) = (Identities::default(), Context::default());
    read_segment(store, stored, &identities, context, &mut |piece| {
        plain.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(plain)
}

fn plain() -> Vec<u8> {
    (0_u32..500_000).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn a_segment_comes_back_from_its_object() {
    for packing in PACKINGS {
        for plain in [Vec::new(), b"a segment".to_vec(), plain()] {
            let (_folder, store) = store();
            let stored = put(&store, &plain, packing).expect("written");
            assert_eq!(stored.stored.objects.len(), 1);
            assert!(read(&store, &stored).expect("sound") == plain);
        }
    }
}

#[test]
fn an_object_that_is_changed_cut_or_gone_is_noticed() {
    for packing in PACKINGS {
        let (folder, store) = store();
        let plain = b"a segment of which each byte counts".repeat(20);
        let stored = put(&store, &plain, packing).expect("written");
        let folder = folder.path().join("segments");
        let path = fs::read_dir(folder)
            .expect("a folder")
            .next()
            .expect("one")
            .expect("one");
        let path = path.path();
        let whole = fs::read(&path).expect("an object");
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).expect("changed");
            let error = read(&store, &stored).expect_err("changed");
            assert_eq!(error.code().as_str(), "corrupt-segment", "{place}: {error}");
        }
        for length in [0, 1, whole.len() - 1] {
            fs::write(&path, &whole[..length]).expect("cut");
            let error = read(&store, &stored).expect_err("cut");
            let is_told = matches!(error, VaultError::Store(StoreError::EndedEarly { .. }));
            assert!(is_told, "{error}");
        }
        fs::remove_file(&path).expect("removed");
        let error = read(&store, &stored).expect_err("gone");
        assert!(matches!(
            error,
            VaultError::Store(StoreError::Missing { .. })
        ));
    }
}

#[test]
fn whatever_fails_while_it_is_written_it_is_an_error_or_there() {
    for packing in PACKINGS {
        for fault in [StoreFault::Fails, StoreFault::FailsAfter] {
            for index in 0.. {
                let (folder, store) = store();
                let faulty = FaultyStore::new(store_in(&folder), ManualClock::default());
                let faulty = faulty.with_fault(index, fault.clone());
                let plain = plain();
                match put(&faulty, &plain, packing) {
                    Ok(stored) => assert!(read(&store, &stored).expect("sound") == plain),
                    Err(error) => {
                        assert!(faulty.is_struck());
                        told(&error);
                    }
                }
                if index >= faulty.requests().len() {
                    break;
                }
            }
        }
    }
}

#[test]
fn whatever_fails_while_it_is_read_is_an_error() {
    for packing in PACKINGS {
        let (folder, store) = store();
        let plain = plain();
        let stored = put(&store, &plain, packing).expect("written");
        for fault in [
            StoreFault::Fails,
            StoreFault::FailsAfter,
            StoreFault::CutsShort,
        ] {
            let faulty = FaultyStore::new(store_in(&folder), ManualClock::default());
            let faulty = faulty.with_fault(0, fault);
            let error = read(&faulty, &stored).expect_err("struck");
            assert!(matches!(error, VaultError::Store(_)), "{error}");
        }
    }
}

#[test]
fn a_place_becomes_a_vault_once() {
    let (folder, store) = store();
    assert_eq!(find_vault(&store).expect("nothing there"), None);
    let head = create_vault(&store, &SystemClock, "test", None).expect("made");
    assert_eq!(find_vault(&store).expect("a vault"), Some(head));
    let error = create_vault(&store, &SystemClock, "test", None).expect_err("twice");
    assert!(told(&error).ends_with("it is a vault already"));
    let path = folder.path().join("vault.json");
    for (text, code) in [
        ("", "corrupt-manifest"),
        ("{}", "corrupt-manifest"),
        ("{\"format\":1,\"id\":1}", "corrupt-manifest"),
        ("{\"format\":2,\"more\":1}", "unsupported-version"),
    ] {
        fs::write(&path, text).expect("written");
        let error = find_vault(&store).expect_err("damaged");
        assert_eq!(error.code().as_str(), code);
        told(&error);
        // What a newer program made is not made anew.
        assert_eq!(needs_head(&store).is_ok(), code == "corrupt-manifest");
    }
    // A killed command has made the catalog, and not the head.
    fs::remove_file(&path).expect("removed");
    create_vault(&store, &SystemClock, "test", None).expect("made whole");
}

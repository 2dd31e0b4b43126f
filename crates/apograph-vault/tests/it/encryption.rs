//! Segments that are encrypted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use apograph_io::Context;
use apograph_store::{Store, StoreError};
use apograph_testing::clock::ManualClock;
use apograph_testing::errors::told;
use apograph_testing::keys::{ALICE, BOB, KeyPair};
use apograph_testing::scratch::scratch;
use apograph_testing::store::{FaultyStore, StoreFault};
use apograph_vault::wrap::{Compression, Identities, Recipients};
use apograph_vault::{
    Encryption, Form, Link, Packing, Result, StoredSegment, VaultError, put_segment, read_segment,
};

use crate::{id, segment, store, store_in};

const PACKINGS: [Packing; 2] = [Packing::Plain, Packing::Zstd(Compression::LOG)];

fn identities(of: &[KeyPair]) -> Identities {
    let mut identities = Identities::default();
    for pair in of {
        identities.add(pair.identity).expect("an identity");
    }
    identities
}

fn put(store: &dyn Store, plain: &[u8], packing: Packing, for_whom: &[KeyPair]) -> StoredSegment {
    try_put(store, plain, packing, for_whom).expect("written")
}

fn try_put(
    store: &dyn Store,
    plain: &[u8],
    packing: Packing,
    for_whom: &[KeyPair],
) -> Result<StoredSegment> {
    let recipients = Recipients::of(for_whom.iter().map(|pair| pair.recipient)).expect("keys");
    let form = Form::from(packing).encrypted_for(Some(&recipients));
    let (record, context) = (segment(1).record, Context::default());
    let named = (id(1), Link::default());
    put_segment(store, named, plain, record, form, context)
}

/// What was handed on, and how it ended.
fn read(store: &dyn Store, segment: &StoredSegment, by: &[KeyPair]) -> (Vec<u8>, Result<()>) {
    let mut plain = Vec::new();
    let stored = (segment.name(), &segment.stored);
    let (identities, context) = (identities(by), Context::default());
    let end = read_segment(store, stored, &identities, context, &mut |piece| {
        plain.extend_from_slice(piece);
        Ok(())
    });
    (plain, end)
}

/// The only object of a vault in a folder.
fn object(folder: &Path) -> PathBuf {
    let mut objects = fs::read_dir(folder.join("segments")).expect("a folder");
    objects.next().expect("one").expect("one").path()
}

const PLAIN: &[u8] = b"a segment of which each byte counts";

#[test]
fn a_segment_is_read_by_its_recipients_alone() {
    for (packing, extension) in PACKINGS.into_iter().zip([".seg.age", ".zst.age"]) {
        let (folder, store) = store();
        let stored = put(&store, PLAIN, packing, &[ALICE]);
        assert_eq!(stored.stored.encryption, Some(Encryption::Age));
        let object = object(folder.path());
        assert!(object.to_string_lossy().ends_with(extension));
        let bytes = fs::read(object).expect("an object");
        assert!(
            !bytes
                .windows(9)
                .any(|it| it == &PLAIN[..9] || it == b"\"record\":")
        );
        for by in [&[ALICE][..], &[BOB, ALICE]] {
            let (plain, end) = read(&store, &stored, by);
            end.expect("a recipient");
            assert_eq!(plain, PLAIN);
        }
        for by in [&[][..], &[BOB]] {
            let (plain, end) = read(&store, &stored, by);
            let error = end.expect_err("no recipient");
            assert_eq!(
                (plain.len(), error.code().as_str()),
                (0, "identity-missing")
            );
            told(&error);
        }
    }
}

#[test]
fn what_is_damaged_is_damaged_whoever_reads_it() {
    for packing in PACKINGS {
        let (folder, store) = store();
        let stored = put(&store, PLAIN, packing, &[BOB, ALICE]);
        let path = object(folder.path());
        let whole = fs::read(&path).expect("an object");
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).expect("changed");
            let (plain, end) = read(&store, &stored, &[ALICE]);
            let error = end.expect_err("changed");
            assert_eq!(error.code().as_str(), "corrupt-segment", "{place}: {error}");
            assert!(PLAIN.starts_with(&plain));
        }
        for length in (0..whole.len()).step_by(97) {
            fs::write(&path, &whole[..length]).expect("cut");
            let (_, end) = read(&store, &stored, &[ALICE]);
            let is_told = matches!(end, Err(VaultError::Store(StoreError::EndedEarly { .. })));
            assert!(is_told, "{length}");
        }
    }
}

#[test]
fn a_long_segment_that_is_cut_is_noticed_everywhere() {
    let (folder, store) = store();
    let plain: Vec<u8> = (0_u32..60_000)
        .flat_map(|it| (it * it).to_le_bytes())
        .collect();
    for packing in PACKINGS {
        let stored = put(&store, &plain, packing, &[ALICE]);
        let path = folder.path().join(format!(
            "segments/{}.{}",
            stored.name(),
            if packing == Packing::Plain {
                "seg.age"
            } else {
                "zst.age"
            }
        ));
        let whole = fs::read(&path).expect("an object");
        for length in (0..whole.len()).step_by(997) {
            fs::write(&path, &whole[..length]).expect("cut");
            let (found, end) = read(&store, &stored, &[ALICE]);
            end.expect_err("cut");
            assert!(plain.starts_with(&found), "{length}");
        }
    }
}

#[test]
fn whatever_fails_it_is_an_error_or_there() {
    let plain: Vec<u8> = (0_u32..60_000)
        .flat_map(|it| it.wrapping_mul(it).to_le_bytes())
        .collect();
    for (packing, fault) in [
        (Packing::Plain, StoreFault::Fails),
        (Packing::Plain, StoreFault::FailsAfter),
        (Packing::Zstd(Compression::LOG), StoreFault::Fails),
        (Packing::Zstd(Compression::LOG), StoreFault::FailsAfter),
    ] {
        for index in 0.. {
            let (folder, store) = store();
            let faulty = FaultyStore::new(store_in(&folder), ManualClock::default());
            let faulty = faulty.with_fault(index, fault.clone());
            match try_put(&faulty, &plain, packing, &[ALICE]) {
                Ok(stored) => {
                    let (found, end) = read(&store, &stored, &[ALICE]);
                    end.expect("sound");
                    assert!(found == plain);
                }
                Err(error) => {
                    assert!(faulty.is_struck());
                    told(&error);
                }
            }
            if index >= faulty.requests().len() {
                break;
            }
        }
        let (folder, store) = store();
        let stored = put(&store, &plain, packing, &[ALICE]);
        for fault in [StoreFault::Fails, StoreFault::CutsShort] {
            let faulty = FaultyStore::new(store_in(&folder), ManualClock::default());
            let (_, end) = read(&faulty.with_fault(0, fault), &stored, &[ALICE]);
            assert!(matches!(end, Err(VaultError::Store(_))), "{end:?}");
        }
    }
}

#[test]
fn the_catalog_says_how_a_segment_is_encrypted() {
    let (_folder, store) = store();
    let stored = put(&store, PLAIN, Packing::Plain, &[ALICE]).stored;
    let json = serde_json::to_string(&stored).expect("text");
    let front = r#"{"wrapping":"plain","encryption":"age","objects":["#;
    assert!(json.starts_with(front), "{json}");
    assert_eq!(
        serde_json::from_str::<apograph_vault::Stored>(&json).expect("read"),
        stored
    );
    let other = json.replace("age", "rot13");
    serde_json::from_str::<apograph_vault::Stored>(&other).expect_err("not known");
}

/// What a shell gives that has the commands `age` and `zstd`; `None` where it has not.
fn by_commands(pipe: &str, object: &Path, identity: &Path) -> Option<Vec<u8>> {
    let has = |command: &str| {
        let found = Command::new(command)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        found.is_ok()
    };
    if !has("age") || !has("zstd") {
        eprintln!("not tested: the commands `age` and `zstd` are not both here");
        return None;
    }
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("set -e; {pipe}"), "sh"])
        .args([identity, object]);
    let output = shell.output().expect("a shell");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    Some(output.stdout)
}

/// FORMAT.md, "Catalog version".
#[test]
fn the_commands_age_and_zstd_give_back_the_plain_bytes() {
    let plain: Vec<u8> = (0_u32..3_000_000).flat_map(u32::to_le_bytes).collect();
    let folder = scratch().expect("a folder in memory");
    let identity = folder.path().join("key.txt");
    fs::write(&identity, ALICE.identity).expect("written");
    let pipes = [
        "age -d -i \"$1\" \"$2\"",
        "age -d -i \"$1\" \"$2\" | zstd -dcq",
    ];
    for (packing, pipe) in PACKINGS.into_iter().zip(pipes) {
        let (folder, store) = store();
        put(&store, &plain, packing, &[BOB, ALICE]);
        let Some(found) = by_commands(pipe, &object(folder.path()), &identity) else {
            return;
        };
        assert!(found == plain, "{pipe}");
    }
}

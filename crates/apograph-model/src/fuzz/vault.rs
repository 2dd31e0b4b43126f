//! The small objects of a vault: its head, the versions of its catalog, and the hint.
//!
//! These bodies are here and not in `apograph-testing`, whose dependencies the vault's crates test
//! with, so that it cannot depend on them.

use std::fs;
use std::path::Path;

use apograph_format::UnixMillis;
use apograph_io::{Folder, Mode, RealDisk};
use apograph_repository::vault::store::FolderStore;
use apograph_repository::vault::{
    Catalog, CatalogChange, CatalogSegment, Result, Settings, Sha256, find_vault,
};
use apograph_testing::clock::ManualClock;
use apograph_testing::scratch::scratch;
use serde_json::Value;
use tempfile::TempDir;

/// What a frame of zstd begins with.
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// A head that is accepted says the same once it is written again.
///
/// # Panics
///
/// Where that is not so.
pub fn vault_head(data: &[u8]) {
    let folder = folder();
    let store = store(&folder);
    let path = folder.path().join("vault.json");
    fs::write(&path, data).expect("in memory");
    let Ok(head) = find_vault(&store) else {
        return;
    };
    let head = head.expect("there is one");
    let written = serde_json::to_vec(&head).expect("it can be written");
    fs::write(&path, written).expect("in memory");
    assert_eq!(find_vault(&store).expect("as it was written"), Some(head));
}

/// A catalog that is read says the same, but for what is changed, once a version was added that
/// repeats what is left of it, or only goes on.
///
/// An input is the object of version 1, or the lines of several versions, one behind the other with a
/// zero byte between them. Each is packed here and has the number that it says; `{first}` and
/// `{previous}` in it are the hash of the first, and of the one before it.
///
/// # Panics
///
/// Where that is not so.
pub fn catalog(data: &[u8]) {
    let folder = folder();
    put_catalog(&folder, data);
    let (store, clock) = (store(&folder), ManualClock::default());
    let Ok(mut catalog) = Catalog::open(&store, &clock, "fuzz") else {
        return;
    };
    let Ok((segments, settings)) = contents(&catalog) else {
        return;
    };
    for (until, changes) in [(7, 1), (8, 40)] {
        let until = UnixMillis::new(until);
        let change = CatalogChange::Looked { until };
        let committed = catalog.commit(vec![change; changes], &mut |_| None);
        // A number can be the last one, and what is left of a version need not pack as well.
        if committed.is_err() {
            return;
        }
        let again = Catalog::open(&store, &clock, "fuzz").expect("what was written can be read");
        let settings = Settings {
            looked_until: Some(until),
            ..settings.clone()
        };
        for catalog in [&catalog, &again] {
            let (left, said) = contents(catalog).expect("what was written can be read");
            assert_eq!(left, segments);
            assert_eq!(said, settings);
        }
    }
}

/// Whatever the hint says, the newest version is found.
///
/// # Panics
///
/// Where that is not so.
pub fn catalog_hint(data: &[u8]) {
    let folder = folder();
    put_catalog(&folder, &versions(&[FIRST, MERGED, CHECKED]));
    fs::write(folder.path().join("catalog/latest"), data).expect("in memory");
    let (store, clock) = (store(&folder), ManualClock::default());
    let catalog = Catalog::open(&store, &clock, "fuzz").expect("the versions are sound");
    assert_eq!(catalog.version(), 3);
    assert_eq!(contents(&catalog).expect("sound").0.len(), 3);
}

fn folder() -> TempDir {
    scratch().expect("a folder in memory")
}

fn store(folder: &TempDir) -> FolderStore<'static> {
    let folder = Folder::open(folder.path()).expect("a folder");
    FolderStore::new(&RealDisk, folder, Mode::PRIVATE)
}

fn put_catalog(folder: &TempDir, data: &[u8]) {
    let folder = folder.path().join("catalog");
    fs::create_dir(&folder).expect("in memory");
    if data.starts_with(&ZSTD) {
        return put_version(&folder, 1, data);
    }
    let mut hashes: Vec<Sha256> = Vec::new();
    for (text, index) in data.split(|byte| *byte == 0).zip(1..) {
        let mut text = String::from_utf8_lossy(text).into_owned();
        let known = [("{first}", hashes.first()), ("{previous}", hashes.last())];
        for (name, hash) in known {
            let hash = hash.map(Sha256::to_string).unwrap_or_default();
            text = text.replace(name, &hash);
        }
        let head = text.lines().next().map(serde_json::from_str::<Value>);
        let number = head.and_then(|head| head.ok()?.get("number")?.as_u64());
        let packed = pack(&text);
        put_version(&folder, number.unwrap_or(index), &packed);
        hashes.push(Sha256::of(&packed));
    }
}

fn put_version(catalog: &Path, number: u64, bytes: &[u8]) {
    fs::write(catalog.join(format!("{number:020}.zst")), bytes).expect("in memory");
}

fn pack(text: &str) -> Vec<u8> {
    zstd::bulk::compress(text.as_bytes(), 3).expect("in memory")
}

fn contents(catalog: &Catalog<'_>) -> Result<(Vec<CatalogSegment>, Settings)> {
    let mut segments = Vec::new();
    let settings = catalog.read(&mut |segment| {
        segments.push(segment);
        Ok(())
    })?;
    // Those that have left the chain come anywhere.
    segments.sort_by_key(|segment| matches!(segment, CatalogSegment::Left(..)));
    Ok((segments, settings))
}

/// A version in a seed: its number, its scope, its own changes, and those that it repeats.
type VersionText = (
    u64,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const TWO_ADDED: &str = r#"{"added":{"segments":[V1,V2]}}"#;
const FOR_ALICE: &str =
    r#"{"recipients":{"keys":["age1jquyj6sm8v7hk8anxsr7d98yr7xn9cewwnmk8fpg6l33qwju3sgqcfln7m"]}}"#;
const ALL_OF_FIRST: &[&str] = &[TWO_ADDED, FOR_ALICE];
const ONE_MERGED: &str = r#"{"merged":{"into":V3,"of":["N1","N2"]}}"#;
const FIRST: VersionText = (1, r#""whole""#, ALL_OF_FIRST, ALL_OF_FIRST);
const MERGED: VersionText = (2, r#"{"after":1}"#, &[ONE_MERGED], &[]);
const CHECKED: VersionText = (
    3,
    r#"{"after":1}"#,
    &[
        r#"{"verified":{"checks":[["N3",{"at":5,"files_at":4}]]}}"#,
        r#"{"looked":{"until":6}}"#,
    ],
    &[],
);
const STEP: VersionText = (
    32,
    r#"{"since":{"number":1,"sha256":"{first}","changes":2}}"#,
    &[r#"{"removed":{"segments":["N3"]}}"#],
    &[ONE_MERGED],
);
const AFTER_STEP: VersionText = (
    33,
    r#"{"after":32}"#,
    &[r#"{"gone":{"segments":["N1","N4"]}}"#],
    &[],
);
const WITH_LEFT: VersionText = (
    1024,
    r#""whole""#,
    &[r#"{"recipients":{"keys":[]}}"#],
    &[
        r#"{"added":{"segments":[V2]}}"#,
        r#"{"left":{"segment":V1,"departure":{"with":9,"why":"merged"}}}"#,
        r#"{"looked":{"until":6}}"#,
    ],
);

/// The lines of some versions.
fn versions(of: &[VersionText]) -> Vec<u8> {
    let texts: Vec<_> = of.iter().map(|version| text_of(*version)).collect();
    texts.join("\0").into_bytes()
}

fn text_of((number, scope, own, repeated): VersionText) -> String {
    let previous = match number {
        1 => "",
        _ => r#""previous":"{previous}","#,
    };
    let mut text = format!(
        r#"{{"format":1,"number":{number},"nonce":"0000000000000000000000000000002a","time":1,"writer":"x",{previous}"scope":{scope},"own":{}}}"#,
        own.len()
    );
    for line in own.iter().chain(repeated) {
        text.push('\n');
        text.push_str(line);
    }
    for number in 1..=4 {
        text = text.replace(&format!("V{number}"), &segment(number));
        text = text.replace(&format!("N{number}"), &name(number));
    }
    format!("{text}\n{{\"repeated\":{}}}\n", repeated.len())
}

fn name(number: u64) -> String {
    format!("{number:020}-0-incr-0000000000000000000000000000002a")
}

fn segment(number: u64) -> String {
    let (name, hash) = (
        name(number),
        "0f8af98906c62122e1c205570b276df854630a19b135706975377701e6010117",
    );
    format!(
        r#"{{"record":{{"segment":{{"kind":"incremental","file":"{name}","start_epoch":{number},"end_epoch":{number},"checksum":"5dc658df","size_bytes":79,"created_at":1795246036649}},"hash":"{hash}","content":{{"increment":{{"range":null,"overlap_bytes":0,"repeats":false,"catches_up":false,"stretches":[],"process_ended":false,"commits":1,"records":2,"frames":4}}}}}},"stored":{{"wrapping":"zstd","objects":[{{"size_bytes":{number},"sha256":"{hash}"}}]}}}}"#
    )
}

pub(super) fn catalogs() -> Vec<Vec<u8>> {
    let told: [&[VersionText]; 5] = [
        &[FIRST],
        &[FIRST, MERGED],
        &[FIRST, MERGED, CHECKED],
        &[FIRST, STEP, AFTER_STEP],
        &[FIRST, WITH_LEFT],
    ];
    let mut seeds: Vec<_> = told.into_iter().map(versions).collect();
    seeds.push(pack(&text_of(FIRST)));
    seeds
}

pub(super) fn heads() -> Vec<Vec<u8>> {
    let heads = [
        r#"{"format":1,"id":"0123456789abcdef0123456789abcdef","created_at":1795246036649}"#,
        r#"{ "created_at": 0, "id": "00000000000000000000000000000001", "format": 1 }"#,
        r#"{"format":1,"id":"ffffffffffffffffffffffffffffffff","created_at":18446744073709551615}"#,
    ];
    heads.map(|head| head.as_bytes().to_vec()).into()
}

pub(super) fn hints() -> Vec<Vec<u8>> {
    let numbers = [0, 1, 2, 3, 4, 32, u64::MAX / 4, u64::MAX];
    let hints = numbers.map(|number| format!("{{\"number\":{number}}}").into_bytes());
    hints.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_sound() {
        let sizes = [(2, 0), (1, 2), (1, 2), (0, 2), (1, 1), (2, 0)];
        let seeds = catalogs();
        assert_eq!(seeds.len(), sizes.len());
        for (seed, (live, left)) in seeds.iter().zip(sizes) {
            let folder = folder();
            put_catalog(&folder, seed);
            let (store, clock) = (store(&folder), ManualClock::default());
            let catalog = Catalog::open(&store, &clock, "test").expect("sound");
            let (segments, _) = contents(&catalog).expect("sound");
            let live_found = segments.iter();
            let live_found = live_found.filter(|it| matches!(it, CatalogSegment::Live(_)));
            let live_found = live_found.count();
            assert_eq!((live_found, segments.len() - live_found), (live, left));
        }
        for seed in heads() {
            let folder = folder();
            fs::write(folder.path().join("vault.json"), seed).expect("written");
            find_vault(&store(&folder)).expect("sound").expect("there");
        }
    }
}

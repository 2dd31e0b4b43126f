//! The tests of the vault's catalog.

mod catalog;
#[cfg(feature = "encryption")]
mod encryption;
mod faults;
mod forged;
mod model;
mod objects;
mod races;
mod rebuild;
mod sleepers;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use apograph_format::{SegmentKind, UnixMillis};
use apograph_io::{Folder, Mode, RealDisk, SystemClock};
use apograph_manifest::{FileName, Nonce, SegmentRecord};
use apograph_store::{FolderStore, ObjectName, Store};
use apograph_testing::scratch::scratch;
use apograph_vault::{
    Catalog, CatalogChange, CatalogSegment, Committed, Link, SegmentId, Settings, Sha256, Stored,
    StoredObject, StoredSegment, Wrapping,
};
use tempfile::TempDir;

/// A folder in memory, and the store in it.
fn store() -> (TempDir, FolderStore<'static>) {
    let folder = scratch().expect("a folder in memory");
    let store = store_in(&folder);
    (folder, store)
}

fn store_in(folder: &TempDir) -> FolderStore<'static> {
    let folder = Folder::open(folder.path()).expect("a folder");
    FolderStore::new(&RealDisk, folder, Mode::PRIVATE)
}

fn created(store: &dyn Store) -> Catalog<'_> {
    Catalog::create(store, &SystemClock, "test", &[]).expect("created")
}

fn opened(store: &dyn Store) -> Catalog<'_> {
    Catalog::open(store, &SystemClock, "test").expect("opened")
}

fn id(number: u64) -> SegmentId {
    SegmentId {
        built_on: number,
        index: 0,
        kind: SegmentKind::Incremental,
        nonce: Nonce::new(number.into()),
    }
}

/// An increment with a number.
fn segment(number: u64) -> StoredSegment {
    let (id, before) = (id(number), number.checked_sub(1).map(id));
    let record = format!(
        r#"{{
            "segment": {{
                "kind": "incremental", "file": "{id}", "start_epoch": {number}, "end_epoch": {number},
                "checksum": "5dc658df", "size_bytes": 79, "created_at": 1795246036649
            }},
            "hash": "0f8af98906c62122e1c205570b276df854630a19b135706975377701e6010117",
            "content": {{"increment": {{
                "range": null, "overlap_bytes": 0, "repeats": false, "catches_up": false,
                "stretches": [], "process_ended": false, "commits": 1, "records": 2, "frames": 4
            }}}}
        }}"#
    );
    let record: SegmentRecord = serde_json::from_str(&record).expect("a record");
    StoredSegment {
        record,
        link: Link {
            after: before.map(name),
            through: None,
        },
        stored: Stored {
            wrapping: Wrapping::Zstd,
            encryption: None,
            objects: Box::new([StoredObject {
                size_bytes: number,
                sha256: Sha256::of(&number.to_le_bytes()),
            }]),
        },
        is_after_removed: false,
        check: None,
    }
}

fn name(id: SegmentId) -> FileName {
    FileName::try_from(id.to_string()).expect("a name")
}

/// The name of a segment with a number.
fn file(number: u64) -> FileName {
    segment(number).name().clone()
}

fn add(number: u64) -> CatalogChange {
    CatalogChange::Added {
        segments: vec![segment(number)],
        evidence: None,
    }
}

fn looked(until: u64) -> CatalogChange {
    CatalogChange::Looked {
        until: UnixMillis::new(until),
    }
}

/// Commits what no other writer is in the way of.
#[track_caller]
fn commit(catalog: &mut Catalog<'_>, change: CatalogChange) -> u64 {
    let committed = catalog.commit(vec![change], &mut |others| panic!("{others:?}"));
    match committed.expect("committed") {
        Committed::Version(version) => version,
        Committed::Dropped => unreachable!(),
    }
}

/// The segments in the chain, those that have left it, and the rest.
fn contents(catalog: &Catalog<'_>) -> (Vec<StoredSegment>, Vec<(StoredSegment, u64)>, Settings) {
    let (mut live, mut left) = (Vec::new(), Vec::new());
    let settings = catalog.read(&mut |segment| {
        match segment {
            CatalogSegment::Live(segment) => live.push(segment),
            CatalogSegment::Left(segment, departure) => left.push((segment, departure.with)),
        }
        Ok(())
    });
    (live, left, settings.expect("readable"))
}

/// The numbers of the segments in the chain.
fn live(catalog: &Catalog<'_>) -> Vec<u64> {
    let (live, ..) = contents(catalog);
    live.iter()
        .map(|it| it.record.segment.end_epoch.get())
        .collect()
}

/// The numbers of the segments that have left the chain, in order.
fn left(catalog: &Catalog<'_>) -> Vec<u64> {
    let (_, left, _) = contents(catalog);
    let numbers = left.iter().map(|(it, _)| it.record.segment.end_epoch.get());
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

fn version(number: u64) -> ObjectName {
    ObjectName::parse(format!("catalog/{number:020}.zst")).expect("a name")
}

/// The path of a version in the folder of its store.
fn path(folder: &Path, number: u64) -> std::path::PathBuf {
    folder.join(version(number).as_str())
}

/// Makes an object two days older.
fn age(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
    let file = File::options().write(true).open(path).expect("an object");
    file.set_modified(then).expect("its time");
}

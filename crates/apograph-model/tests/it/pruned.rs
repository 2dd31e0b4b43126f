//! The oldest segments leave a vault, up to the next full backup.

use std::path::Path;

use apograph_format::{Point, SegmentKind};
use apograph_io::{Context, Folder, Mode, RealDisk, SystemClock};
use apograph_manifest::Target;
use apograph_model::compact_later;
use apograph_repository::vault::store::FolderStore;
use apograph_repository::vault::{Catalog, CatalogChange};
use apograph_repository::{Pack, Repository, copy, init_vault};
use apograph_restore::{Options, VerifyOptions, restore, verify};
use apograph_testing::scratch::scratch;

use crate::golden_repositories;

/// What is left is sound and can be restored, each part of it as often as another full backup is left;
/// and its increments are merged.
#[test]
fn what_is_left_of_every_golden_is_sound() {
    let mut pruned = 0;
    for golden in golden_repositories() {
        let folder = scratch().expect("a temporary folder");
        let vault = folder.path().join("vault");
        init_vault(&vault, Context::default()).expect("a vault");
        let from = Repository::open(&golden, Context::default()).expect("a repository");
        if copy(&from, &vault, Pack::Best, Context::default()).is_err() {
            // It is damaged.
            continue;
        }
        while remove_oldest(&vault) {
            pruned += 1;
            check(&vault, &golden.display().to_string());
        }
    }
    assert!(pruned > 3, "{pruned}");
}

fn check(vault: &Path, name: &str) {
    let sound = || {
        let verified = verify(vault, &VerifyOptions::default(), Context::default());
        let verified = verified.expect("verified");
        assert!(verified.problems.is_empty(), "{name}: {verified:?}");
        let opened = Repository::open(vault, Context::default()).expect("a vault");
        opened.chain().restorable()
    };
    let before = sound();
    let output = vault.with_extension("grafeo");
    for range in &before {
        let point = Point::new(range.timeline, range.from);
        let options = Options::to(Target::Point(point.into()));
        let restored = restore(vault, &output, &options, Context::default());
        restored.unwrap_or_else(|error| panic!("{name}, {point}: {error}"));
        std::fs::remove_file(&output).expect("restored");
        let _ = std::fs::remove_dir_all(vault.with_extension("grafeo.wal"));
    }
    let opened = Repository::open(vault, Context::default()).expect("a vault");
    let increments = |opened: &Repository| opened.chain().entries().len();
    let count = increments(&opened);
    let done = compact_later(vault).expect("merged");
    let opened = Repository::open(vault, Context::default()).expect("a vault");
    let merged = count - increments(&opened);
    assert_eq!(merged as u64, done.merged - done.into, "{name}");
    assert_eq!(sound(), before, "{name}");
}

/// Removes the oldest full backup, and what comes before the next one; `false` where none comes.
fn remove_oldest(vault: &Path) -> bool {
    let opened = Repository::open(vault, Context::default()).expect("a vault");
    let entries = opened.chain().entries();
    let is_full = |index: &usize| entries[*index].segment.kind == SegmentKind::Full;
    let Some(next) = (1..entries.len()).find(is_full) else {
        return false;
    };
    let names = entries[..next].iter().map(|it| it.segment.file.clone());
    let segments = names.collect();
    let folder = Folder::open(vault).expect("a folder");
    let store = FolderStore::new(&RealDisk, folder, Mode::PRIVATE);
    let mut catalog = Catalog::open(&store, &SystemClock, "test").expect("a catalog");
    let removed = vec![CatalogChange::Removed {
        segments,
        until: None,
    }];
    catalog
        .commit(removed, &mut |_| None)
        .expect("the only writer");
    true
}

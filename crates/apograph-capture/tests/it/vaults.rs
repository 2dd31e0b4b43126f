//! Captures into a vault.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apograph_capture::{Captured, Kind, Options, Result, capture};
use apograph_format::{Epoch, SegmentKind};
use apograph_io::{Context, FileLock, Folder, Mode, RealDisk, SystemClock};
use apograph_manifest::{Segment, SegmentContent};
use apograph_repository::vault::store::FolderStore;
use apograph_repository::vault::wrap::{Identities, Recipients};
use apograph_repository::vault::{Catalog, CatalogChange};
use apograph_repository::{Location, Repository, compact, init_vault};
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::keys::{ALICE, BOB};
use apograph_testing::store::{FaultyStore, RequestKind};

use crate::captured::added;
use crate::checkpoints_v1::{commit, log};
use crate::live::Live;

const SOURCE: &str = "08_torn_tail/source";
/// So many commits are in its log.
const COMMITS: u64 = 5;

/// A database with a vault beside it, and two commits that are held back.
fn with_vault(fixtures: Fixtures) -> (Live, Vec<u8>) {
    let live = Live::of(fixtures, SOURCE);
    let rest = live.hold_back(2);
    init_vault(live.repository(), every_core()).expect("a vault");
    (live, rest)
}

fn objects(live: &Live) -> FolderStore<'static> {
    let folder = Folder::open(&live.repository()).expect("a vault");
    FolderStore::new(&RealDisk, folder, Mode::PRIVATE)
}

fn faulty(live: &Live) -> FaultyStore<'static> {
    FaultyStore::new(objects(live), SystemClock)
}

fn capture_into(live: &Live, store: &Arc<FaultyStore<'static>>, kind: Kind) -> Result<Captured> {
    let options = Options {
        kind,
        ..Options::default()
    };
    let location = Location::store(store.clone());
    capture(&live.database(), location, &options, every_core())
}

/// How many commits a vault has after its first image, all of which can be restored.
fn commits(live: &Live) -> u64 {
    let opened = Repository::open(live.repository(), every_core()).expect("a vault");
    assert_eq!(opened.chain().gaps().count(), 0);
    let entries = opened.chain().entries().iter();
    let commits = entries.map(|entry| match &entry.content {
        Some(SegmentContent::Increment(increment)) => increment.commits,
        _ => 0,
    });
    commits.sum()
}

#[test]
fn a_vault_gets_what_a_folder_gets() {
    for fixtures in [V1, V2] {
        let (live, rest) = with_vault(fixtures);
        let first = live.added(Kind::Auto);
        let kinds: Vec<_> = first.iter().map(|it| it.segment.kind).collect();
        assert_eq!(kinds, [SegmentKind::Full, SegmentKind::Incremental]);
        live.append(&rest);
        let next = live.added(Kind::Incremental);
        assert_eq!(next.len(), 1);
        assert_eq!(commits(&live), COMMITS);
        let opened = Repository::open(live.repository(), every_core()).expect("a vault");
        let entries = opened.chain().entries().iter();
        let names: Vec<_> = entries.map(|entry| &entry.segment.file).collect();
        let told: Vec<_> = first
            .iter()
            .chain(&next)
            .map(|it| &it.segment.file)
            .collect();
        assert_eq!(names, told, "they are told by the names that they have");
        let before = opened.chain().covered_until().expect("a time");
        let again = live.capture(Kind::Auto).expect("a capture");
        assert!(matches!(again, Captured::UpToDate { .. }));
        let opened = Repository::open(live.repository(), every_core()).expect("a vault");
        assert!(opened.chain().covered_until() > Some(before));
        let full = live.added(Kind::Full);
        assert_eq!(full[0].segment.kind, SegmentKind::Full);
    }
}

/// Another writer commits something right before each version that a capture creates, so often.
fn beside_others(live: &Live, times: usize) -> (Arc<FaultyStore<'static>>, Arc<AtomicUsize>) {
    let committed = Arc::new(AtomicUsize::new(0));
    let (theirs, count) = (objects(live), committed.clone());
    let store = Arc::new_cyclic(|own: &std::sync::Weak<FaultyStore<'static>>| {
        let own = own.clone();
        faulty(live).meanwhile(move |index| {
            let is_version = own.upgrade().is_some_and(|own| {
                let requests = own.requests();
                let request = &requests[index];
                request.kind == RequestKind::Create && request.name.starts_with("catalog/0")
            });
            if is_version && count.fetch_add(1, Ordering::Relaxed) < times {
                let mut catalog = Catalog::open(&theirs, &SystemClock, "another").expect("opened");
                let nothing = CatalogChange::Added {
                    segments: Vec::new(),
                    evidence: None,
                };
                let added = catalog.commit(vec![nothing], &mut |_| None);
                added.expect("the other one is faster");
            }
        })
    });
    (store, committed)
}

#[test]
fn who_is_overtaken_looks_again() {
    for fixtures in [V1, V2] {
        for times in [1, 2, 9] {
            let (live, rest) = with_vault(fixtures);
            live.added(Kind::Auto);
            live.append(&rest);
            let (store, tried) = beside_others(&live, times);
            let captured = added(capture_into(&live, &store, Kind::Incremental));
            assert_eq!(captured.len(), 1);
            assert_eq!(tried.load(Ordering::Relaxed), times + 1);
            assert_eq!(commits(&live), COMMITS);
        }
        let (live, rest) = with_vault(fixtures);
        live.added(Kind::Auto);
        live.append(&rest);
        let (store, tried) = beside_others(&live, usize::MAX);
        let error = capture_into(&live, &store, Kind::Incremental).expect_err("never first");
        assert_eq!(error.code(), "repository-busy");
        assert_eq!(tried.load(Ordering::Relaxed), 10);
        let next = live.added(Kind::Incremental);
        assert_eq!((next.len(), commits(&live)), (1, COMMITS));
    }
}

#[test]
fn one_backup_of_a_database_at_a_time() {
    let (live, _) = with_vault(V1);
    let log = Folder::open(&live.log_folder()).expect("a log folder");
    let held = FileLock::acquire_folder(&log).expect("a lock");
    assert_eq!(live.refused(Kind::Auto).0, "repository-busy");
    drop(held);
    live.added(Kind::Auto);
}

/// Who captures has no private key.
#[test]
fn an_encrypted_vault_is_added_to_without_its_key() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let rest = live.hold_back(2);
        let for_whom = |key| {
            let recipients = Recipients::of([key]).expect("a key");
            Location::from(live.repository()).with_recipients(recipients)
        };
        let own = for_whom(ALICE.recipient);
        let options = Options::default();
        // Long after the log was written: no change of it would go without another time.
        let clock = ManualClock::default();
        clock.pass(Duration::from_secs(10 * 365 * 24 * 60 * 60));
        let context = Context {
            clock: &clock,
            ..every_core()
        };
        let capture_for = |place: Location| capture(&live.database(), place, &options, context);
        let error = capture_for(own.clone()).expect_err("it is not there, and would be no vault");
        assert_eq!(error.code(), "not-a-repository");
        init_vault(&own, every_core()).expect("a vault");
        let other = for_whom(BOB.recipient);
        let error = capture_for(other).expect_err("for others");
        assert_eq!(error.code(), "recipients-differ");
        assert_eq!(commits(&live), 0);
        capture_for(own.clone()).expect("captured");
        live.append(&rest);
        let next = added(live.capture_by(Kind::Incremental, context));
        assert_eq!(next.len(), 1);
        assert_eq!(commits(&live), COMMITS);
        let mut identities = Identities::default();
        identities.add(ALICE.identity).expect("an identity");
        let own = Location::from(live.repository()).with_identities(identities);
        for (place, is_read) in [(own, true), (live.repository().into(), false)] {
            let opened = Repository::open(&place, every_core()).expect("a vault");
            for entry in opened.chain().entries() {
                let stored = opened.stored(&entry.segment, every_core());
                assert_eq!(stored.is_ok(), is_read, "{place}");
            }
        }
    }
}

/// A vault of a database whose commits were captured one by one, but for the last one.
fn one_by_one(fixtures: Fixtures) -> (Live, Vec<u8>) {
    let live = Live::of(fixtures, SOURCE);
    let [last, rest @ ..] = [4, 3, 2, 1].map(|commits| live.hold_back(commits));
    init_vault(live.repository(), every_core()).expect("a vault");
    live.added(Kind::Auto);
    for commit in rest.iter().rev() {
        live.append(commit);
        assert_eq!(live.added(Kind::Incremental).len(), 1);
    }
    (live, last)
}

fn merge(vault: impl Into<Location>) -> u64 {
    let clock = ManualClock::default();
    clock.pass(Duration::from_secs(100 * 365 * 24 * 60 * 60));
    let context = Context {
        clock: &clock,
        ..every_core()
    };
    compact(vault, context).expect("merged").merged
}

/// The next increment goes on where the chain ends, whatever was merged before, and while a backup
/// is under way.
#[test]
fn a_chain_goes_on_after_increments_were_merged() {
    for fixtures in [V1, V2] {
        let (live, last) = one_by_one(fixtures);
        assert_eq!(merge(live.repository()), 3, "all but the last one");
        live.append(&last);
        assert_eq!(live.added(Kind::Incremental).len(), 1);
        assert_eq!(commits(&live), COMMITS);
        assert_eq!(merge(live.repository()), 2);
        let again = live.capture(Kind::Auto).expect("a capture");
        assert!(matches!(again, Captured::UpToDate { .. }));
        for index in 0.. {
            let (live, last) = one_by_one(fixtures);
            live.append(&last);
            let vault = live.repository();
            let store = faulty(&live).meanwhile(move |at| {
                if at == index {
                    assert!(merge(vault.as_path()) >= 3);
                }
            });
            let store = Arc::new(store);
            added(capture_into(&live, &store, Kind::Incremental));
            assert_eq!(commits(&live), COMMITS, "{index}");
            if store.requests().len() <= index {
                break;
            }
        }
    }
}

/// Generation 1: old segments leave a vault up to a full backup that goes on from them. At which epoch
/// its timeline began is told by the records of the increments alone then, and those are merged.
#[test]
fn a_chain_goes_on_after_its_beginning_was_removed() {
    let live = Live::of(V1, "10_live/source");
    init_vault(live.repository(), every_core()).expect("a vault");
    live.added(Kind::Auto);
    live.checkpoint_whole(|image| image.epoch = Epoch::new(8));
    live.added(Kind::Full);
    for epoch in [9, 10, 11] {
        log(&live, &commit(epoch, b"value"));
        assert_eq!(live.added(Kind::Incremental).len(), 1);
    }
    let opened = Repository::open(live.repository(), every_core()).expect("a vault");
    let entries = opened.chain().entries().iter();
    let before: Vec<_> = entries.map(|entry| entry.segment.clone()).collect();
    let is_full = |it: &&Segment| it.kind == SegmentKind::Full;
    let newest = before.iter().rev().find(is_full).expect("a full backup");
    let old = before.iter().take_while(|it| it.file != newest.file);
    let segments: Vec<_> = old.map(|it| it.file.clone()).collect();
    assert!(segments.len() > 1);
    let store = objects(&live);
    let mut catalog = Catalog::open(&store, &SystemClock, "another").expect("opened");
    let removed = CatalogChange::Removed {
        segments,
        until: None,
    };
    catalog
        .commit(vec![removed], &mut |_| None)
        .expect("the only writer");
    assert!(merge(live.repository()) >= 2);
    let opened = Repository::open(live.repository(), every_core()).expect("a vault");
    let ranges = opened.chain().restorable();
    let ranges: Vec<_> = ranges.iter().map(|it| (it.from, it.to)).collect();
    assert_eq!(ranges, [(Epoch::new(8), Epoch::new(11))]);
    let again = live.capture(Kind::Incremental).expect("a capture");
    assert!(matches!(again, Captured::UpToDate { .. }));
}

//! Vaults that are made smaller.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use apograph_format::{Blake3, UnixMillis};
use apograph_io::{Context, Folder, Mode, Monitor, RealDisk, SystemClock};
use apograph_manifest::{Cut, Target};
use apograph_repository::vault::store::FolderStore;
use apograph_repository::vault::wrap::{Identities, Recipients};
use apograph_repository::vault::{
    Catalog, CatalogChange, CatalogSegment, Committed, Packing, StoredSegment,
};
use apograph_repository::{
    Compaction, Location, Pack, Repository, Result, compact, copy, init_vault,
};
use apograph_testing::clock::ManualClock;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::keys::ALICE;
use apograph_testing::stage::Stage;
use apograph_testing::store::FaultyStore;

const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 60 * 60);
const LATER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A vault of all that a stage has.
fn vault(stage: &Stage, pack: Pack) -> PathBuf {
    let vault = stage.path("vault");
    init_vault(&vault, Context::default()).expect("a vault");
    copied(stage, &vault, pack);
    vault
}

fn copied(stage: &Stage, vault: &Path, pack: Pack) -> (u64, u64) {
    let from = Repository::open(stage.repository(), Context::default()).expect("a repository");
    let copied = copy(&from, vault, pack, Context::default()).expect("copied");
    (copied.segments, copied.present)
}

/// Once every window is over.
fn compacted(vault: impl Into<Location>, context: Context<'_>) -> Result<Compaction> {
    let clock = ManualClock::default();
    clock.pass(LATER);
    let context = Context {
        clock: &clock,
        ..context
    };
    compact(vault, context)
}

#[track_caller]
fn made_smaller(vault: &Path) -> Compaction {
    compacted(vault, Context::default()).expect("made smaller")
}

fn opened(vault: &Path) -> Repository {
    Repository::open(vault, Context::default()).expect("a vault")
}

fn store(vault: &Path) -> FolderStore<'static> {
    let folder = Folder::open(vault).expect("a folder");
    FolderStore::new(&RealDisk, folder, Mode::PRIVATE)
}

/// The names of the objects of segments.
fn objects(vault: &Path) -> Vec<String> {
    let objects = fs::read_dir(vault.join("segments")).expect("objects");
    let names = objects.map(|it| it.expect("an object").file_name());
    let mut names: Vec<_> = names.map(|it| it.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Makes all objects two days older.
fn age(vault: &Path) {
    for folder in ["catalog", "segments"] {
        for entry in fs::read_dir(vault.join(folder)).expect("objects") {
            age_one(&entry.expect("an object").path());
        }
    }
}

fn age_one(path: &Path) {
    let file = File::options().write(true).open(path).expect("an object");
    let then = SystemTime::now() - TWO_DAYS;
    file.set_modified(then).expect("its time");
}

#[test]
fn increments_are_merged_and_what_they_were_merged_from_is_deleted_a_day_later() {
    for (fixtures, pack) in [(V1, Pack::Best), (V2, Pack::As(Packing::Plain))] {
        let stage = Stage::new(fixtures);
        let vault = vault(&stage, pack);
        let before = objects(&vault);
        let done = made_smaller(&vault);
        assert_eq!((done.merged, done.into, done.deleted), (2, 1, 0));
        let after = opened(&vault);
        assert_eq!(
            after.chain().entries().len(),
            3,
            "the last one stays as it is"
        );
        let merged = &after.chain().entries()[1];
        assert_eq!(merged.captured().count(), 2);
        let with_merged = objects(&vault);
        assert_eq!(with_merged.len(), before.len() + 1);
        let ending = before[0].rsplit('.').next().expect("an ending");
        assert!(
            with_merged.iter().all(|name| name.ends_with(ending)),
            "packed alike"
        );

        let again = made_smaller(&vault);
        assert_eq!(again, Compaction::default(), "all are young");
        age(&vault);
        let cleaned = made_smaller(&vault);
        assert_eq!((cleaned.merged, cleaned.deleted), (0, 2));
        assert!(cleaned.deleted_bytes > 0);
        let left = objects(&vault);
        assert_eq!(left.len(), 3);
        assert!(opened(&vault).chain().entries().iter().all(|entry| {
            let name = entry.segment.file.as_str();
            left.iter().any(|object| object.starts_with(name))
        }));
        age(&vault);
        assert_eq!(made_smaller(&vault).deleted, 0, "they are gone once");
    }
}

#[test]
fn files_that_killed_writers_left_are_removed_a_day_later() {
    let stage = Stage::new(V1);
    let vault = vault(&stage, Pack::Best);
    made_smaller(&vault);
    fs::create_dir(vault.join("probes")).expect("a folder");
    let own = "0123456789abcdef0123456789abcdef";
    let left: Vec<_> = ["", "catalog", "segments", "probes"]
        .iter()
        .map(|folder| vault.join(folder).join(format!(".name.{own}.apograph-tmp")))
        .collect();
    let foreign = vault.join("segments/.name.apograph-tmp");
    for path in left.iter().chain([&foreign]) {
        fs::write(path, b"four").expect("written");
    }
    assert_eq!(made_smaller(&vault), Compaction::default(), "all are young");
    for path in left.iter().chain([&foreign]) {
        age_one(path);
    }
    let done = made_smaller(&vault);
    assert_eq!((done.deleted, done.deleted_bytes), (4, 16));
    assert!(left.iter().all(|path| !path.exists()));
    assert!(foreign.exists());
    assert_eq!(made_smaller(&vault), Compaction::default());
}

#[test]
fn a_window_that_is_not_over_is_not_merged() {
    let stage = Stage::new(V1);
    let vault = vault(&stage, Pack::Best);
    let clock = ManualClock::default();
    let context = Context {
        clock: &clock,
        ..Context::default()
    };
    // It is 2023, and the backups are of 2026.
    assert_eq!(
        compact(&vault, context).expect("nothing to do"),
        Compaction::default()
    );
    let repository = Repository::open(stage.repository(), context).expect("a repository");
    let captured = repository.chain().entries()[2].segment.created_at;
    let to_end = captured.get() / 30_000 * 30_000 + 30_000 - 1_700_000_000_000;
    clock.pass(Duration::from_millis(to_end - 1));
    assert_eq!(compact(&vault, context).expect("nothing to do").merged, 0);
    clock.pass(Duration::from_millis(1));
    assert_eq!(compact(&vault, context).expect("merged").merged, 2);
}

#[test]
fn a_copy_goes_on_where_the_vault_has_merged_what_it_copied() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "15_concurrent_incr");
        let all = stage.manifest().segments.len();
        let shorter = Stage::of(fixtures, "15_concurrent_incr");
        shorter.keep_segments(4);
        let vault = vault(&shorter, Pack::Best);
        assert_eq!(made_smaller(&vault).merged, 2);
        assert_eq!(copied(&stage, &vault, Pack::Best), (all as u64 - 4, 4));
        assert!(
            made_smaller(&vault).merged > 1,
            "with what was merged before"
        );
        assert_eq!(copied(&stage, &vault, Pack::Best), (0, all as u64));
        // And a vault that has it unmerged has the same history, too.
        let other = stage.path("other");
        init_vault(&other, Context::default()).expect("a vault");
        copied(&stage, &other, Pack::Best);
        let from = opened(&vault);
        let again = copy(&from, &other, Pack::Best, Context::default());
        let entries = from.chain().entries().len() as u64;
        assert_eq!(again.map(|it| it.present).ok(), Some(entries));
    }
}

#[test]
fn another_history_is_none_that_was_merged() {
    let stage = Stage::new(V1);
    let vault = vault(&stage, Pack::Best);
    made_smaller(&vault);
    let other = Stage::new(V1);
    other.edit_manifest(|manifest| {
        let at = manifest.segments[1].created_at.get();
        manifest.segments[1].created_at = UnixMillis::new(at + 1);
    });
    let from = Repository::open(other.repository(), Context::default()).expect("a repository");
    let error = copy(&from, &vault, Pack::Best, Context::default());
    assert_eq!(error.expect_err("another").code().as_str(), "chain-broken");
}

/// A copy that ends within what was merged since gets the rest of it, be it a folder or a vault that has
/// merged what it holds.
#[test]
fn a_copy_that_ends_within_a_merged_increment_goes_on() {
    let mut cut = 0;
    for (fixtures, name) in [
        (V1, "15_concurrent_incr"),
        (V2, "15_concurrent_incr"),
        (V2, "05_schema"),
    ] {
        let stage = Stage::of(fixtures, name);
        let vault = vault(&stage, Pack::Best);
        let all = opened(&vault).chain().entries().len();
        made_smaller(&vault);
        let from = opened(&vault);
        for kept in 1..all {
            let part = Stage::of(fixtures, name);
            part.keep_segments(kept);
            let front = Repository::open(part.repository(), Context::default());
            let front = front.expect("a repository");
            for (to, is_merged) in [("folder", false), ("vault", false), ("merged", true)] {
                let to = part.path(to);
                if to != part.path("folder") {
                    init_vault(&to, Context::default()).expect("a vault");
                }
                copy(&front, &to, Pack::Best, Context::default()).expect("copied");
                if is_merged {
                    made_smaller(&to);
                }
                let before = opened(&to).chain().entries().len();
                let copied =
                    copy(&from, &to, Pack::Best, Context::default()).expect("gone on with");
                cut += u64::from(copied.present < before as u64 && copied.segments > 0);
                let (ours, theirs) = (opened(&to), opened(&vault));
                let what = format!("{name}, {kept}, {}", to.display());
                assert_eq!(
                    ours.chain().restorable(),
                    theirs.chain().restorable(),
                    "{what}"
                );
                assert_eq!(
                    ours.chain().restorable_lsns(),
                    theirs.chain().restorable_lsns()
                );
                assert_eq!(ours.chain().gaps().count(), theirs.chain().gaps().count());
                let again = copy(&from, &to, Pack::Best, Context::default()).expect("the same");
                assert_eq!(again.segments, 0, "{what}");
            }
        }
    }
    assert!(cut >= 12, "{cut}");
}

#[test]
fn leftovers_go_after_a_day_and_other_files_never() {
    let stage = Stage::new(V2);
    let vault = vault(&stage, Pack::Best);
    let nonce = Blake3::of(b"").to_string()[..32].to_owned();
    let ours = [
        format!("00000000000000000001-0-incr-{nonce}.zst"),
        format!("00000000000000000001-1-full-{nonce}.0000.seg"),
        format!("00000000000000000001-1-full-{nonce}.0001.seg.age"),
    ];
    let others = [
        format!("1-0-incr-{nonce}.zst"),
        format!("00000000000000000001-0-incr-{nonce}.txt"),
        format!("00000000000000000001-0-incr-{nonce}"),
        format!("00000000000000000001-00-incr-{nonce}.zst"),
        format!("00000000000000000001-0-more-{nonce}.zst"),
        "notes.zst".to_owned(),
    ];
    for name in ours.iter().chain(&others) {
        fs::write(vault.join("segments").join(name), b"left").expect("a file");
    }
    fs::write(vault.join("notes.txt"), b"mine").expect("a file");
    let before = objects(&vault);
    assert_eq!(made_smaller(&vault).deleted, 0, "all are young");
    for name in ours.iter().chain(&others) {
        age_one(&vault.join("segments").join(name));
    }
    age_one(&vault.join("notes.txt"));
    let done = made_smaller(&vault);
    assert_eq!((done.deleted, done.deleted_bytes), (3, 12));
    let after = objects(&vault);
    let is_ours = |name: &&String| ours.contains(name);
    let kept: Vec<_> = before.iter().filter(|name| !is_ours(name)).collect();
    assert!(kept.iter().all(|name| after.contains(name)), "{after:?}");
    assert!(!after.iter().any(|name| ours.contains(name)));
    assert!(vault.join("notes.txt").exists());
}

/// The newest versions of the catalog are lost: what they named is no leftover.
#[test]
fn what_a_lost_version_named_is_kept() {
    for lost in [1, 2] {
        let stage = Stage::new(V1);
        let vault = vault(&stage, Pack::Best);
        let before = objects(&vault);
        let versions = fs::read_dir(vault.join("catalog")).expect("versions");
        let mut versions: Vec<_> = versions.map(|it| it.expect("a version").path()).collect();
        versions.sort();
        for version in versions.iter().rev().take(lost) {
            fs::remove_file(version).expect("removed");
        }
        let leftover = "00000000000000000001-0-incr-00000000000000000000000000000001.zst";
        fs::write(vault.join("segments").join(leftover), b"left").expect("written");
        age(&vault);
        let monitor = Warned::default();
        let done = compacted(&vault, Context::heard_by(&monitor)).expect("made smaller");
        let after = objects(&vault);
        assert!(before.iter().all(|name| after.contains(name)), "{lost}");
        let told = monitor.0.into_inner().expect("not poisoned");
        assert_eq!(
            (done.deleted, told.len()),
            if lost > 1 { (0, 1) } else { (1, 0) }
        );
    }
}

fn segments_of(vault: &Path) -> (Vec<StoredSegment>, Vec<StoredSegment>) {
    let store = store(vault);
    let catalog = Catalog::open(&store, &SystemClock, "test").expect("a catalog");
    let (mut live, mut left) = (Vec::new(), Vec::new());
    let read = catalog.read(&mut |segment| {
        match segment {
            CatalogSegment::Live(segment) => live.push(segment),
            CatalogSegment::Left(segment, _) => left.push(segment),
        }
        Ok(())
    });
    read.expect("readable");
    (live, left)
}

/// A writer slept for days after it wrote an object. It finds out that this one was deleted.
#[test]
fn a_writer_whose_object_was_taken_for_a_leftover_commits_nothing() {
    let stage = Stage::new(V1);
    let vault = vault(&stage, Pack::Best);
    let (live, _) = segments_of(&vault);
    let last = live.last().expect("a segment");
    let store = store(&vault);
    let mut sleeper = Catalog::open(&store, &SystemClock, "test").expect("a catalog");
    let mut slept = last.clone();
    let name = "00000000000000000001-0-incr-00000000000000000000000000000009";
    slept.record.segment.file = name.try_into().expect("a name");
    let object = |name: &str| vault.join("segments").join(format!("{name}.zst"));
    fs::copy(object(last.name().as_str()), object(name)).expect("copied");
    age_one(&object(name));
    assert_eq!(made_smaller(&vault).deleted, 1);
    assert!(!object(name).exists());
    let added = CatalogChange::Added {
        segments: vec![slept.clone()],
        evidence: None,
    };
    let mut seen = Vec::new();
    let committed = sleeper.commit(vec![added], &mut |others| {
        seen.extend_from_slice(others);
        None
    });
    assert_eq!(committed.expect("readable"), Committed::Dropped);
    let segments = vec![slept.name().clone()];
    assert!(seen.contains(&CatalogChange::Gone { segments }), "{seen:?}");
}

/// The same of a merged increment: its inputs stay.
#[test]
fn a_merged_increment_that_was_taken_for_a_leftover_replaces_nothing() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let vault = vault(&stage, Pack::Best);
        let before = opened(&vault).chain().entries().len();
        let known = objects(&vault);
        let at = vault.clone();
        let requests_since = Arc::new(AtomicUsize::new(0));
        let since = requests_since.clone();
        let faulty = FaultyStore::new(store(&vault), SystemClock).meanwhile(move |_| {
            let is_object = |name: &&String| name.starts_with('0') && !known.contains(name);
            let objects = objects(&at);
            let Some(object) = objects.iter().find(is_object) else {
                return;
            };
            // The first one compares its size. Then another command deletes it as `compact` does.
            if since.fetch_add(1, Ordering::Relaxed) == 0 {
                return;
            }
            let store = store(&at);
            let mut catalog = Catalog::open(&store, &SystemClock, "another").expect("a catalog");
            let (name, _) = object.split_once('.').expect("an extension");
            let segments = vec![name.try_into().expect("a name")];
            let gone = CatalogChange::Gone { segments };
            catalog
                .commit(vec![gone], &mut |_| None)
                .expect("the first");
            fs::remove_file(at.join("segments").join(object)).expect("deleted");
        });
        let done = compacted(Location::store(Arc::new(faulty)), Context::default()).expect("done");
        assert_eq!(requests_since.load(Ordering::Relaxed), 2);
        assert_eq!((done.merged, done.into), (0, 0));
        let after = opened(&vault);
        assert_eq!(after.chain().entries().len(), before);
        for entry in after.chain().entries() {
            let stored = after.stored(&entry.segment, Context::default());
            stored.expect("it is all there");
        }
        assert_eq!(made_smaller(&vault).merged, 2, "the next one goes on");
    }
}

#[derive(Default)]
struct Warned(Mutex<Vec<String>>);

impl Monitor for Warned {
    fn warn(&self, message: &str) {
        self.0
            .lock()
            .expect("not poisoned")
            .push(message.to_owned());
    }
}

#[test]
fn an_increment_that_is_damaged_stays_as_it_is() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "15_concurrent_incr");
        let vault = vault(&stage, Pack::Best);
        let name = opened(&vault).chain().entries()[2].segment.file.to_string();
        let object = vault.join("segments").join(format!("{name}.zst"));
        let mut bytes = fs::read(&object).expect("an object");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&object, bytes).expect("written");
        let monitor = Warned::default();
        let done = compacted(&vault, Context::heard_by(&monitor)).expect("done");
        assert_eq!(done.merged, 0, "it is in the middle of the only group");
        let said = monitor.0.into_inner().expect("not poisoned");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("not merged"), "{said:?}");
    }
}

#[test]
fn only_a_vault_is_made_smaller() {
    let stage = Stage::new(V1);
    for path in [stage.repository(), stage.path("nothing")] {
        let error = compact(&path, Context::default()).expect_err("no vault");
        assert_eq!(error.code().as_str(), "not-a-repository");
    }
}

#[test]
fn what_is_encrypted_is_merged_with_a_key_and_stays_encrypted() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let path = stage.path("vault");
        let recipients = Recipients::of([ALICE.recipient]).expect("a public key");
        let at = Location::from(&path).with_recipients(recipients);
        init_vault(&at, Context::default()).expect("a vault");
        let from = Repository::open(stage.repository(), Context::default()).expect("opened");
        copy(&from, &at, Pack::Best, Context::default()).expect("copied");
        let error = compacted(&path, Context::default()).expect_err("no key");
        assert_eq!(error.code().as_str(), "identity-missing");
        assert_eq!(opened(&path).chain().entries().len(), 4);
        let mut identities = Identities::default();
        identities.add(ALICE.identity).expect("a private key");
        let at = Location::from(&path).with_identities(identities);
        let done = compacted(at.clone(), Context::default()).expect("made smaller");
        assert_eq!((done.merged, done.into), (2, 1));
        assert!(objects(&path).iter().all(|name| name.ends_with(".zst.age")));
        let read = Repository::open(&at, Context::default()).expect("opened");
        let merged = &read.chain().entries()[1].segment;
        read.stored(merged, Context::default())
            .expect("with the key");
        age(&path);
        assert_eq!(
            compacted(&path, Context::default())
                .expect("no key is needed")
                .deleted,
            2
        );
    }
}

#[test]
fn a_state_at_a_time_is_cut_out_of_what_was_merged_then() {
    let stage = Stage::new(V1);
    let vault = vault(&stage, Pack::Best);
    let times: Vec<_> = opened(&vault)
        .chain()
        .entries()
        .iter()
        .map(|it| it.segment.created_at)
        .collect();
    made_smaller(&vault);
    let merged = opened(&vault);
    let plan = merged
        .chain()
        .plan(&Target::Time(times[1]))
        .expect("covered");
    assert_eq!(plan.increments, [1]);
    assert!(matches!(plan.cut, Cut::Captured(_)), "{:?}", plan.cut);
    let plan = merged
        .chain()
        .plan(&Target::Time(times[2]))
        .expect("covered");
    assert_eq!((plan.increments, plan.cut), (vec![1], Cut::End));
}

/// Both write objects of the same increments, and one of them commits.
#[test]
fn of_two_that_merge_at_once_one_does() {
    let stage = Stage::new(V2);
    let vault = vault(&stage, Pack::Best);
    let folder = Folder::open(&vault).expect("a folder");
    for at in 0.. {
        let copy = stage.path(&format!("vault-{at}"));
        copy_folder(folder.path(), &copy);
        let place = copy.clone();
        let faulty = FaultyStore::new(store(&copy), SystemClock);
        let faulty = faulty.meanwhile(move |index| {
            if index == at {
                compacted(&place, Context::default()).expect("made smaller");
            }
        });
        let store = Arc::new(faulty);
        let clock = ManualClock::default();
        clock.pass(LATER);
        let context = Context {
            clock: &clock,
            ..Context::default()
        };
        let location = Location::store(store.clone());
        compact(location, context).expect("made smaller");
        assert_eq!(opened(&copy).chain().entries().len(), 3, "{at}");
        assert_eq!(
            objects(&copy).len(),
            5,
            "{at}: four, and one that is merged"
        );
        if store.requests().len() <= at {
            break;
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

//! A catalog is made anew of what is left of it and of the segments.

use std::fs;
use std::path::Path;

use apograph_format::{Blake3, SegmentKind, UnixMillis};
use apograph_io::{Context, SystemClock};
use apograph_manifest::Nonce;
use apograph_store::Store;
use apograph_vault::wrap::{Compression, Identities};
use apograph_vault::{
    Catalog, CatalogChange, CatalogRebuild, Link, Packing, Result, SegmentId, Skipped,
    StoredSegment, VaultError, plan_catalog, put_segment,
};

use crate::{commit, contents, created, looked, opened, path, segment, store};

const ZSTD: Packing = Packing::Zstd(Compression::LOG);

/// A segment of so many bytes, with its objects, which nobody names yet.
fn put(
    store: &dyn Store,
    built_on: u64,
    nonce: u128,
    link: Link,
    packing: Packing,
) -> StoredSegment {
    let plain = nonce.to_le_bytes().repeat(100);
    let mut record = segment(1).record;
    record.segment.size_bytes = plain.len() as u64;
    record.hash = Blake3::of(&plain);
    let id = SegmentId {
        built_on,
        index: 0,
        kind: SegmentKind::Incremental,
        nonce: Nonce::new(nonce),
    };
    put_segment(
        store,
        (id, link),
        &plain,
        record,
        packing,
        Context::default(),
    )
    .expect("written")
}

fn captured(
    catalog: &Catalog<'_>,
    store: &dyn Store,
    after: Option<&StoredSegment>,
) -> StoredSegment {
    let last = after.map(StoredSegment::last_captured);
    let built_on = SegmentId::next_built_on(catalog.version(), last);
    put(
        store,
        built_on,
        built_on.into(),
        Link::after(last.cloned()),
        ZSTD,
    )
}

fn added(segment: &StoredSegment) -> CatalogChange {
    CatalogChange::Added {
        segments: vec![segment.clone()],
        evidence: None,
    }
}

/// Ten segments, of which the third to the fifth were merged and the first one was removed. Beside the
/// seventh another writer was overtaken.
fn filled(store: &dyn Store) -> Vec<StoredSegment> {
    let mut catalog = created(store);
    let mut live: Vec<StoredSegment> = Vec::new();
    for number in 1..=10 {
        let next = captured(&catalog, store, live.last());
        if number == 7 {
            put(store, catalog.version(), 999, next.link.clone(), ZSTD);
        }
        commit(&mut catalog, added(&next));
        live.push(next);
    }
    let of: Vec<StoredSegment> = live.splice(2..5, []).collect();
    let link = Link {
        after: of[0].link.after.clone(),
        through: Some(of[2].last_captured().clone()),
    };
    let into = put(store, catalog.version(), 345, link, ZSTD);
    let change = CatalogChange::Merged {
        into: Box::new(into.clone()),
        of: of.iter().map(|it| it.name().clone()).collect(),
    };
    commit(&mut catalog, change);
    live.insert(2, into);
    let first = live.remove(0);
    let segments = vec![first.name().clone()];
    commit(
        &mut catalog,
        CatalogChange::Removed {
            segments,
            until: None,
        },
    );
    live[0].is_after_removed = true;
    commit(&mut catalog, looked(77));
    live
}

fn plan(store: &dyn Store) -> Result<CatalogRebuild> {
    plan_catalog(store, &Identities::default(), None, Context::default())
}

fn names(segments: &[StoredSegment]) -> Vec<&str> {
    segments.iter().map(|it| it.name().as_str()).collect()
}

#[test]
fn where_nothing_is_lost_nothing_changes() {
    let (_folder, store) = store();
    let live = filled(&store);
    let plan = plan(&store).expect("a plan");
    assert!(plan.unchanged);
    assert_eq!(plan.segments, live);
    assert_eq!(plan.settings.looked_until, Some(UnixMillis::new(77)));
    assert!(plan.skipped.is_empty() && plan.lost.is_empty());
}

/// Whatever versions are lost, each segment that is there is in the chain again, in its place.
#[test]
fn of_whatever_versions_are_lost_the_segments_tell() {
    let versions = 14_u64;
    let lose = |folder: &Path, lost: &[u64], is_cut: bool| {
        for number in lost {
            let path = path(folder, *number);
            if is_cut {
                fs::write(path, b"cut").expect("cut");
            } else {
                fs::remove_file(path).expect("removed");
            }
        }
    };
    let pairs = (1..=versions).flat_map(|one| (one..=versions).map(move |other| vec![one, other]));
    let all = [
        (1..=versions).collect(),
        (5..=versions).collect(),
        (1..=9).collect::<Vec<_>>(),
    ];
    for mut lost in pairs.chain(all) {
        lost.dedup();
        for is_cut in [false, true] {
            let (folder, store) = store();
            let live = filled(&store);
            let before = names(&live).join(" ");
            lose(folder.path(), &lost, is_cut);
            let plan = plan(&store).expect("a plan");
            // Who removed the first one is forgotten with the version that says so.
            let mut found = &plan.segments[..];
            if found[0].link.after.is_none() {
                assert!(lost.contains(&13), "{lost:?}");
                found = &found[1..];
            }
            // What was merged can be in its parts, where the version that merged it is lost.
            let ends = |segments: &[StoredSegment]| -> Vec<String> {
                let ends = segments.iter().map(|it| it.last_captured().to_string());
                ends.collect()
            };
            if lost.contains(&12) {
                let mut rest = ends(found).into_iter();
                for end in ends(&live) {
                    assert!(rest.any(|it| it == end), "{lost:?}: {end}");
                }
            } else {
                assert_eq!(names(found).join(" "), before, "{lost:?}");
            }
            let mut after = None;
            for segment in &plan.segments {
                if after.is_some() {
                    assert_eq!(segment.link.after.as_ref(), after, "{lost:?}");
                }
                after = Some(segment.last_captured());
            }
            let expected = plan.segments.clone();
            let number = plan.write(&store, &SystemClock, "test").expect("written");
            let catalog = opened(&store);
            assert_eq!(catalog.version(), number);
            let (live, ..) = contents(&catalog);
            assert_eq!(live, expected);
            assert!(plan_again(&store).unchanged, "{lost:?}");
            let mut catalog = catalog;
            let next = captured(&catalog, &store, live.last());
            commit(&mut catalog, added(&next));
            assert_eq!(contents(&opened(&store)).0.last(), Some(&next));
        }
    }
}

fn plan_again(store: &dyn Store) -> CatalogRebuild {
    plan(store).expect("a plan")
}

#[test]
fn what_does_not_say_what_it_is_or_is_damaged_is_left_out_and_said() {
    let (folder, store) = store();
    let catalog = created(&store);
    let whole = put(&store, 1, 1, Link::default(), ZSTD);
    let silent = put(
        &store,
        2,
        2,
        Link::after(Some(whole.name().clone())),
        Packing::Plain,
    );
    let damaged = put(&store, 3, 3, Link::after(Some(silent.name().clone())), ZSTD);
    let object = &damaged.object_names().expect("names")[0];
    let at = folder.path().join(object.as_str());
    let mut bytes = fs::read(&at).expect("an object");
    bytes[20] ^= 1;
    fs::write(&at, bytes).expect("damaged");
    drop(catalog);
    fs::remove_file(path(folder.path(), 1)).expect("removed");
    let plan = plan(&store).expect("a plan");
    assert_eq!(names(&plan.segments), [whole.name().as_str()]);
    let skipped: Vec<_> = plan.skipped.iter().map(|(name, _)| name).collect();
    assert_eq!(skipped, [silent.name(), damaged.name()]);
    let is_unusable = |why: &Skipped| matches!(why, Skipped::Unusable(_));
    assert!(plan.skipped.iter().all(|(_, why)| is_unusable(why)));
}

/// Where segments are lost the chain is in parts, and the link of each tells.
/// So many segments, each in a version of its own, of which the objects of some are lost.
fn holed(
    (folder, store): (&Path, &dyn Store),
    count: usize,
    lost: [usize; 2],
) -> Vec<StoredSegment> {
    let mut catalog = created(store);
    let mut live: Vec<StoredSegment> = Vec::new();
    for _ in 0..count {
        let next = captured(&catalog, store, live.last());
        commit(&mut catalog, added(&next));
        live.push(next);
    }
    for lost in lost {
        let object = &live[lost].object_names().expect("names")[0];
        fs::remove_file(folder.join(object.as_str())).expect("removed");
    }
    live
}

#[test]
fn segments_that_are_lost_leave_a_hole() {
    let (folder, store) = store();
    let live = holed((folder.path(), &store), 6, [1, 4]);
    // Those that a catalog names stay, since a verification tells that they are missing.
    assert!(plan_again(&store).unchanged);
    fs::remove_dir_all(folder.path().join("catalog")).expect("removed");
    let plan = plan_again(&store);
    let expected = [0, 2, 3, 5].map(|index| live[index].name().as_str());
    assert_eq!(names(&plan.segments), expected);
    assert_eq!(plan.segments[1].link.after.as_ref(), Some(live[1].name()));
}

/// What hangs together with nothing that is named was in a version that is lost.
#[test]
fn segments_between_holes_come_in_where_versions_are_lost() {
    let (folder, store) = store();
    let live = holed((folder.path(), &store), 10, [3, 5]);
    for number in 4..=10 {
        fs::remove_file(path(folder.path(), number)).expect("removed");
    }
    let plan = plan(&store).expect("a plan");
    assert!(!plan.lost.is_empty());
    let expected = [0, 1, 2, 4, 6, 7, 8, 9].map(|index| live[index].name().as_str());
    assert_eq!(names(&plan.segments), expected);
}

#[test]
fn what_is_forged_goes_in_no_circle_and_overflows_nothing() {
    let (folder, store) = store();
    created(&store);
    let one = put(&store, 5, 1, Link::default(), ZSTD);
    let own = Link::after(Some(one.name().clone()));
    put(&store, 5, 2, own.clone(), ZSTD);
    put(&store, 4, 3, own, ZSTD);
    fs::remove_file(path(folder.path(), 1)).expect("removed");
    assert!(!plan_again(&store).segments.is_empty());
    put(&store, u64::MAX, 4, Link::default(), ZSTD);
    let error = plan(&store).expect_err("no version can come after it");
    assert!(matches!(error, VaultError::Catalog { .. }));
}

#[test]
fn a_place_with_nothing_in_it_is_no_vault() {
    let (_folder, store) = store();
    let error = plan(&store).expect_err("nothing there");
    assert_eq!(error.code().as_str(), "not-a-repository");
}

/// A listing that was stale when the catalog was made anew leaves a hole, which the next time fills.
#[test]
fn what_a_stale_listing_left_out_comes_in_the_next_time() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    let mut live: Vec<StoredSegment> = Vec::new();
    for _ in 0..6 {
        let next = captured(&catalog, &store, live.last());
        commit(&mut catalog, added(&next));
        live.push(next);
    }
    let expected = names(&live);
    let hide = |segment: &StoredSegment| {
        let object = &segment.object_names().expect("names")[0];
        let path = folder.path().join(object.as_str());
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).expect("renamed");
        (path, aside)
    };
    for hidden in [&live[2..3], &live[1..4], &live[5..]] {
        fs::remove_dir_all(folder.path().join("catalog")).expect("removed");
        let hidden: Vec<_> = hidden.iter().map(hide).collect();
        let first = plan_again(&store);
        assert_eq!(first.segments.len() + hidden.len(), 6);
        first.write(&store, &SystemClock, "test").expect("written");
        for (path, aside) in hidden {
            fs::rename(aside, path).expect("renamed");
        }
        let second = plan_again(&store);
        assert_eq!(
            (second.unchanged, names(&second.segments)),
            (false, expected.clone())
        );
        second.write(&store, &SystemClock, "test").expect("written");
        assert!(plan_again(&store).unchanged);
    }
}

/// A writer that slept since before a version was lost does not take its number.
#[test]
fn a_sleeper_finds_no_number_free() {
    for lost in 3..=7 {
        let (folder, store) = store();
        let mut catalog = created(&store);
        let mut sleepers = vec![catalog.clone()];
        let mut live: Vec<StoredSegment> = Vec::new();
        for _ in 0..6 {
            let next = captured(&catalog, &store, live.last());
            commit(&mut catalog, added(&next));
            live.push(next);
            sleepers.push(catalog.clone());
        }
        fs::remove_file(path(folder.path(), lost)).expect("removed");
        plan_again(&store)
            .write(&store, &SystemClock, "test")
            .expect("written");
        assert!(plan_again(&store).unchanged);
        for mut sleeper in sleepers {
            let committed = sleeper.commit(vec![looked(1)], &mut |_| Some(vec![looked(1)]));
            let is_in = contents(&opened(&store)).2.looked_until.is_some();
            assert_eq!(committed.is_ok(), is_in, "{lost}: {committed:?}");
        }
    }
}

/// What versions name stays, whatever else lies there; what it goes on from decides.
#[test]
fn segments_of_another_vault_change_nothing_where_the_catalog_is_whole() {
    let (folder, store) = store();
    let live = filled(&store);
    let (other_folder, other) = crate::store();
    let mut catalog = created(&other);
    let mut others: Vec<StoredSegment> = Vec::new();
    for _ in 0..30 {
        let link = Link::after(others.last().map(|it| it.name().clone()));
        let number = u128::from(catalog.version()) + 5000;
        let next = put(&other, catalog.version(), number, link, ZSTD);
        commit(&mut catalog, added(&next));
        others.push(next);
    }
    for entry in fs::read_dir(other_folder.path().join("segments")).expect("objects") {
        let path = entry.expect("an object").path();
        let to = folder
            .path()
            .join("segments")
            .join(path.file_name().expect("a name"));
        fs::copy(path, to).expect("copied");
    }
    let plan = plan_again(&store);
    assert_eq!(names(&plan.segments), names(&live));
    assert!(plan.unchanged);
}

/// Another writer commits between the look and the new version: one of the two learns of the other.
#[test]
fn a_version_that_comes_meanwhile_is_not_overlooked() {
    for lost in [5, 9] {
        let (folder, store) = store();
        let mut catalog = created(&store);
        let mut live: Vec<StoredSegment> = Vec::new();
        for _ in 0..8 {
            let next = captured(&catalog, &store, live.last());
            commit(&mut catalog, added(&next));
            live.push(next);
        }
        fs::remove_file(path(folder.path(), lost)).expect("removed");
        let before = plan_again(&store);
        // Where the newest version is lost nobody else knows that.
        let Ok(mut other) = Catalog::open(&store, &SystemClock, "other") else {
            before.write(&store, &SystemClock, "test").expect("written");
            continue;
        };
        let (seen, ..) = contents(&other);
        let after = seen.last().map(|it| it.last_captured().clone());
        let theirs = put(&store, 8, 77, Link::after(after), ZSTD);
        commit(&mut other, added(&theirs));
        let error = before
            .write(&store, &SystemClock, "test")
            .expect_err("late");
        assert!(matches!(error, VaultError::Overtaken { .. }), "{error}");
        let again = plan_again(&store);
        assert!(names(&again.segments).contains(&theirs.name().as_str()));
    }
}

/// What was merged is there in its parts for a day: they hold the same where the merged one is lost.
#[test]
fn what_lies_there_in_another_form_takes_the_place_of_what_is_lost() {
    for is_noted in [false, true] {
        let (folder, store) = store();
        let live = filled(&store);
        let merged = live.iter().find(|it| it.link.through.is_some());
        let merged = merged.expect("a merged one");
        if is_noted {
            let damage = apograph_vault::SegmentDamage::Missing;
            let check = apograph_vault::Check::damaged(UnixMillis::new(1), damage);
            let checks = vec![(merged.name().clone(), check)];
            commit(&mut opened(&store), CatalogChange::Verified { checks });
        } else {
            let object = &merged.object_names().expect("names")[0];
            fs::remove_file(folder.path().join(object.as_str())).expect("removed");
        }
        let plan = plan_again(&store);
        assert!(!plan.unchanged);
        assert_eq!(plan.segments.len(), live.len() + 2);
        assert!(plan.segments.iter().all(|it| it.link.through.is_none()));
        plan.write(&store, &SystemClock, "test").expect("written");
        // What is in the chain again has not left it: its objects would be deleted.
        let (live, left, _) = contents(&opened(&store));
        let is_live = |name| live.iter().any(|it| it.name() == name);
        assert!(!left.iter().any(|(it, _)| is_live(it.name())));
        assert!(plan_again(&store).unchanged);
    }
}

#[test]
fn versions_of_another_vault_are_told() {
    let (folder, store) = store();
    filled(&store);
    let (other_folder, other) = crate::store();
    filled(&other);
    for number in [12, 13, 14] {
        let bytes = fs::read(path(other_folder.path(), number)).expect("a version");
        fs::write(path(folder.path(), number), bytes).expect("written");
    }
    let error = plan(&store).expect_err("a mixture");
    assert!(
        matches!(error, VaultError::Catalog { version: 11, .. }),
        "{error}"
    );
}

/// A version that repeats others stands for them, and those are not compared with it.
#[test]
fn of_a_long_catalog_any_one_version_may_be_lost() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    let mut live: Vec<StoredSegment> = Vec::new();
    for _ in 0..79 {
        let next = captured(&catalog, &store, live.last());
        commit(&mut catalog, added(&next));
        live.push(next);
    }
    for lost in 1..=80 {
        let path = path(folder.path(), lost);
        let bytes = fs::read(&path).expect("a version");
        fs::remove_file(&path).expect("removed");
        assert_eq!(names(&plan_again(&store).segments), names(&live), "{lost}");
        fs::write(&path, bytes).expect("as before");
    }
    assert!(plan_again(&store).unchanged);
}

/// Whatever number an object claims, nobody counts up to it.
#[test]
fn a_stray_version_ends() {
    let (folder, store) = store();
    let live = filled(&store);
    fs::write(path(folder.path(), 1 << 60), b"").expect("written");
    let plan = plan_again(&store);
    assert_eq!(names(&plan.segments), names(&live));
    assert!(plan.lost.len() <= 3, "{:?}", plan.lost);
    plan.write(&store, &SystemClock, "test").expect("written");
    assert_eq!(contents(&opened(&store)).0, live);
}

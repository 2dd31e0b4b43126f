//! What is committed is read.

use std::fs;

use apograph_format::UnixMillis;
use apograph_io::SystemClock;
use apograph_manifest::Level;
use apograph_store::{FolderStore, ObjectName, Store};
use apograph_testing::clock::ManualClock;
use apograph_testing::errors::told;
use apograph_testing::store::{FaultyStore, RequestKind};
use apograph_vault::{Catalog, CatalogChange, Check, SegmentDamage, Sha256, VaultError};

use crate::{
    add, commit, contents, created, file, left, live, looked, opened, path, segment, store,
    store_in, version,
};

#[test]
fn a_place_without_a_catalog_is_no_vault() {
    let (_folder, store) = store();
    let error = Catalog::open(&store, &SystemClock, "test").expect_err("nothing there");
    assert_eq!(error.code().as_str(), "not-a-repository");
    let mut catalog = created(&store);
    assert_eq!(catalog.version(), 1);
    commit(&mut catalog, add(1));
    assert_eq!(created(&store).version(), 2, "it is not created twice");
}

#[test]
fn segments_are_read_in_the_order_in_which_they_were_added() {
    let (_folder, store) = store();
    let mut catalog = created(&store);
    for number in [3, 1, 2] {
        commit(&mut catalog, add(number));
    }
    for catalog in [&catalog, &opened(&store)] {
        let (live, left, _) = contents(catalog);
        assert_eq!(live, [3, 1, 2].map(segment));
        assert_eq!(left, []);
    }
}

#[test]
fn a_merged_segment_is_in_the_place_of_those_that_it_is_made_of() {
    let (_folder, store) = store();
    let mut catalog = created(&store);
    for number in 1..=6 {
        commit(&mut catalog, add(number));
    }
    for (into, of) in [(23, [2, 3]), (45, [4, 5]), (2345, [23, 45])] {
        let change = CatalogChange::Merged {
            into: Box::new(segment(into)),
            of: of.map(file).to_vec(),
        };
        commit(&mut catalog, change);
    }
    let again = opened(&store);
    assert_eq!(live(&again), [1, 2345, 6]);
    assert_eq!(left(&again), [2, 3, 4, 5, 23, 45]);
    let gone = [2, 3, 45].map(file).to_vec();
    commit(&mut catalog, CatalogChange::Gone { segments: gone });
    assert_eq!(left(&opened(&store)), [4, 5, 23]);
}

#[test]
fn a_segment_that_has_left_is_known_until_it_is_gone_with_the_version() {
    let (_folder, store) = store();
    let mut catalog = created(&store);
    commit(&mut catalog, add(1));
    commit(&mut catalog, add(2));
    let segments = vec![file(1)];
    let with = commit(
        &mut catalog,
        CatalogChange::Removed {
            segments,
            until: None,
        },
    );
    // Past a version that is whole.
    for until in 0..80 {
        commit(&mut catalog, looked(until));
    }
    let (_, left, _) = contents(&opened(&store));
    assert_eq!(left, [(segment(1), with)]);
    let segments = vec![file(1)];
    commit(&mut catalog, CatalogChange::Gone { segments });
    for until in 0..80 {
        commit(&mut catalog, looked(until));
    }
    let (left, catalog) = (left_of(&store), opened(&store));
    assert_eq!((left, live(&catalog)), (Vec::new(), vec![2]));
}

fn left_of(store: &dyn Store) -> Vec<u64> {
    left(&opened(store))
}

#[test]
fn a_verification_keeps_when_the_frames_were_last_sound() {
    let (_folder, store) = store();
    let mut catalog = created(&store);
    commit(&mut catalog, add(1));
    let at = UnixMillis::new;
    let found = SegmentDamage::Found {
        offset: 12,
        detail: "a frame with another checksum".to_owned(),
    };
    let checks = [
        Check::sound(at(5), Level::Frames),
        Check::sound(at(6), Level::Files),
        Check::damaged(at(7), found),
        Check::damaged(at(8), SegmentDamage::Missing),
        Check::sound(at(9), Level::Objects),
    ];
    for (check, files_at) in checks.into_iter().zip([5, 6, 6, 6, 6]) {
        let checks = vec![(file(1), check.clone())];
        commit(&mut catalog, CatalogChange::Verified { checks });
        let (live, ..) = contents(&opened(&store));
        let found = live[0].check.clone().expect("checked");
        let is_sound = found.damage.is_none();
        assert_eq!(found.covers(Level::Frames), is_sound);
        assert_eq!(found.files_at, Some(at(files_at)));
        assert_eq!((found.at, found.damage), (check.at, check.damage));
        assert_eq!(found.frames_at, Some(at(5)));
    }
}

#[test]
fn the_newest_settings_count() {
    let (_folder, store) = store();
    let mut catalog = created(&store);
    let recipients = |keys: &[&str]| CatalogChange::Recipients {
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
    };
    commit(&mut catalog, recipients(&["age1first"]));
    commit(&mut catalog, looked(10));
    for until in 0..40 {
        commit(&mut catalog, looked(until));
    }
    let (.., settings) = contents(&opened(&store));
    assert_eq!(settings.recipients, ["age1first"]);
    assert_eq!(settings.looked_until, Some(UnixMillis::new(39)));
    commit(&mut catalog, recipients(&[]));
    let (.., settings) = contents(&opened(&store));
    assert_eq!(settings.recipients, [""; 0]);
}

#[test]
fn a_reader_needs_few_objects_at_any_version() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    let (mut most_read, mut most_asked) = (0, 0);
    for number in 2..400 {
        let change = if number % 3 == 0 {
            looked(number)
        } else {
            add(number)
        };
        commit(&mut catalog, change);
        let counted = FaultyStore::new(store_in(&folder), ManualClock::default());
        let again = opened(&counted);
        assert_eq!(again.version(), number);
        live(&again);
        // The hint is no version.
        most_read = most_read.max(counted.tally(RequestKind::Read).count - 1);
        most_asked = most_asked.max(counted.tally(RequestKind::Size).count);
    }
    assert!(most_read <= 33, "{most_read}");
    assert!(most_asked <= 16, "{most_asked}");
    let numbers = (2..400).filter(|number| number % 3 != 0);
    assert_eq!(live(&opened(&store)), numbers.collect::<Vec<_>>());
}

#[test]
fn a_hint_that_is_lost_old_or_wrong_changes_nothing() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    for until in 0..70 {
        commit(&mut catalog, looked(until));
    }
    let hint = ObjectName::parse("catalog/latest").expect("a name");
    let newest = catalog.version();
    assert_eq!(opened(&store).version(), newest);
    for text in [
        "",
        "{",
        "{\"number\":0}",
        "{\"number\":5}",
        "{\"number\":99999}",
    ] {
        store.put(&hint, text.as_bytes()).expect("put");
        assert_eq!(opened(&store).version(), newest, "{text}");
    }
    store
        .put(&hint, u64::MAX.to_string().as_bytes())
        .expect("put");
    assert_eq!(opened(&store).version(), newest);
    fs::remove_file(folder.path().join("catalog/latest")).expect("removed");
    assert_eq!(opened(&store).version(), newest);
}

#[test]
fn a_version_that_is_missing_or_changed_is_named() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    for number in 2..=20 {
        commit(&mut catalog, add(number));
    }
    for number in [1, 7, 20] {
        let path = path(folder.path(), number);
        let bytes = fs::read(&path).expect("a version");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x40;
            fs::write(&path, &changed).expect("changed");
            let read = Catalog::open(&store, &SystemClock, "test")
                .and_then(|catalog| catalog.read(&mut |_| Ok(())));
            match read {
                Err(VaultError::Catalog { version, .. }) => assert_eq!(version, number),
                // A bit that no decoder looks at, in the newest, which none names.
                Ok(_) => assert_eq!(number, 20),
                Err(error) => panic!("{error}"),
            }
        }
        if number < 20 {
            fs::remove_file(&path).expect("removed");
            let error = Catalog::open(&store, &SystemClock, "test")
                .and_then(|catalog| catalog.read(&mut |_| Ok(())))
                .expect_err("missing");
            let said = told(&error);
            assert!(
                said.starts_with(&format!("version {number} of the catalog")),
                "{said}"
            );
            assert!(said.ends_with("it is missing"), "{said}");
        }
        fs::write(&path, &bytes).expect("as before");
    }
}

/// Wherever the search for the newest one comes by.
#[test]
fn a_version_that_is_missing_after_the_hint_is_named() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    for number in 2..=20 {
        commit(&mut catalog, add(number));
    }
    let hint = ObjectName::parse("catalog/latest").expect("a name");
    store.put(&hint, b"{\"number\":5}").expect("put");
    for number in 6..20 {
        let path = path(folder.path(), number);
        let bytes = fs::read(&path).expect("a version");
        fs::remove_file(&path).expect("removed");
        let error = Catalog::open(&store, &SystemClock, "test").expect_err("missing");
        let expected = format!("version {number} of the catalog");
        assert!(told(&error).starts_with(&expected), "{error}");
        fs::write(&path, &bytes).expect("as before");
    }
    assert_eq!(opened(&store).version(), 20);
}

#[test]
fn a_change_that_is_not_known_is_not_passed_over() {
    let (_folder, store) = store();
    created(&store);
    let newer = "{\"format\":1,\"number\":2,\"nonce\":\"00000000000000000000000000000001\",\
                 \"time\":1,\"writer\":\"newer\",\"scope\":{\"after\":1},\"previous\":\"PREVIOUS\",\
                 \"own\":1}\n{\"pinned\":{}}\n{\"repeated\":0}\n";
    let first = store
        .read(&version(1), 1 << 20)
        .expect("read")
        .expect("there");
    let newer = newer.replace("PREVIOUS", &Sha256::of(&first).to_string());
    let newer = zstd::encode_all(newer.as_bytes(), 3).expect("packed");
    store.create(&version(2), &newer).expect("created");
    let error = opened(&store).read(&mut |_| Ok(())).expect_err("not known");
    assert_eq!(error.code().as_str(), "unsupported-version");
    let said = told(&error);
    assert!(
        said.contains("needs a newer apograph: it has a change"),
        "{said}"
    );
}

/// It is read by the piece.
#[test]
fn a_large_whole_version_is_read_to_its_end_and_has_to_be_the_right_one() {
    const KEYS: u64 = 140_000;
    let (folder, store) = store();
    // What packs as little as the hashes of real objects.
    let keys = (0..KEYS).map(|number| Sha256::of(&number.to_le_bytes()).to_string());
    let keys: Vec<String> = keys.collect();
    let last = keys.chunks(1000).last().expect("keys");
    let changes = keys.chunks(1000).map(|keys| CatalogChange::Recipients {
        keys: keys.to_vec(),
    });
    let changes: Vec<_> = changes.collect();
    let create = |store: &FolderStore<'static>| {
        let created = Catalog::create(store, &SystemClock, "test", &changes);
        drop(created.expect("created"));
    };
    create(&store);
    // So that it is needed, and by no version that goes right after it.
    let mut catalog = opened(&store);
    for until in 0..40 {
        commit(&mut catalog, looked(until));
    }
    let path = path(folder.path(), 1);
    let whole = fs::read(&path).expect("a version");
    assert!(whole.len() > 4 << 20, "{}", whole.len());
    let read = || opened(&store).read(&mut |_| Ok(()));
    assert!(read().expect("readable").recipients == last);
    let named = |what: &str, detail: &str| {
        let error = read().expect_err(what);
        let said = told(&error);
        assert!(
            said.starts_with("version 1 of the catalog"),
            "{what}: {said}"
        );
        assert!(said.ends_with(detail), "{what}: {said}");
    };
    let another = "a later version names another one";
    for place in [0, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x40;
        fs::write(&path, bytes).expect("changed");
        named("changed", another);
    }
    fs::write(&path, [&whole[..], b"more"].concat()).expect("longer");
    named("longer", another);
    fs::write(&path, &whole[..whole.len() - 1]).expect("cut");
    named("cut", another);
    // One that is as sound.
    let (other, beside) = crate::store();
    create(&beside);
    fs::copy(crate::path(other.path(), 1), &path).expect("copied");
    named("another one", another);
}

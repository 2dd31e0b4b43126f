//! Writers that sleep while the catalog goes on and old versions are removed.

use std::path::Path;

use apograph_io::SystemClock;
use apograph_testing::store::{FaultyStore, RequestKind, StoreFault};
use apograph_vault::{Catalog, Committed, VaultError};

use crate::{add, age, commit, created, live, looked, opened, path, store, store_in};

#[test]
fn old_versions_that_no_reader_needs_are_removed_the_oldest_first() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    for number in 2..=40 {
        commit(&mut catalog, add(number));
    }
    assert_eq!(catalog.clean().expect("cleaned"), 0, "all are young");
    for number in [1, 2, 3, 5] {
        age(&path(folder.path(), number));
    }
    assert_eq!(
        catalog.clean().expect("cleaned"),
        3,
        "4 is young, and 5 is after it"
    );
    for number in 4..=40 {
        age(&path(folder.path(), number));
    }
    catalog.clean().expect("cleaned");
    let left: Vec<_> = (1..=40)
        .filter(|&it| path(folder.path(), it).exists())
        .collect();
    assert!(left.len() < 40 && left.len() > 2, "{left:?}");
    assert!(
        left.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{left:?}"
    );
    assert_eq!(live(&opened(&store)), (2..=40).collect::<Vec<_>>());
    assert_eq!(live(&catalog), live(&opened(&store)));
}

/// A catalog of two versions goes on to the 90th, and a day later the first ones are removed.
fn go_on(catalog: &mut Catalog<'_>, folder: &Path) {
    for number in 3..=90 {
        commit(catalog, add(number));
    }
    for number in 1..=90 {
        age(&path(folder, number));
    }
    assert!(
        catalog.clean().expect("cleaned") > 3,
        "the number after a sleeper's is free"
    );
}

#[test]
fn a_writer_that_slept_past_a_cleanup_publishes_nothing() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    commit(&mut catalog, looked(0));
    let mut sleeper = opened(&store);
    go_on(&mut catalog, folder.path());
    let before = live(&opened(&store));
    let end = sleeper.commit(vec![add(1000)], &mut |_| panic!("nobody was faster"));
    assert!(matches!(end, Err(VaultError::Overtaken { .. })), "{end:?}");
    assert!(!path(folder.path(), 3).exists(), "it is taken back");
    assert_eq!(live(&opened(&store)), before);
    assert_eq!(opened(&store).version(), 90);
    let mut again = opened(&store);
    commit(&mut again, add(1000));
    assert_eq!(live(&opened(&store)).last(), Some(&1000));
}

/// A writer sleeps between the creation of its version and the look at the one before. Others build
/// on it, or nobody does; then what no reader needs is removed.
#[test]
fn a_version_that_was_there_before_the_cleanup_is_not_taken_back() {
    // A version with this number is whole.
    const WHOLE: u64 = 33;
    for (number, others) in [(WHOLE, 0), (WHOLE, 1), (WHOLE, 40), (WHOLE + 1, 0), (5, 90)] {
        let with_versions = || {
            let (folder, store) = store();
            let mut catalog = created(&store);
            for before in 2..number {
                commit(&mut catalog, add(before));
            }
            folder
        };
        let committed = |sleeper: &FaultyStore<'_>| {
            opened(sleeper).commit(vec![add(number)], &mut |_| panic!("nobody was faster"))
        };
        let awake = with_versions();
        let store = FaultyStore::new(store_in(&awake), SystemClock);
        let end = committed(&store).expect("committed");
        assert_eq!(end, Committed::Version(number));
        // The last request is the look.
        let look = store.requests().len() - 1;
        let folder = with_versions();
        let (root, theirs) = (folder.path().to_owned(), store_in(&folder));
        let sleeper = FaultyStore::new(store_in(&folder), SystemClock).meanwhile(move |index| {
            if index != look {
                return;
            }
            let mut catalog = opened(&theirs);
            assert_eq!(catalog.version(), number, "it is created already");
            for other in number + 1..=number + others {
                commit(&mut catalog, add(other));
            }
            for number in 1..=number + others {
                age(&path(&root, number));
            }
            assert!(catalog.clean().expect("cleaned") > 0);
        });
        let end = committed(&sleeper);
        let all: Vec<_> = (2..=number + others).collect();
        assert_eq!(live(&opened(&store_in(&folder))), all, "{number} {others}");
        // After a later whole version nothing tells it from one that came too late.
        let is_needless = others > 32;
        match end {
            Ok(Committed::Version(version)) if !is_needless => assert_eq!(version, number),
            Err(VaultError::Overtaken { .. }) if is_needless => {}
            end => panic!("{number} {others}: {end:?}"),
        }
    }
}

/// Two writers slept past a cleanup, and one of them was killed before it took its version back.
#[test]
fn nobody_builds_on_what_a_sleeper_left() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    commit(&mut catalog, looked(0));
    let mut sleeper = opened(&store);
    let killed = FaultyStore::new(store_in(&folder), SystemClock);
    let killed = killed.with_each(RequestKind::Delete, StoreFault::Fails);
    let mut killed = opened(&killed);
    go_on(&mut catalog, folder.path());
    let end = killed.commit(vec![add(999)], &mut |_| panic!("nobody was faster"));
    assert!(matches!(end, Err(VaultError::Overtaken { .. })), "{end:?}");
    assert!(path(folder.path(), 3).exists(), "it is not taken back");
    let end = sleeper.commit(vec![add(1000)], &mut |_| Some(vec![add(1000)]));
    assert!(matches!(end, Err(VaultError::Overtaken { .. })), "{end:?}");
    assert!(!path(folder.path(), 4).exists());
    assert_eq!(live(&opened(&store)), (3..=90).collect::<Vec<_>>());
}

/// What a sleeper could not take back lies below the oldest version.
#[test]
fn what_a_sleeper_left_is_nobodys_version() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    commit(&mut catalog, looked(0));
    let stale = std::fs::read(path(folder.path(), 2)).expect("a version");
    go_on(&mut catalog, folder.path());
    std::fs::write(path(folder.path(), 2), stale).expect("left");
    let hint = folder.path().join("catalog/latest");
    std::fs::remove_file(hint).expect("removed");
    assert_eq!(opened(&store).version(), 90);
    age(&path(folder.path(), 2));
    assert_eq!(catalog.clean().expect("cleaned"), 1);
}

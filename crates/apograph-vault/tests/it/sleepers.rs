//! Writers that sleep while the catalog goes on and old versions are removed.

use apograph_vault::VaultError;

use crate::{add, age, commit, created, live, looked, opened, path, store};

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

#[test]
fn a_writer_that_slept_past_a_cleanup_publishes_nothing() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    commit(&mut catalog, looked(0));
    let mut sleeper = opened(&store);
    for number in 3..=90 {
        commit(&mut catalog, add(number));
    }
    for number in 1..=90 {
        age(&path(folder.path(), number));
    }
    assert!(
        catalog.clean().expect("cleaned") > 3,
        "the number after the sleeper's is free"
    );
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

/// What a sleeper could not take back lies below the oldest version.
#[test]
fn what_a_sleeper_left_is_nobodys_version() {
    let (folder, store) = store();
    let mut catalog = created(&store);
    commit(&mut catalog, looked(0));
    let stale = std::fs::read(path(folder.path(), 2)).expect("a version");
    for number in 3..=90 {
        commit(&mut catalog, add(number));
    }
    for number in 1..=90 {
        age(&path(folder.path(), number));
    }
    catalog.clean().expect("cleaned");
    std::fs::write(path(folder.path(), 2), stale).expect("left");
    let hint = folder.path().join("catalog/latest");
    std::fs::remove_file(hint).expect("removed");
    assert_eq!(opened(&store).version(), 90);
    age(&path(folder.path(), 2));
    assert_eq!(catalog.clean().expect("cleaned"), 1);
}

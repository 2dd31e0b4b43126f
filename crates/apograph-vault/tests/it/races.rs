//! Several writers, of which one is faster.

use std::sync::Barrier;
use std::thread;

use apograph_io::SystemClock;
use apograph_vault::{Catalog, CatalogChange, Committed, VaultError};

use crate::{add, commit, contents, created, live, looked, opened, store};

#[test]
fn who_lost_a_race_learns_what_the_others_changed() {
    let (_folder, store) = store();
    let mut one = created(&store);
    let mut other = opened(&store);
    commit(&mut one, add(1));
    commit(&mut one, add(2));
    let mut told = Vec::new();
    let committed = other.commit(vec![looked(5)], &mut |changes| {
        told.extend(changes.to_vec());
        Some(vec![looked(5)])
    });
    assert_eq!(committed.expect("committed"), Committed::Version(4));
    assert_eq!(told, [add(1), add(2)]);
    assert_eq!(live(&other), [1, 2]);
    let (live, _, settings) = contents(&opened(&store));
    assert_eq!(live.len(), 2);
    assert!(settings.looked_until.is_some());
}

#[test]
fn who_gives_up_has_committed_nothing() {
    let (_folder, store) = store();
    let mut one = created(&store);
    let mut other = opened(&store);
    commit(&mut one, add(1));
    let committed = other.commit(vec![add(2)], &mut |_| None);
    assert_eq!(committed.expect("no error"), Committed::Dropped);
    assert_eq!(live(&opened(&store)), [1]);
    assert_eq!(live(&other), [1], "it knows what the other did");
    commit(&mut other, add(3));
    assert_eq!(live(&opened(&store)), [1, 3]);
}

#[test]
fn after_ten_lost_races_the_vault_is_busy() {
    let (_folder, store) = store();
    let mut one = created(&store);
    let mut other = opened(&store);
    commit(&mut one, looked(0));
    let mut lost = 0;
    let error = other.commit(vec![add(1)], &mut |_| {
        lost += 1;
        commit(&mut one, looked(lost));
        Some(vec![add(1)])
    });
    assert!(matches!(error, Err(VaultError::Busy { .. })));
    assert_eq!(lost, 10);
    assert_eq!(live(&opened(&store)), [0; 0]);
}

#[test]
fn nothing_of_many_writers_is_lost_or_twice_there() {
    let (_folder, store) = store();
    created(&store);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                let mut catalog =
                    Catalog::open(store, &SystemClock, "one of four").expect("opened");
                start.wait();
                for number in 0..25 {
                    let change = || vec![add(writer * 100 + number)];
                    loop {
                        match catalog.commit(change(), &mut |_| Some(change())) {
                            Ok(Committed::Version(_)) => break,
                            Err(VaultError::Busy { .. }) => {}
                            end => panic!("{end:?}"),
                        }
                    }
                }
            });
        }
    });
    let catalog = opened(&store);
    assert_eq!(catalog.version(), 101);
    let mut numbers = live(&catalog);
    for writer in 0..4 {
        let of_one = numbers.iter().filter(|&&number| number / 100 == writer);
        assert!(of_one.is_sorted(), "{numbers:?}");
    }
    numbers.sort_unstable();
    let expected = (0..4).flat_map(|writer| (0..25).map(move |number| writer * 100 + number));
    assert_eq!(numbers, expected.collect::<Vec<u64>>());
}

#[test]
fn of_two_that_create_a_vault_one_does() {
    let (_folder, store) = store();
    let start = Barrier::new(2);
    let recipients = |key: &str| CatalogChange::Recipients {
        keys: vec![key.to_owned()],
    };
    let found = thread::scope(|scope| {
        let threads = ["age1one", "age1other"].map(|key| {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                start.wait();
                let created = Catalog::create(store, &SystemClock, key, &[recipients(key)]);
                contents(&created.expect("created")).2.recipients
            })
        });
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0].len(), 1);
}

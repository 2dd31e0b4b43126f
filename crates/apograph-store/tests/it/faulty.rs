//! What the store of the tests does to its callers, and that careful ones lose nothing.

use std::time::Duration;

use apograph_store::io::{Clock, Folder, Mode, RealDisk};
use apograph_store::{Created, FolderStore, Result, Store, StoreError};
use apograph_testing::clock::ManualClock;
use apograph_testing::store::contract::{name, names};
use apograph_testing::store::{FaultyStore, RequestKind, RequestTally, StoreFault};

/// So many versions are committed.
const VERSIONS: usize = 3;

/// Two stores in one folder: one to be made faulty, and one without faults.
fn with_stores(act: impl FnOnce(FaultyStore<'static>, &FolderStore<'static>, &ManualClock)) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Folder::open(folder.path()).expect("a folder");
    let open = || FolderStore::new(&RealDisk, root.clone(), Mode::PRIVATE);
    let clock = ManualClock::default();
    act(FaultyStore::new(open(), clock.clone()), &open(), &clock);
}

fn with_store(act: impl FnOnce(FaultyStore<'static>, &ManualClock)) {
    with_stores(|store, _, clock| act(store, clock));
}

/// Creates the next free version: where it is not known whose a version is, it is read.
fn commit(store: &dyn Store, nonce: &str) -> Result<usize> {
    let mut version = 1;
    loop {
        let object = name(&format!("versions/{version:020}"));
        let created = store.create(&object, nonce.as_bytes());
        if matches!(created, Ok(Created::New)) {
            return Ok(version);
        }
        match store.read(&object, 99)? {
            Some(found) if found == nonce.as_bytes() => return Ok(version),
            Some(_) => version += 1,
            None => {}
        }
    }
}

#[test]
fn a_version_is_committed_once_whatever_fails() {
    for fault in [
        StoreFault::Fails,
        StoreFault::FailsAfter,
        StoreFault::Duplicates,
        StoreFault::SaysTaken,
        StoreFault::Delays(Duration::from_secs(60)),
    ] {
        let mut struck = 0;
        for index in 0..20 {
            with_stores(|store, plain, _| {
                let store = store.with_fault(index, fault.clone());
                let mut committed = Vec::new();
                for number in 0..VERSIONS {
                    let nonce = format!("nonce {number}");
                    // A writer that could not read begins again, with the same nonce.
                    let version = commit(&store, &nonce).or_else(|_| commit(&store, &nonce));
                    committed.push(version.unwrap());
                }
                struck += usize::from(store.is_struck());
                assert_eq!(committed, [1, 2, 3], "{fault:?} at {index}");
                let found = names(plain, "versions", None);
                assert_eq!(found.len(), VERSIONS, "{fault:?} at {index}");
            });
        }
        assert!(struck >= VERSIONS, "{fault:?} struck {struck} times");
    }
}

#[test]
fn what_fails_is_done_or_not() {
    for (fault, is_done) in [(StoreFault::Fails, false), (StoreFault::FailsAfter, true)] {
        with_store(|store, _| {
            let store = store
                .with_fault(0, fault.clone())
                .with_fault(4, fault.clone());
            store.create(&name("x/1"), b"one").unwrap_err();
            let found = store.read(&name("x/1"), 9).unwrap();
            assert_eq!(found.is_some(), is_done, "{fault:?}");
            let mut upload = store.upload(&name("x/2")).unwrap();
            upload.write(b"two").unwrap();
            upload.finish().unwrap_err();
            assert_eq!(store.size(&name("x/2")).unwrap().is_some(), is_done);
        });
    }
}

#[test]
fn a_body_is_cut_short() {
    with_store(|store, _| {
        let store = store
            .with_each(RequestKind::Read, StoreFault::CutsShort)
            .with_each(RequestKind::ReadRange, StoreFault::CutsShort);
        store.create(&name("x"), b"0123456789").unwrap();
        assert_eq!(store.read(&name("x"), 99).unwrap().unwrap(), b"01234");
        let error = store.read_range(&name("x"), 2..6).unwrap_err();
        assert!(matches!(error, StoreError::EndedEarly { end: 6, .. }));
    });
}

#[test]
fn a_listing_is_that_of_the_last_time() {
    with_store(|store, _| {
        let store = store.with_fault(2, StoreFault::ServesStale);
        store.create(&name("x/1"), b"").unwrap();
        assert_eq!(names(&store, "x", None), ["x/1"]);
        store.delete(&name("x/1")).unwrap();
        store.create(&name("x/2"), b"").unwrap();
        assert_eq!(names(&store, "x", None), ["x/2"]);
        assert!(!store.is_struck());
    });
    with_store(|store, _| {
        let store = store.with_fault(3, StoreFault::ServesStale);
        store.create(&name("x/1"), b"").unwrap();
        assert_eq!(names(&store, "x", None), ["x/1"]);
        store.create(&name("x/2"), b"").unwrap();
        assert_eq!(names(&store, "x", None), ["x/1"]);
        assert_eq!(names(&store, "x", None), ["x/1", "x/2"]);
    });
}

#[test]
fn a_delay_is_of_the_clock() {
    with_store(|store, clock| {
        let store = store.with_fault(0, StoreFault::Delays(Duration::from_secs(60)));
        let before = clock.now();
        store.create(&name("x"), b"").unwrap();
        assert_eq!(clock.now().get() - before.get(), 60_000);
    });
}

#[test]
fn another_writer_comes_in_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Folder::open(folder.path()).expect("a folder");
    let open = move || FolderStore::new(&RealDisk, root.clone(), Mode::PRIVATE);
    let other = open();
    let store = FaultyStore::new(open(), ManualClock::default()).meanwhile(move |index| {
        if index == 1 {
            other.create(&name("x/1"), b"theirs").unwrap();
        }
    });
    assert_eq!(store.size(&name("x/1")).unwrap(), None);
    assert_eq!(store.create(&name("x/1"), b"ours").unwrap(), Created::Taken);
}

#[test]
fn requests_and_bytes_are_counted() {
    with_store(|store, _| {
        store.create(&name("x"), b"12345").unwrap();
        store.create(&name("x"), b"12345").unwrap();
        store.read(&name("x"), 99).unwrap();
        store.read_range(&name("x"), 1..3).unwrap();
        store.put(&name("hint"), b"1").unwrap();
        let counted = [
            RequestKind::Create,
            RequestKind::Read,
            RequestKind::ReadRange,
            RequestKind::Put,
            RequestKind::List,
        ]
        .map(|kind| {
            let RequestTally { count, size_bytes } = store.tally(kind);
            (count, size_bytes)
        });
        assert_eq!(counted, [(2, 10), (1, 5), (1, 2), (1, 1), (0, 0)]);
        let kinds: Vec<_> = store.requests().iter().map(|it| it.kind).collect();
        assert_eq!(kinds[2..4], [RequestKind::Read, RequestKind::ReadRange]);
        assert_eq!(store.requests()[4].name, "hint");
    });
}

//! What every store promises.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apograph_store::io::{Folder, Mode, RealDisk};
use apograph_store::{Created, FolderStore, ObjectName, Store, StoreError, probe};

/// Lets a test run over each kind of store.
fn with_each(test: impl Fn(&dyn Store)) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Folder::open(folder.path()).expect("a folder");
    test(&FolderStore::new(&RealDisk, root, Mode::PRIVATE));
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).expect(text)
}

pub(crate) fn names(store: &dyn Store, folder: &str, after: Option<&str>) -> Vec<String> {
    let objects = store.list(folder, after).expect("a listing");
    objects
        .map(|object| object.expect("an object").name.to_string())
        .collect()
}

#[test]
fn an_object_is_created_once() {
    with_each(|store| {
        for text in ["top", "catalog/1", "a/b/c/d"] {
            let name = name(text);
            assert_eq!(store.size(&name).unwrap(), None);
            assert_eq!(store.read(&name, 99).unwrap(), None);
            assert_eq!(store.create(&name, b"first").unwrap(), Created::New);
            assert_eq!(store.create(&name, b"second").unwrap(), Created::Taken);
            assert_eq!(store.read(&name, 99).unwrap().unwrap(), b"first");
            assert_eq!(store.size(&name).unwrap(), Some(5));
        }
    });
}

#[test]
fn a_part_of_an_object_is_read() {
    with_each(|store| {
        let name = name("x/y");
        let missing = store.read_range(&name, 0..1).unwrap_err();
        assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
        store.create(&name, b"0123456789").unwrap();
        assert_eq!(store.read_range(&name, 0..10).unwrap(), b"0123456789");
        assert_eq!(store.read_range(&name, 3..5).unwrap(), b"34");
        assert_eq!(store.read_range(&name, 10..10).unwrap(), b"");
        let short = store.read_range(&name, 8..11).unwrap_err();
        assert!(
            matches!(short, StoreError::EndedEarly { end: 11, .. }),
            "{short}"
        );
        let large = store.read(&name, 9).unwrap_err();
        assert!(
            matches!(large, StoreError::TooLarge { limit: 9, .. }),
            "{large}"
        );
    });
}

#[test]
fn an_upload_is_there_once_it_is_finished() {
    with_each(|store| {
        let name = name("segments/large");
        let mut upload = store.upload(&name).unwrap();
        upload.write(b"one ").unwrap();
        assert_eq!(store.size(&name).unwrap(), None);
        assert_eq!(names(store, "segments", None), [""; 0]);
        upload.write(b"two").unwrap();
        upload.finish().unwrap();
        assert_eq!(store.read(&name, 99).unwrap().unwrap(), b"one two");
        let other = self::name("segments/dropped");
        store.upload(&other).unwrap().write(b"lost").unwrap();
        assert_eq!(names(store, "segments", None), ["segments/large"]);
    });
}

#[test]
fn a_hint_is_replaced() {
    with_each(|store| {
        let name = name("catalog/latest");
        for text in ["1", "22", "3"] {
            store.put(&name, text.as_bytes()).unwrap();
            assert_eq!(store.read(&name, 99).unwrap().unwrap(), text.as_bytes());
        }
    });
}

#[test]
fn objects_are_listed_in_the_order_of_their_names() {
    with_each(|store| {
        assert_eq!(names(store, "catalog", None), [""; 0]);
        for text in [
            "catalog/10",
            "catalog/9",
            "catalog/a.b",
            "top",
            "catalog/sub/1",
        ] {
            store.create(&name(text), text.as_bytes()).unwrap();
        }
        let all = ["catalog/10", "catalog/9", "catalog/a.b"];
        assert_eq!(names(store, "catalog", None), all);
        assert_eq!(names(store, "catalog", Some("10")), all[1..]);
        assert_eq!(names(store, "catalog", Some("11")), all[1..]);
        assert_eq!(names(store, "catalog", Some("a.b")), [""; 0]);
        assert_eq!(names(store, "", None), ["top"]);
        assert_eq!(names(store, "nothing", None), [""; 0]);
        let sizes = store.list("catalog", None).unwrap();
        let sizes: Vec<_> = sizes.map(|object| object.unwrap().size_bytes).collect();
        assert_eq!(sizes, [10, 9, 11]);
    });
}

#[test]
fn a_deleted_object_is_gone_and_its_name_free() {
    with_each(|store| {
        let name = name("segments/1");
        store.delete(&name).unwrap();
        store.create(&name, b"1").unwrap();
        store.delete(&name).unwrap();
        assert_eq!(store.read(&name, 9).unwrap(), None);
        assert_eq!(store.create(&name, b"2").unwrap(), Created::New);
        store.delete(&self::name("nothing/there")).unwrap();
    });
}

#[test]
fn objects_and_the_clock_are_of_one_time() {
    with_each(|store| {
        let before = store.now().unwrap();
        store.create(&name("a"), b"").unwrap();
        let object = store.list("", None).unwrap().next().unwrap().unwrap();
        let after = store.now().unwrap();
        assert!((before..=after).contains(&object.modified));
        let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let there = Duration::from_millis(after.get());
        assert!(here.abs_diff(there) < Duration::from_secs(10));
        assert_eq!(names(store, "", None), ["a"]);
    });
}

/// A reader never sees a part of an object.
#[test]
fn an_object_is_whole_or_not_there() {
    with_each(|store| {
        let bytes = vec![7; 1 << 20];
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                for number in 0..20 {
                    store.create(&name(&format!("x/{number}")), &bytes).unwrap();
                }
            });
            start.wait();
            for number in 0..20 {
                let name = name(&format!("x/{number}"));
                let found = loop {
                    if let Some(found) = store.read(&name, 2 << 20).unwrap() {
                        break found;
                    }
                };
                assert!(found == bytes, "{number}: {} bytes", found.len());
            }
        });
    });
}

#[test]
fn one_of_several_writers_creates_a_name() {
    with_each(|store| {
        probe(store).unwrap();
        assert_eq!(names(store, apograph_store::PROBES, None), [""; 0]);
    });
}

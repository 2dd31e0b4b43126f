//! What every store promises, in clauses that a test lets run over any.
//!
//! Each clause takes a store in which nothing is, and panics where a promise is not kept.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apograph_store::{Created, ObjectName, PROBES, Store, StoreError, probe};

/// A promise, and its name.
pub type Clause = (&'static str, fn(&dyn Store));

/// Hands the names of all clauses to a macro.
#[macro_export]
macro_rules! each_store_clause {
    ($macro:ident) => {
        $macro![
            an_object_is_created_once,
            a_part_of_an_object_is_read,
            an_upload_is_there_once_it_is_finished,
            an_upload_of_many_parts_is_whole,
            a_hint_is_replaced,
            objects_are_listed_in_the_order_of_their_names,
            a_long_listing_is_whole_and_in_order,
            a_deleted_object_is_gone_and_its_name_free,
            objects_and_the_clock_are_of_one_time,
            an_object_is_whole_or_not_there,
            one_of_several_writers_creates_a_name,
        ];
    };
}

macro_rules! declare {
    ($($clause:ident,)+) => {
        /// Every clause.
        pub const CLAUSES: &[Clause] = &[$((stringify!($clause), $clause)),+];
    };
}

each_store_clause!(declare);

/// More than any store lists in one answer, by default.
const LONG_LISTING: usize = 1_050;
/// A listing's objects are created by so many writers.
const WRITERS: usize = 6;
/// An upload of several parts.
const LARGE_BYTES: usize = 40 << 20;
/// Each block of it is another one.
const BLOCK_BYTES: usize = 512;
/// What is given to an upload at once: no part ends with it.
const GIVEN_BYTES: usize = 3_000_001;

/// The name of an object.
///
/// # Panics
///
/// Where it is none.
pub fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).expect(text)
}

/// The names of the objects right in a folder, from one on.
///
/// # Panics
///
/// Where they cannot be listed.
pub fn names(store: &dyn Store, folder: &str, after: Option<&str>) -> Vec<String> {
    let objects = store.list(folder, after).expect("a listing");
    objects
        .map(|object| object.expect("an object").name.to_string())
        .collect()
}

/// A name is created once, and what it stands for stays.
fn an_object_is_created_once(store: &dyn Store) {
    for text in ["top", "catalog/1", "a/b/c/d"] {
        let name = name(text);
        assert_eq!(store.size(&name).unwrap(), None);
        assert_eq!(store.read(&name, 99).unwrap(), None);
        assert_eq!(store.create(&name, b"first").unwrap(), Created::New);
        assert_eq!(store.create(&name, b"second").unwrap(), Created::Taken);
        assert_eq!(store.read(&name, 99).unwrap().unwrap(), b"first");
        assert_eq!(store.size(&name).unwrap(), Some(5));
    }
}

/// What is asked for is what comes, or an error.
fn a_part_of_an_object_is_read(store: &dyn Store) {
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
}

/// An upload is nowhere before it is finished, nor after it was dropped.
fn an_upload_is_there_once_it_is_finished(store: &dyn Store) {
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
}

/// An upload of several parts comes back as it was given, in whatever pieces.
fn an_upload_of_many_parts_is_whole(store: &dyn Store) {
    let name = name("segments/large");
    let mut bytes = vec![7; LARGE_BYTES];
    for (number, block) in bytes.chunks_mut(BLOCK_BYTES).enumerate() {
        block[..8].copy_from_slice(&number.to_le_bytes());
    }
    let mut upload = store.upload(&name).unwrap();
    for piece in bytes.chunks(GIVEN_BYTES) {
        upload.write(piece).unwrap();
    }
    assert_eq!(store.size(&name).unwrap(), None);
    upload.finish().unwrap();
    let length = bytes.len() as u64;
    assert_eq!(store.size(&name).unwrap(), Some(length));
    assert!(store.read(&name, length).unwrap().unwrap() == bytes);
    for start in [0, (8 << 20) - 3, LARGE_BYTES - 100] {
        let range = start as u64..(start + 100) as u64;
        let found = store.read_range(&name, range).unwrap();
        assert_eq!(found, bytes[start..start + 100], "from {start} on");
    }
    store.delete(&name).unwrap();
}

/// A listing of more objects than any store names at once is whole, and in order.
fn a_long_listing_is_whole_and_in_order(store: &dyn Store) {
    let of = |number: usize| format!("catalog/{number:020}");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for number in (writer..LONG_LISTING).step_by(WRITERS) {
                    store.create(&name(&of(number)), b"").unwrap();
                }
            });
        }
    });
    let all: Vec<_> = (0..LONG_LISTING).map(of).collect();
    assert!(names(store, "catalog", None) == all);
    let after = format!("{:020}", 7);
    assert!(names(store, "catalog", Some(&after)) == all[8..]);
    assert_eq!(names(store, "", None), [""; 0]);
}

/// A hint is what was written last.
fn a_hint_is_replaced(store: &dyn Store) {
    let name = name("catalog/latest");
    for text in ["1", "22", "3"] {
        store.put(&name, text.as_bytes()).unwrap();
        assert_eq!(store.read(&name, 99).unwrap().unwrap(), text.as_bytes());
    }
}

/// A listing is in order, of one folder, and begins where it is told to.
fn objects_are_listed_in_the_order_of_their_names(store: &dyn Store) {
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
}

/// What is deleted is gone, and what is not there can be deleted.
fn a_deleted_object_is_gone_and_its_name_free(store: &dyn Store) {
    let name = name("segments/1");
    store.delete(&name).unwrap();
    store.create(&name, b"1").unwrap();
    store.delete(&name).unwrap();
    assert_eq!(store.read(&name, 9).unwrap(), None);
    assert_eq!(store.create(&name, b"2").unwrap(), Created::New);
    store.delete(&self::name("nothing/there")).unwrap();
}

/// The clock is the one by which objects are dated, and leaves nothing.
fn objects_and_the_clock_are_of_one_time(store: &dyn Store) {
    let before = store.now().unwrap();
    store.create(&name("a"), b"").unwrap();
    let object = store.list("", None).unwrap().next().unwrap().unwrap();
    let after = store.now().unwrap();
    assert!((before..=after).contains(&object.modified));
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let there = Duration::from_millis(after.get());
    assert!(here.abs_diff(there) < Duration::from_secs(10));
    assert_eq!(names(store, "", None), ["a"]);
}

/// A reader never sees a part of an object.
fn an_object_is_whole_or_not_there(store: &dyn Store) {
    let bytes = vec![7; 1 << 20];
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            start.wait();
            for number in 0..20 {
                store.create(&name(&format!("x/{number}")), &bytes).unwrap();
            }
        });
        start.wait();
        for number in 0..20 {
            let name = name(&format!("x/{number}"));
            let found = loop {
                let is_over = writer.is_finished();
                if let Some(found) = store.read(&name, 2 << 20).unwrap() {
                    break found;
                }
                assert!(!is_over, "{number} is not there");
            };
            assert!(found == bytes, "{number}: {} bytes", found.len());
        }
    });
}

/// Several writers race for a name, and one creates it.
fn one_of_several_writers_creates_a_name(store: &dyn Store) {
    probe(store).unwrap();
    assert_eq!(names(store, PROBES, None), [""; 0]);
}

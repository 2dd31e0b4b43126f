//! Objects in a folder, on disks that lack something, fail or lose their power.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::Duration;

use apograph_store::format::{Code, UnixMillis};
use apograph_store::io::{Disk, FileLock, Folder, IoError, Lack, Mode, RealDisk};
use apograph_store::{Created, FolderStore, Leftovers, Store, StoreError, probe};
use apograph_testing::disk::{Fault, SimDisk};
use apograph_testing::store::contract::{name, names};

#[test]
fn nothing_but_objects_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let root = Folder::open(folder.path()).unwrap();
    let store = FolderStore::new(&RealDisk, root, Mode::PRIVATE);
    store.create(&name("x/1"), b"").unwrap();
    let left = folder.path().join("x/.2.0123.apograph-tmp");
    fs::write(&left, "left by a killed writer").unwrap();
    fs::write(folder.path().join("x/a b"), "of somebody").unwrap();
    fs::create_dir(folder.path().join("x/3")).unwrap();
    std::os::unix::fs::symlink("1", folder.path().join("x/4")).unwrap();
    assert_eq!(names(&store, "x", None), ["x/1"]);
    assert_eq!(store.size(&name("x/4")).unwrap(), None);
    store.read(&name("x/4"), 99).unwrap_err();
}

/// On a file system without links: whoever is killed leaves no empty object.
#[test]
fn without_links_a_lock_on_the_folder_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let root = Folder::open(folder.path()).unwrap();
    root.note(Lack::FreeRename);
    root.note(Lack::Link);
    let store = FolderStore::new(&RealDisk, root, Mode::PRIVATE);
    let inner = folder.path().join("x");
    fs::create_dir(&inner).unwrap();
    for theirs in [&b"theirs"[..], b""] {
        let held = FileLock::acquire_folder(&Folder::open(&inner).unwrap()).unwrap();
        thread::scope(|scope| {
            let created = scope.spawn(|| store.create(&name("x/1"), b"ours").unwrap());
            thread::sleep(Duration::from_millis(50));
            assert!(!created.is_finished(), "it waits");
            assert!(!inner.join("1").exists(), "and claims nothing");
            if !theirs.is_empty() {
                fs::write(inner.join("1"), theirs).unwrap();
            }
            drop(held);
            let expected = match theirs {
                b"" => (Created::New, b"ours".to_vec()),
                _ => (Created::Taken, theirs.to_vec()),
            };
            let content = || store.read(&name("x/1"), 99).unwrap().unwrap();
            assert_eq!((created.join().unwrap(), content()), expected);
        });
        fs::remove_file(inner.join("1")).unwrap();
    }
}

#[test]
fn what_a_killed_writer_left_is_removed_once_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let root = Folder::open(folder.path()).unwrap();
    let store = FolderStore::new(&RealDisk, root, Mode::PRIVATE);
    let none = store.remove_leftovers("x", &|_| true).unwrap();
    assert_eq!(none, Leftovers::default(), "there is no such folder");
    store.create(&name("x/1"), b"an object").unwrap();
    let mut upload = store.upload(&name("x/2")).unwrap();
    upload.write(b"of a live writer").unwrap();
    let own = "0123456789abcdef0123456789abcdef";
    let inner = folder.path().join("x");
    let left = inner.join(format!(".2.{own}.apograph-tmp"));
    fs::write(&left, "left by a killed writer").unwrap();
    let foreign = [
        ".2.0123.apograph-tmp".to_owned(),
        ".2.apograph-tmp".to_owned(),
        format!(".2.{}.apograph-tmp", own.to_uppercase()),
        format!(".{own}.apograph-tmp"),
        format!(".a b.{own}.apograph-tmp"),
        format!("2.{own}.apograph-tmp"),
        format!(".2.{own}.apograph-tmp~"),
        format!("2.{own}"),
    ];
    for name in &foreign {
        fs::write(inner.join(name), "of somebody").unwrap();
    }
    fs::create_dir(inner.join(format!(".3.{own}.apograph-tmp"))).unwrap();
    std::os::unix::fs::symlink("1", inner.join(format!(".4.{own}.apograph-tmp"))).unwrap();
    let there = || fs::read_dir(&inner).unwrap().count();
    let all = there();
    let then = std::time::SystemTime::now() - Duration::from_secs(60);
    let file = fs::File::options().write(true).open(&left).unwrap();
    file.set_modified(then).unwrap();
    let begun = store.now().unwrap().get() - 30_000;
    let is_old = |modified: UnixMillis| modified.get() < begun;

    assert_eq!(store.remove_leftovers("", &|_| true).unwrap().count, 0);
    let removed = store.remove_leftovers("x", &is_old).unwrap();
    assert_eq!((removed.count, removed.bytes), (1, 23));
    assert!(!left.exists());
    assert_eq!(there(), all - 1, "young ones, and what others made");
    upload.finish().unwrap();
    assert_eq!(store.size(&name("x/2")).unwrap(), Some(16));

    let upload = store.upload(&name("x/5")).unwrap();
    let removed = store.remove_leftovers("x", &|_| true).unwrap();
    assert_eq!(removed.count, 1);
    upload.finish().unwrap_err();
    assert_eq!(store.size(&name("x/5")).unwrap(), None);
    assert!(foreign.iter().all(|name| inner.join(name).exists()));
}

#[test]
fn a_disk_without_such_renames_or_links_will_do() {
    for lacks in [
        &[Lack::FreeRename][..],
        &[Lack::FreeRename, Lack::Link],
        &[Lack::FreeRename, Lack::Link, Lack::Exchange],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let root = Folder::open(folder.path()).unwrap();
        let disk = SimDisk::new(folder.path()).without(lacks);
        let store = FolderStore::new(&disk, root, Mode::PRIVATE);
        let name = name("x/1");
        assert_eq!(
            store.create(&name, b"1").unwrap(),
            Created::New,
            "{lacks:?}"
        );
        assert_eq!(
            store.create(&name, b"2").unwrap(),
            Created::Taken,
            "{lacks:?}"
        );
        store.put(&name, b"3").unwrap();
        assert_eq!(store.read(&name, 9).unwrap().unwrap(), b"3", "{lacks:?}");
    }
}

/// Where links or claims take the place of such a rename, one of several writers creates a name too.
#[test]
fn a_disk_without_such_renames_or_links_loses_no_race() {
    for lacks in [&[Lack::FreeRename][..], &[Lack::FreeRename, Lack::Link]] {
        let folder = tempfile::tempdir().unwrap();
        let root = Folder::open(folder.path()).unwrap();
        for lack in lacks {
            root.note(*lack);
        }
        let store = FolderStore::new(&RealDisk, root, Mode::PRIVATE);
        probe(&store).unwrap_or_else(|error| panic!("{lacks:?}: {error}"));
    }
}

/// What is done to a store that has `x/old` and the hint `x/hint`, and what may be found then of the
/// object that it is about.
type Act = (&'static str, fn(&dyn Store) -> apograph_store::Result<()>);

const BEFORE: [(&str, &[u8]); 2] = [("x/old", b"old"), ("x/hint", b"1")];

const ACTS: [(Act, &str, &[u8]); 5] = [
    (
        ("create", |store| {
            store.create(&name("x/new"), b"new").map(drop)
        }),
        "x/new",
        b"new",
    ),
    (
        ("create in a new folder", |store| {
            store.create(&name("y/z/new"), b"new").map(drop)
        }),
        "y/z/new",
        b"new",
    ),
    (
        ("upload", |store| {
            let name = name("x/new");
            let mut upload = store.upload(&name)?;
            upload.write(b"n")?;
            upload.write(b"ew")?;
            upload.finish()
        }),
        "x/new",
        b"new",
    ),
    (
        ("put", |store| store.put(&name("x/hint"), b"2")),
        "x/hint",
        b"2",
    ),
    (
        ("delete", |store| store.delete(&name("x/old"))),
        "x/old",
        b"",
    ),
];

/// The content of an object before and after each act: none is the empty one.
fn before(object: &str) -> &'static [u8] {
    let found = BEFORE.iter().find(|(name, _)| *name == object);
    found.map_or(&[], |(_, bytes)| *bytes)
}

fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &RealDisk);
    for (object, bytes) in BEFORE {
        store.create(&name(object), bytes).unwrap();
    }
    folder
}

fn open<'d>(path: &Path, disk: &'d dyn Disk) -> FolderStore<'d> {
    FolderStore::new(disk, Folder::open(path).unwrap(), Mode::PRIVATE)
}

/// Each act with a fault at each of its operations, in turns; the folder afterwards.
fn with_each_fault(fault: Fault, check: impl Fn(&str, &SimDisk, &Path, bool, &str, &[u8])) {
    let mut struck = 0;
    for ((what, act), object, after) in ACTS {
        for index in 0.. {
            let folder = prepared();
            let disk = SimDisk::new(folder.path()).with_fault(index, fault);
            let is_done = act(&open(folder.path(), &disk)).is_ok();
            if !disk.is_struck() {
                assert!(is_done, "{what}");
                break;
            }
            struck += 1;
            let told = format!("{what}, operation {index}");
            check(&told, &disk, folder.path(), is_done, object, after);
        }
    }
    assert!(struck > 20, "{struck} faults");
}

/// An object is as it was or as it will be, whole, wherever the power goes; once the call has
/// returned it is as it will be.
#[test]
fn a_power_cut_leaves_whole_objects() {
    with_each_fault(Fault::PowerCut, |told, disk, _, is_done, object, after| {
        for survival in disk.survivals() {
            let left = tempfile::tempdir().unwrap();
            disk.cut(&survival, left.path());
            let store = open(left.path(), &RealDisk);
            let found = store.read(&name(object), 99).unwrap().unwrap_or_default();
            let is_whole = !is_done && found == before(object) || found == after;
            assert!(is_whole, "{told}: {object} is {found:?}");
            for (other, bytes) in BEFORE.iter().filter(|(other, _)| *other != object) {
                let found = store.read(&name(other), 99).unwrap();
                assert_eq!(found.as_deref(), Some(*bytes), "{told}: {other}");
            }
            for text in names(&store, "x", None) {
                assert!(
                    ["x/new", "x/old", "x/hint"].contains(&&*text),
                    "{told}: {text}"
                );
            }
        }
    });
}

#[test]
fn what_is_done_survives_a_power_cut() {
    for ((what, act), object, after) in ACTS {
        let folder = prepared();
        let disk = SimDisk::new(folder.path());
        act(&open(folder.path(), &disk)).unwrap();
        for survival in disk.survivals() {
            let left = tempfile::tempdir().unwrap();
            disk.cut(&survival, left.path());
            let store = open(left.path(), &RealDisk);
            let found = store.read(&name(object), 99).unwrap().unwrap_or_default();
            assert_eq!(found, after, "{what}");
        }
    }
}

/// A writer that was told of an error finds the object as it was or as it will be, and can go on.
#[test]
fn a_failed_operation_leaves_whole_objects() {
    let fails = Fault::Fails(ErrorKind::Other);
    with_each_fault(fails, |told, _, path, is_done, object, after| {
        let store = open(path, &RealDisk);
        let found = store.read(&name(object), 99).unwrap().unwrap_or_default();
        let is_whole = !is_done && found == before(object) || found == after;
        assert!(is_whole, "{told}: {object} is {found:?}");
    });
}

/// What a faulty machine wrote otherwise than it was told to never becomes an object.
#[test]
fn what_was_written_wrong_is_no_object() {
    let mut struck = 0;
    for ((what, act), object, _) in ACTS {
        for index in 0..10 {
            let folder = prepared();
            let disk = SimDisk::new(folder.path()).with_fault(index, Fault::WritesWrong);
            let done = act(&open(folder.path(), &disk));
            if !disk.is_struck() {
                continue;
            }
            struck += 1;
            assert_eq!(done.map_err(|error| error.code()), Err(Code::Io), "{what}");
            let store = open(folder.path(), &RealDisk);
            let found = store.read(&name(object), 99).unwrap().unwrap_or_default();
            assert_eq!(found, before(object), "{what}");
        }
    }
    assert_eq!(struck, 5);
}

/// Another writer makes the folder, or removes the object, right before this one does.
#[test]
fn another_writer_is_faster() {
    let folder = prepared();
    let path = folder.path().join("new");
    let disk = SimDisk::new(folder.path()).meanwhile(move |index| {
        if index == 0 {
            fs::create_dir(&path).unwrap();
        }
    });
    let store = open(folder.path(), &disk);
    assert_eq!(store.create(&name("new/1"), b"1").unwrap(), Created::New);

    let path = folder.path().join("x/old");
    let disk = SimDisk::new(folder.path()).meanwhile(move |index| {
        if index == 0 {
            fs::remove_file(&path).unwrap();
        }
    });
    let store = open(folder.path(), &disk);
    store.delete(&name("x/old")).unwrap();
}

/// Of two hints that are written at once one stays, whole.
#[test]
fn another_writers_hint_is_the_newer_one() {
    let mut was_faster = false;
    for at in 0..8 {
        let folder = prepared();
        let path = folder.path().join("x/first");
        let disk = SimDisk::new(folder.path()).meanwhile(move |index| {
            if index == at {
                fs::write(&path, b"theirs").unwrap();
            }
        });
        let store = open(folder.path(), &disk);
        store.put(&name("x/first"), b"ours").unwrap();
        let found = store.read(&name("x/first"), 99).unwrap().unwrap();
        was_faster |= found == b"theirs";
        assert!([&b"ours"[..], b"theirs"].contains(&&found[..]), "{found:?}");
    }
    assert!(was_faster);
}

#[test]
fn what_the_disk_refuses_is_told() {
    let folder = prepared();
    let fails = Fault::Fails(ErrorKind::PermissionDenied);
    let disk = SimDisk::new(folder.path()).with_fault(0, fails);
    let store = open(folder.path(), &disk);
    let error = store.create(&name("new/1"), b"1").unwrap_err();
    let StoreError::Io(denied) = &error else {
        panic!("{error}");
    };
    assert!(denied.is_not_permitted(), "{error}");
    assert_eq!(denied.path(), folder.path().join("new"));
}

#[test]
fn errors_have_the_code_of_their_kind_and_name_the_place() {
    let folder = prepared();
    let store = open(folder.path(), &RealDisk);
    assert_eq!(store.place(), folder.path().display().to_string());
    let missing = store.read_range(&name("x/none"), 0..1).unwrap_err();
    assert_eq!(missing.code(), Code::Io);
    assert_eq!(
        missing.to_string(),
        format!("{} has no x/none", folder.path().display())
    );
    let interrupted = StoreError::from(IoError::Interrupted);
    assert_eq!(interrupted.code(), Code::Interrupted);
}

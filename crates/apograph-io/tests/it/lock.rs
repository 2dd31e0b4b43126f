//! One writer at a time.

use apograph_io::{FileLock, Folder, Mode};

#[test]
fn a_lock_is_taken_by_one_and_makes_its_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(folder.path()).expect("a folder");
    let at = folder.at("lock");
    for _ in 0..2 {
        let lock = FileLock::acquire(at, Mode::PRIVATE).expect("the lock");
        let busy = FileLock::acquire(at, Mode::PRIVATE).expect_err("another one's");
        assert_eq!((busy.code().as_str(), busy.path()), ("busy", &*at.path()));
        drop(lock);
    }
    let found = at.metadata().expect("no error").expect("a lock file");
    assert_eq!((found.is_file(), found.len()), (true, 0));
    std::fs::write(at.path(), "another program's").expect("a file");
    FileLock::acquire(at, Mode::PRIVATE).expect("the lock");
    assert_eq!(
        at.source().and_then(|it| it.read()).expect("a file"),
        b"another program's"
    );
}

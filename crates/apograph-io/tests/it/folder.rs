//! Names in a folder that is held open.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use apograph_io::{Disk, FileLock, FileStatus, Folder, IoError, Mode, RealDisk, replace_file};
use rustix::fs::{CWD, FileType, mknodat};
use tempfile::TempDir;

/// A folder `here` with a file and a folder in it, beside a folder `elsewhere` with the same.
struct TwoFolders {
    folder: TempDir,
}

impl TwoFolders {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["here", "elsewhere"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.join("folder")).expect("a folder");
            fs::write(path.join("file"), name).expect("a file");
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn here(&self) -> Folder {
        Folder::open(&self.path("here")).expect("a folder")
    }
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).expect("a pipe");
}

fn names(folder: &Folder) -> Vec<String> {
    let names = folder.names().expect("a folder");
    let names = names.map(|name| name.expect("a name").into_string());
    let mut names: Vec<_> = names.map(|name| name.expect("a plain name")).collect();
    names.sort();
    names
}

/// Everything that opens a file must say the same of it.
fn opened(folder: &Folder, name: &str) -> Vec<IoError> {
    let at = folder.at(name);
    vec![
        at.open().expect_err(name),
        at.source().expect_err(name),
        at.read_small(64).expect_err(name),
        at.open_small(64).expect_err(name),
    ]
}

#[test]
fn what_is_no_file_is_told_at_once_and_not_followed() {
    let stage = TwoFolders::new();
    let here = stage.path("here");
    symlink(stage.path("elsewhere/file"), here.join("link")).expect("a link");
    symlink("file", here.join("near link")).expect("a link");
    symlink("nothing", here.join("dangling")).expect("a link");
    symlink("/dev/zero", here.join("zeros")).expect("a link");
    fifo(&here.join("pipe"));
    let _socket = UnixListener::bind(here.join("socket")).expect("a socket");
    let folder = stage.here();
    let rows = [
        ("link", "a symbolic link"),
        ("near link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("zeros", "a symbolic link"),
        ("pipe", "a device or pipe"),
        ("socket", "a socket, device or pipe"),
        ("folder", "a folder"),
    ];
    for (name, expected) in rows {
        for error in opened(&folder, name) {
            let IoError::NotARegularFile { path, found } = error else {
                panic!("{name}: {error}");
            };
            assert_eq!((path, found), (here.join(name), expected));
        }
        assert!(folder.at(name).exists().expect("no error"), "{name}");
    }
    for (name, _) in rows {
        let error = FileLock::acquire(folder.at(name), Mode::PRIVATE).expect_err(name);
        assert!(
            matches!(error, IoError::NotARegularFile { .. }),
            "{name}: {error}"
        );
    }
    assert!(!here.join("nothing").exists());
}

#[test]
fn a_link_that_a_person_named_is_followed() {
    let stage = TwoFolders::new();
    let here = stage.path("here");
    symlink(stage.path("elsewhere/file"), here.join("file link")).expect("a link");
    symlink(stage.path("elsewhere"), here.join("folder link")).expect("a link");
    let folder = stage.here();
    folder.at("file link").open_named().expect("a file");
    let pipe = here.join("pipe");
    fifo(&pipe);
    symlink(&pipe, here.join("pipe link")).expect("a link");
    let error = folder.at("pipe link").open_named().expect_err("a pipe");
    assert!(matches!(error, IoError::NotARegularFile { .. }), "{error}");
    let linked = folder.at("folder link").find_named_folder();
    let linked = linked.expect("no error").expect("a folder");
    assert_eq!(names(&linked), ["file", "folder"]);
    let none = folder.at("none").find_named_folder().expect("no error");
    assert!(none.is_none());
    let path = here.join("folder link");
    assert_eq!(
        names(&Folder::open(&path).expect("a folder")),
        ["file", "folder"]
    );
}

#[test]
fn a_folder_is_opened_only_where_one_is() {
    let stage = TwoFolders::new();
    let here = stage.path("here");
    symlink(stage.path("elsewhere"), here.join("link")).expect("a link");
    symlink("folder", here.join("near link")).expect("a link");
    fifo(&here.join("pipe"));
    let folder = stage.here();
    for name in ["link", "near link", "pipe", "file"] {
        let at = folder.at(name);
        for error in [
            at.open_folder().expect_err(name),
            at.find_folder().expect_err(name),
        ] {
            assert!(
                matches!(error, IoError::NotAFolder { .. }),
                "{name}: {error}"
            );
            assert_eq!(error.path(), here.join(name));
        }
    }
    let inner = folder.at("folder").open_folder().expect("a folder");
    assert_eq!(inner.path(), here.join("folder"));
    let found = folder.at("folder").find_folder().expect("no error");
    let found = found.expect("a folder").identity().expect("no error");
    assert_eq!(found, inner.identity().expect("no error"));
    let path = here.join("file");
    for error in [
        Folder::open(&path).expect_err("a file"),
        Folder::find(&path).expect_err("a file"),
    ] {
        assert!(matches!(error, IoError::NotAFolder { .. }), "{error}");
    }
}

#[test]
fn a_name_that_nothing_has_is_no_error_where_that_is_asked() {
    let stage = TwoFolders::new();
    let folder = stage.here();
    let none = folder.at("none");
    assert!(none.read_small(64).expect("no error").is_none());
    assert!(none.open_small(64).expect("no error").is_none());
    assert!(none.find_folder().expect("no error").is_none());
    assert!(none.find_named_folder().expect("no error").is_none());
    assert!(none.metadata().expect("no error").is_none());
    assert!(none.status().expect("no error").is_none());
    assert!(Folder::find(&none.path()).expect("no error").is_none());
    for error in [
        none.open().expect_err("nothing"),
        none.open_named().expect_err("nothing"),
        none.source().expect_err("nothing"),
        none.open_folder().expect_err("nothing"),
        Folder::open(&none.path()).expect_err("nothing"),
    ] {
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.path(), none.path());
    }
}

#[test]
fn an_identity_is_told_as_the_device_and_the_number_on_it() {
    use std::os::unix::fs::MetadataExt;

    let stage = TwoFolders::new();
    let folder = stage.here();
    let found = fs::metadata(stage.path("here")).expect("a folder");
    let expected = format!("{}:{}", found.dev(), found.ino());
    assert_eq!(folder.identity().expect("no error").to_string(), expected);
}

#[test]
fn no_name_leads_out_of_a_folder() {
    let stage = TwoFolders::new();
    let folder = stage.here();
    let above = ["..", "../elsewhere/file", "folder/..", "/", "/dev/null"];
    let other = ["", ".", "folder/", "./file"];
    for name in above.into_iter().chain(other) {
        let at = folder.at(name);
        let free = folder.at("free");
        let errors = [
            at.open().expect_err(name),
            at.open_named().expect_err(name),
            at.open_folder().expect_err(name),
            at.find_named_folder().expect_err(name),
            at.metadata().expect_err(name),
            FileLock::acquire(at, Mode::PRIVATE).expect_err(name),
            RealDisk
                .create_new(at, Mode::PRIVATE.into())
                .err()
                .expect(name),
            RealDisk.create_folder(at, Mode::PRIVATE).expect_err(name),
            RealDisk.publish(folder.at("file"), at).expect_err(name),
            RealDisk.publish(at, free).expect_err(name),
            RealDisk.exchange(folder.at("file"), at).expect_err(name),
            RealDisk.remove_file(at).expect_err(name),
            RealDisk.remove_folder(at).expect_err(name),
        ];
        for error in errors {
            assert!(
                matches!(error, IoError::NotAName { .. }),
                "{name:?}: {error}"
            );
        }
    }
    assert_eq!(names(&folder), ["file", "folder"]);
    let elsewhere = Folder::open(&stage.path("elsewhere")).expect("a folder");
    assert_eq!(names(&elsewhere), ["file", "folder"]);
}

#[test]
fn a_folder_stays_the_one_that_was_opened() {
    let stage = TwoFolders::new();
    let folder = stage.here();
    let lock = FileLock::acquire_folder(&folder).expect("the lock");
    assert!(folder.is_in_place().expect("no error"));
    fs::rename(stage.path("here"), stage.path("away")).expect("a rename");
    assert!(!folder.is_in_place().expect("no error"));
    fs::rename(stage.path("elsewhere"), stage.path("here")).expect("a rename");
    assert!(!folder.is_in_place().expect("no error"));

    assert_eq!(
        folder
            .at("file")
            .source()
            .and_then(|it| it.read())
            .expect("a file"),
        b"here"
    );
    replace_file(&RealDisk, folder.at("file"), Mode::PRIVATE, b"new").expect("a file");
    let made = RealDisk.create_folder(folder.at("made"), Mode::PRIVATE.for_folder());
    RealDisk
        .create_new(made.expect("a folder").at("in it"), Mode::PRIVATE.into())
        .expect("a file");
    RealDisk
        .publish(folder.at("folder"), folder.at("renamed"))
        .expect("a rename");
    RealDisk.sync_folder(&folder).expect("a sync");
    assert_eq!(names(&folder), ["file", "made", "renamed"]);
    let renamed = folder.at("renamed").open_folder().expect("a folder");
    assert!(folder.at("renamed").is_of(&renamed).expect("no error"));
    for other in ["made", "file", "folder"] {
        let is_it = folder.at(other).is_of(&renamed);
        assert!(!is_it.expect("no error"), "{other}");
    }
    assert!(stage.path("away/made/in it").is_file());
    let other = stage.here();
    assert_eq!(
        other
            .at("file")
            .source()
            .and_then(|it| it.read())
            .expect("a file"),
        b"elsewhere"
    );
    assert_eq!(names(&other), ["file", "folder"]);

    FileLock::acquire_folder(&other).expect("the other folder is not locked");
    let first = Folder::open(&stage.path("away")).expect("a folder");
    let busy = FileLock::acquire_folder(&first).expect_err("the first one is");
    assert_eq!(busy.code(), "busy");
    drop(lock);
    fs::remove_dir_all(stage.path("here")).expect("a removal");
    fs::rename(stage.path("away"), stage.path("here")).expect("a rename");
    assert!(folder.is_in_place().expect("no error"));
}

#[test]
fn a_path_is_a_folder_and_a_name_in_it() {
    let stage = TwoFolders::new();
    let path = stage.path("here/new");
    let (folder, name) = Folder::holding(&path).expect("a folder");
    assert_eq!(folder.at(name).path(), path);
    assert!(!folder.at(name).exists().expect("no error"));
    let (current, name) = Folder::holding("name".as_ref()).expect("a folder");
    assert_eq!(current.at(name).path(), Path::new("name"));
    for path in ["/", "..", "here/.."] {
        let error = Folder::holding(path.as_ref()).expect_err(path);
        assert!(matches!(error, IoError::NotAName { .. }), "{error}");
    }
    let path = stage.path("none/new");
    let error = Folder::holding(&path).expect_err("no folder");
    assert!(error.is_not_found());
    assert_eq!(error.path(), path);
}

#[test]
fn a_folder_that_cannot_be_listed_can_be_looked_into() {
    use std::os::unix::fs::PermissionsExt;

    let stage = TwoFolders::new();
    let here = stage.path("here");
    fs::set_permissions(&here, fs::Permissions::from_mode(0o300)).expect("permissions");
    let folder = stage.here();
    assert_eq!(
        folder
            .at("file")
            .source()
            .and_then(|it| it.read())
            .expect("a file"),
        b"here"
    );
    fs::set_permissions(&here, fs::Permissions::from_mode(0o700)).expect("permissions");
    assert_eq!(names(&folder), ["file", "folder"]);
}

/// The one call says what the three of an open file do, and follows no link either.
#[test]
fn the_status_of_a_name_is_what_its_metadata_says() {
    let stage = TwoFolders::new();
    let folder = stage.here();
    symlink("file", folder.at("link").path()).expect("a link");
    for (name, is_regular) in [("file", true), ("folder", false), ("link", false)] {
        let at = folder.at(name);
        let status = at.status().expect("no error").expect(name);
        let metadata = at.metadata().expect("no error").expect(name);
        assert_eq!(status, FileStatus::from(&metadata), "{name}");
        assert_eq!(status.is_regular, is_regular, "{name}");
    }
    for name in ["..", "a/b", ""] {
        let error = folder.at(name).status().expect_err(name);
        assert!(matches!(error, IoError::NotAName { .. }), "{error}");
    }
}

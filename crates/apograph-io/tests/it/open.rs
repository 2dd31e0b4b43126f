//! Files that are opened by their path, and how much of a file is read.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use apograph_io::{Folder, IoError, exists, open_named, open_regular, read_front, read_limited};
use rustix::fs::{CWD, FileType, mknodat};

/// Something else than a regular file.
fn other_kind(error: &IoError) -> Option<&'static str> {
    match error {
        IoError::NotARegularFile { found, .. } => Some(found),
        _ => None,
    }
}

#[test]
fn what_is_no_file_is_told_at_once_and_a_link_only_followed_where_it_was_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name| folder.path().join(name);
    fs::write(path("file"), "here").expect("a file");
    symlink("file", path("link")).expect("a link");
    symlink("none", path("dangling")).expect("a link");
    symlink("pipe", path("link to a pipe")).expect("a link");

    for (name, is_file) in [("file", true), ("link", false), ("dangling", false)] {
        match open_regular(&path(name)) {
            Ok(file) => assert!(is_file && length(&file) == 4, "{name}"),
            Err(error) => assert_eq!(other_kind(&error), Some("a symbolic link"), "{name}"),
        }
    }
    assert_eq!(length(&open_named(&path("link")).expect("a file")), 4);
    let dangling = open_named(&path("dangling")).expect_err("nothing there");
    assert!(dangling.is_not_found(), "{dangling}");
    assert_eq!(dangling.path(), path("dangling"));

    mknodat(CWD, path("pipe"), FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    let _socket = UnixListener::bind(path("socket")).expect("a socket");
    fs::create_dir(path("folder")).expect("a folder");
    for (name, expected) in [
        ("pipe", "a device or pipe"),
        ("socket", "a socket, device or pipe"),
        ("folder", "a folder"),
    ] {
        for open in [open_regular, open_named] {
            let error = open(&path(name)).expect_err(name);
            assert_eq!(other_kind(&error), Some(expected), "{name}");
            assert_eq!(error.path(), path(name));
        }
    }
    let error = open_named(&path("link to a pipe")).expect_err("a pipe");
    assert_eq!(other_kind(&error), Some("a device or pipe"));
}

fn length(file: &File) -> u64 {
    file.metadata().expect("a file").len()
}

#[test]
fn whatever_stands_at_a_path_is_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name| folder.path().join(name);
    fs::write(path("file"), "here").expect("a file");
    symlink("nothing", path("dangling")).expect("a link");
    for (name, expected) in [
        ("file", true),
        ("dangling", true),
        ("none", false),
        ("", true),
    ] {
        assert_eq!(exists(&path(name)).expect("no error"), expected, "{name}");
    }
    let error = exists(&path("file/in it")).expect_err("no folder");
    assert!(!error.is_not_found(), "{error}");
}

#[test]
fn a_limit_is_the_greatest_length_that_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(folder.path()).expect("a folder");
    let at = folder.at("file");
    for length in [0, 1, 2, 9, 10, 11, 200] {
        let bytes: Vec<u8> = (0..length).collect();
        fs::write(at.path(), &bytes).expect("a file");
        let mut file = at.open().expect("a file");
        file.seek(SeekFrom::End(0)).expect("the end");
        let opened = at.open_small(10).map(|found| {
            let mut bytes = Vec::new();
            let mut taken = found.expect("a file");
            std::io::copy(&mut taken, &mut bytes).expect("the bytes");
            bytes
        });
        let small = at.read_small(10).map(|found| found.expect("a file"));
        for found in [read_limited(&file, &at.path(), 10), small, opened] {
            match found {
                Ok(found) => assert!(length <= 10 && found == bytes, "{length}"),
                Err(IoError::TooLarge { path, limit, found }) => {
                    assert_eq!((path, limit), (at.path(), 10));
                    assert!(length > 10 && found == u64::from(length), "{length}");
                }
                Err(error) => panic!("{length}: {error}"),
            }
        }
    }
    assert_eq!(
        at.read_small(u64::MAX)
            .expect("no error")
            .map(|it| it.len()),
        Some(200)
    );
}

#[test]
fn what_a_small_file_grows_by_is_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(folder.path()).expect("a folder");
    let path = folder.at("file").path();
    fs::write(&path, "small").expect("a file");
    let mut small = folder
        .at("file")
        .open_small(100)
        .expect("no error")
        .expect("a file");
    fs::write(&path, "small no more").expect("a file");
    let mut found = Vec::new();
    std::io::copy(&mut small, &mut found).expect("the bytes");
    assert_eq!(found, b"small");
}

#[test]
fn the_front_of_a_file_is_read_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    fs::write(&path, "0123456789").expect("a file");
    let file = open_regular(&path).expect("a file");
    for length in [10, 0, 1, 9, 10] {
        let front = read_front(&file, &path, length).expect("the front");
        assert_eq!(front, b"0123456789"[..length]);
    }
    let error = read_front(&file, &path, 11).expect_err("too little");
    assert!(
        matches!(
            error,
            IoError::EndedEarly {
                expected: 11,
                read: 10,
                ..
            }
        ),
        "{error}"
    );
    let none = open_regular(Path::new("")).expect_err("no path");
    assert!(none.is_not_found());
}

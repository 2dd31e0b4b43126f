//! A file that is replaced by a content which is nowhere in memory.

use std::cell::Cell;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use apograph_io::{
    Disk, Folder, IoError, Mode, RealDisk, create_file, replace_file, replace_file_with,
};
use tempfile::TempDir;

use crate::noted::NotedDisk;

const NAME: &str = "file";

fn stage() -> (TempDir, Folder) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(NAME), "before").expect("a file");
    let opened = Folder::open(folder.path()).expect("a folder");
    (folder, opened)
}

fn replace(
    folder: &Folder,
    content: impl Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), IoError> {
    replace_file_with(&RealDisk, folder.at(NAME), Mode::PRIVATE, content)
}

/// What the file holds, which is alone in its folder.
fn found(folder: &Folder) -> Vec<u8> {
    assert_eq!(folder.names().expect("the names").count(), 1);
    folder
        .at(NAME)
        .source()
        .and_then(|it| it.read())
        .expect("a file")
}

#[test]
fn what_is_written_in_pieces_is_one_content() {
    for lengths in [
        &[][..],
        &[0],
        &[5, 0, 7],
        &[65_535, 1, 1],
        &[65_536, 65_536],
        &[3, 65_537, 4],
        &[1000; 200],
        &[200_000, 1],
    ] {
        let (_kept, folder) = stage();
        let pieces: Vec<Vec<u8>> = (0_u8..)
            .zip(lengths)
            .map(|(byte, &length)| vec![byte; length])
            .collect();
        replace(&folder, |out| {
            pieces.iter().try_for_each(|piece| out.write_all(piece))
        })
        .expect("a file");
        let whole = pieces.concat();
        assert!(found(&folder) == whole, "{lengths:?}");
        let (_kept, folder) = stage();
        replace_file(&RealDisk, folder.at(NAME), Mode::PRIVATE, &whole).expect("a file");
        assert!(found(&folder) == whole, "{lengths:?}");
    }
}

#[test]
fn a_content_that_cannot_be_made_replaces_nothing() {
    // What was made of it before, and what was written by then.
    for (made, expected) in [(100, 0), (100_000, 1)] {
        let (_kept, folder) = stage();
        let disk = NotedDisk::default();
        let error = replace_file_with(&disk, folder.at(NAME), Mode::PRIVATE, |out| {
            out.write_all(&vec![7; made])?;
            Err(io::ErrorKind::OutOfMemory.into())
        });
        let IoError::Failed {
            operation, source, ..
        } = error.expect_err("no content")
        else {
            panic!("another error");
        };
        assert_eq!(operation, "write");
        assert_eq!(source.kind(), io::ErrorKind::OutOfMemory);
        let written = disk.notes();
        let written = written.iter().filter(|note| note.starts_with("write"));
        assert_eq!(written.count(), expected);
        assert_eq!(found(&folder), b"before");
    }
}

#[test]
fn a_file_that_is_not_as_the_content_replaces_nothing() {
    // What the file holds, and what it should hold.
    let rows = [("after", "afters"), ("after", "aft"), ("after", "aftEr")];
    for (first, then) in rows {
        let (_kept, folder) = stage();
        let is_written = Cell::new(false);
        let error = replace(&folder, |out| {
            let text = if is_written.replace(true) {
                then
            } else {
                first
            };
            out.write_all(text.as_bytes())
        });
        let error = error.expect_err(then);
        assert!(
            matches!(error, IoError::NotAsWritten { .. }),
            "{then}: {error}"
        );
        assert_eq!(found(&folder), b"before");
    }
}

#[test]
fn small_pieces_are_gathered_and_large_ones_written_as_they_are() {
    for (lengths, expected) in [
        (&[][..], &[][..]),
        (&[0, 0], &[]),
        (&[1000; 65], &[65_000]),
        (&[1000; 66], &[65_000, 1000]),
        (&[32_768, 32_768], &[65_536]),
        (&[32_768, 32_768, 1], &[65_536, 1]),
        (&[1, 65_536, 2], &[1, 65_536, 2]),
        (&[1, 200_000, 2, 3], &[1, 200_000, 5]),
    ] {
        let (_kept, folder) = stage();
        let disk = NotedDisk::default();
        replace_file_with(&disk, folder.at(NAME), Mode::PRIVATE, |out| {
            let mut lengths = lengths.iter();
            lengths.try_for_each(|&length| out.write_all(&vec![7; length]))
        })
        .expect("a file");
        let expected = expected.iter().map(|length| format!("write {length}"));
        let notes = disk.notes().into_iter();
        let written: Vec<_> = notes.filter(|note| note.starts_with("write")).collect();
        assert!(written.iter().cloned().eq(expected), "{written:?}");
    }
}

#[test]
fn what_the_disk_says_of_a_piece_is_the_error_and_nothing_more_is_written() {
    for length in [1, 65_537] {
        let (_kept, folder) = stage();
        let disk = NotedDisk::failing("write");
        let made = vec![7; length];
        let error = replace_file(&disk, folder.at(NAME), Mode::PRIVATE, &made);
        let IoError::Failed { source, .. } = error.expect_err("a full disk") else {
            panic!("another error");
        };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        let written = format!("write {length}");
        let temporary = format!(".{NAME}.apograph-tmp");
        let (created, removed) = (format!("create {temporary}"), format!("remove {temporary}"));
        assert_eq!(disk.notes(), [created, written, removed]);
        assert_eq!(found(&folder), b"before");
    }
}

#[test]
fn a_file_is_rewritten_in_place_and_never_created() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(temporary.path()).expect("a folder");
    let at = folder.at("cursor");
    let error = RealDisk.rewrite(at, 16, &[(0, b"x")]).expect_err("no file");
    assert!(error.is_not_found(), "{error}");
    create_file(&RealDisk, at, Mode::PRIVATE, b"0123456789").expect("a file");
    let before = at.metadata().expect("metadata").expect("a file");
    let pieces: [(u64, &[u8]); 3] = [(2, b"ab"), (9, b"cd"), (0, b"e")];
    RealDisk.rewrite(at, 16, &pieces).expect("written");
    let after = at.metadata().expect("metadata").expect("a file");
    assert_eq!(
        at.source().and_then(|it| it.read()).expect("bytes"),
        b"e1ab45678cd"
    );
    RealDisk.rewrite(at, 4, &[(0, b"f")]).expect("written");
    let cut = at.source().and_then(|it| it.read()).expect("bytes");
    assert_eq!(cut, b"f1ab");
    assert_eq!(before.ino(), after.ino());
    let error = create_file(&RealDisk, at, Mode::PRIVATE, b"").expect_err("taken");
    assert!(error.is_already_exists(), "{error}");
    let names = folder.names().expect("the names").count();
    assert_eq!(names, 1);
}

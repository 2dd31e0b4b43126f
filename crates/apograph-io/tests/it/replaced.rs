//! A file that is replaced by a content which is nowhere in memory.

use std::cell::Cell;
use std::io::{self, Write};

use apograph_io::{Folder, IoError, Mode, RealDisk, replace_file, replace_file_with};
use tempfile::TempDir;

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
    folder.at(NAME).map().expect("a file").to_vec()
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
        replace_file(&RealDisk, folder.at(NAME), Mode::PRIVATE, &whole).expect("a file");
        assert!(found(&folder) == whole, "{lengths:?}");
    }
}

#[test]
fn a_content_that_cannot_be_made_replaces_nothing() {
    let (_kept, folder) = stage();
    let error = replace(&folder, |out| {
        out.write_all(&vec![7; 100_000])?;
        Err(io::ErrorKind::OutOfMemory.into())
    });
    let error = error.expect_err("no content");
    assert!(
        matches!(
            error,
            IoError::Failed {
                operation: "write",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(found(&folder), b"before");
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

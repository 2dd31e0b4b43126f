//! `apograph-notes.json`.

use std::path::Path;

use apograph_format::UnixMillis;
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    ManifestError, NOTES_FILE_NAME, Notes, RepositoryId, read_notes, write_notes,
};

fn decode(bytes: &[u8]) -> Result<Notes, ManifestError> {
    Notes::decode(bytes, Path::new("notes"))
}

fn example() -> Notes {
    Notes {
        looked_until: Some(UnixMillis::new(1_795_246_036_649)),
        ..Notes::of(RepositoryId::new(0x0123_4567_89ab_cdef))
    }
}

#[test]
fn notes_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let repository = Folder::open(folder.path()).expect("a folder");
    assert_eq!(read_notes(&repository).expect("nothing"), None);
    for notes in [Notes::of(RepositoryId::new(u128::MAX)), example()] {
        write_notes(&RealDisk, &repository, Mode::PRIVATE, &notes).expect("written");
        assert_eq!(read_notes(&repository).expect("notes"), Some(notes));
    }
}

#[test]
fn the_text_is_that_of_the_format() {
    let expected = r#"{"crc32":"6e33417b","body":{"format":1,"id":"00000000000000000123456789abcdef","looked_until":1795246036649}}"#;
    let found = String::from_utf8(example().encode()).expect("text");
    assert_eq!(found, format!("{expected}\n"));
}

#[test]
fn what_a_newer_version_says_is_kept() {
    let body = r#"{"format":1,"id":"00000000000000000123456789abcdef","later":[1,2]}"#;
    let crc32 = apograph_format::Crc32::of(body.as_bytes());
    let text = format!(r#"{{"crc32":"{crc32}","body":{body}}}"#);
    let notes = decode(text.as_bytes()).expect("notes");
    assert_eq!(notes.unknown.len(), 1);
    assert_eq!(
        String::from_utf8(notes.encode()).expect("text"),
        format!("{text}\n")
    );
}

#[test]
fn damaged_notes_are_an_error() {
    let bytes = example().encode();
    for offset in 0..bytes.len() - 1 {
        for mask in [1, 0x20, 0x80] {
            let mut damaged = bytes.clone();
            damaged[offset] ^= mask;
            let read = decode(&damaged);
            assert!(read.is_err(), "{offset} {mask}: {read:?}");
        }
    }
    for length in 0..bytes.len() - 1 {
        assert!(decode(&bytes[..length]).is_err(), "{length}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(NOTES_FILE_NAME), "{}").expect("a file");
    let repository = Folder::open(folder.path()).expect("a folder");
    let error = read_notes(&repository).expect_err("damage");
    assert_eq!(error.code(), "corrupt-notes");
}

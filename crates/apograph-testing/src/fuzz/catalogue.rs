//! The small files of a repository.

use std::path::Path;

use apograph_format::Generation;
use apograph_manifest::{Cursor, History, Keep, Manifest};

/// A manifest that is accepted says the same once it is written again, and names no path.
///
/// # Panics
///
/// Where that is not so.
pub fn manifest(data: &[u8]) {
    let path = Path::new("manifest");
    let Ok(manifest) = Manifest::decode(data, path) else {
        return;
    };
    for segment in &manifest.segments {
        let name = Path::new(segment.file.as_str());
        assert_eq!(name.file_name(), Some(name.as_os_str()));
    }
    let written = manifest.encode();
    let has_one_form = manifest.generation == Generation::One;
    assert!(
        !has_one_form || written.len() <= data.len(),
        "not the shortest form"
    );
    let read = Manifest::decode(&written, path).expect("what was written can be read");
    assert_eq!(read, manifest);
    assert_eq!(read.encode(), written);
}

/// A cursor that is accepted says the same once it is written again.
///
/// # Panics
///
/// Where that is not so.
pub fn cursor(data: &[u8]) {
    let path = Path::new("cursor");
    let Ok(cursor) = Cursor::decode(data, path) else {
        return;
    };
    let written = cursor.encode();
    let has_one_form = !matches!(cursor.keep, Keep::FromLsn(_));
    assert!(
        !has_one_form || written.len() <= data.len(),
        "not the shortest form"
    );
    let read = Cursor::decode(&written, path).expect("what was written can be read");
    assert_eq!(read, cursor);
    assert_eq!(read.encode(), written);
}

/// A history that is accepted says the same once it is written again.
///
/// # Panics
///
/// Where that is not so.
pub fn history(data: &[u8]) {
    let Some(history) = History::decode(data) else {
        return;
    };
    let written = history.encode();
    assert_eq!(History::decode(&written), Some(history));
}

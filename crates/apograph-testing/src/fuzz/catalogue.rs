//! The small files of a repository, and those that it leaves in a log folder.

use std::path::Path;

use apograph_format::{Blake3, Generation};
use apograph_manifest::{Cursor, History, Keep, Manifest, Marker, RepositoryId, Slot};

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

/// A slot of a marker that is accepted says the same once it is written again, be it with the hash that
/// it has or with one that was made right; and it is found in either half of a marker.
///
/// # Panics
///
/// Where that is not so.
pub fn marker(data: &[u8]) {
    let id = data.get(8..).and_then(<[u8]>::first_chunk);
    let id = RepositoryId::new(id.map_or(0, |id| u128::from_le_bytes(*id)));
    for slot in Marker::decode(data, id).slots.into_iter().flatten() {
        assert_eq!(Slot::decode(&slot.encode()), Some(slot));
    }
    let body = &data[..data.len().min(Slot::BYTES - Blake3::BYTES)];
    let Some(slot) = Slot::decode(&sealed(body)) else {
        return;
    };
    let written = slot.encode();
    assert_eq!(Slot::decode(&written), Some(slot.clone()));
    let mut file = written.to_vec();
    file.resize(SECOND_SLOT, 0);
    file.extend(written);
    let marker = Marker::decode(&file, slot.repository);
    assert_eq!(marker.slots, [Some(slot.clone()), Some(slot)]);
}

/// Where the second slot of a marker begins.
const SECOND_SLOT: usize = 4096;

/// A slot with this front, zeros behind it, and the hash that they have.
fn sealed(front: &[u8]) -> [u8; Slot::BYTES] {
    let mut slot = [0; Slot::BYTES];
    slot[..front.len()].copy_from_slice(front);
    let (body, hash) = slot.split_at_mut(Slot::BYTES - Blake3::BYTES);
    hash.copy_from_slice(&Blake3::of(body).get());
    slot
}

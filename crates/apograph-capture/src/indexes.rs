//! Generation 1: indexes that no log tells of.
//!
//! What the direct API of the engine makes, `create_vector_index` and `create_text_index`, is in no
//! log. An image has it, and a crash before the next checkpoint takes it. So after a full backup
//! such an index is in no increment, and a restore comes without it, though with all that it
//! covers. The first index of a kind can be seen: the image then has a section of a type that it
//! had not.

use apograph_format::v1::{SECTIONS_OFFSET, has_section};
use apograph_format::{Generation, SegmentKind};
use apograph_io::{Monitor, read_front};
use apograph_repository::Repository;

use crate::database::Database;

/// The types of sections of which each is the indexes of a kind, and what a person calls them.
const INDEXES: [(u32, &str); 4] = [
    (10, "a vector index"),
    (11, "a text index"),
    (12, "an index of RDF triples"),
    (20, "a property index"),
];

/// Says which kinds of indexes the image has, and the newest full backup has not. What cannot be
/// read says nothing: this is a courtesy.
pub(crate) fn warn_of_new(database: &Database, repository: &Repository, monitor: &dyn Monitor) {
    if database.generation() == Generation::Two {
        return;
    }
    let mut entries = repository.chain().entries().iter().rev();
    let Some(full) = entries.find(|entry| entry.segment.kind == SegmentKind::Full) else {
        return;
    };
    let live = database.directory();
    if !INDEXES.iter().any(|(kind, _)| has_section(&live, *kind)) {
        return;
    }
    // From a vault it would have to be fetched.
    let Some(at) = repository.file_of(&full.segment) else {
        return;
    };
    let Ok(file) = at.open() else {
        return;
    };
    // One that never had a checkpoint ends before it names sections.
    let captured = read_front(&file, &at.path(), SECTIONS_OFFSET).unwrap_or_default();
    let is_new = |kind: u32| has_section(&live, kind) && !has_section(&captured, kind);
    for (_, name) in INDEXES.iter().filter(|(kind, _)| is_new(*kind)) {
        monitor.warn(&format!(
            "the database has {name} that no log tells of, and that the last full backup has not: \
             a restore comes without it until there is another full backup (`--full`)"
        ));
    }
}

//! Repositories that an engine wrote, with other segments and other manifests.

use std::fs;

use apograph_format::{Blake3, Crc32, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentKind};
use apograph_io::{Context, Mode, RealDisk};
use apograph_manifest::{
    IncrementContent, SegmentContent, read_history, write_history, write_records,
};
use apograph_repository::Repository;
use apograph_testing::stage::Stage;

pub(crate) fn open(stage: &Stage) -> Repository {
    Repository::open_or_empty(stage.folder(), Context::default()).expect("a repository")
}

/// Which of the entries have timelines that are counted.
pub(crate) fn counted(repository: &Repository) -> Vec<bool> {
    let entries = repository.chain().entries().iter();
    entries.map(|entry| entry.is_counted).collect()
}

#[track_caller]
pub(crate) fn increment(repository: &Repository, index: usize) -> &IncrementContent {
    match &repository.chain().entries()[index].content {
        Some(SegmentContent::Increment(increment)) => increment,
        other => panic!("{other:?}"),
    }
}

/// Records what is in the first segments, as the next backup would.
pub(crate) fn record(stage: &Stage, repository: &Repository, records: usize) {
    let records = repository.records().take(records);
    write_records(&RealDisk, &stage.folder(), Mode::PRIVATE, records, None).expect("a history");
}

pub(crate) fn read(stage: &Stage, name: &str) -> Vec<u8> {
    fs::read(stage.repository().join(name)).expect("a file")
}

pub(crate) fn write(stage: &Stage, name: &str, bytes: &[u8]) {
    fs::write(stage.repository().join(name), bytes).expect("a file");
}

pub(crate) fn remove(stage: &Stage, name: &str) {
    fs::remove_file(stage.repository().join(name)).expect("a file");
}

/// A file with its last byte damaged.
pub(crate) fn damage(stage: &Stage, name: &str) {
    let mut bytes = read(stage, name);
    *bytes.last_mut().expect("a byte") ^= 1;
    write(stage, name, &bytes);
}

/// The bytes of an increment with something else in its header.
pub(crate) fn with_header(bytes: &[u8], change: impl FnOnce(&mut SegmentHeader)) -> Vec<u8> {
    let mut header = SegmentHeader::decode(bytes).expect("a header");
    change(&mut header);
    [&header.encode()[..], &bytes[SEGMENT_HEADER_BYTES..]].concat()
}

/// Puts other bytes in the place of a segment, and says so in the manifest and in its record.
pub(crate) fn rewrite(stage: &Stage, index: usize, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let name = stage.manifest().segments[index].file.to_string();
    let bytes = change(read(stage, &name));
    write(stage, &name, &bytes);
    stage.edit_manifest(|manifest| {
        let segment = &mut manifest.segments[index];
        (segment.size_bytes, segment.checksum) = (bytes.len() as u64, Crc32::of(&bytes));
        if let Ok(header) = SegmentHeader::decode(&bytes) {
            (segment.start_epoch, segment.end_epoch) = (header.start_epoch, header.end_epoch);
        }
    });
    let mut history = read_history(&stage.folder()).expect("a history");
    if let Some(record) = history.records.get_mut(index) {
        record.segment = stage.manifest().segments.swap_remove(index);
        record.hash = Blake3::of(&bytes);
        write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
    }
}

/// Puts an increment after the segments of a repository.
pub(crate) fn add_increment(stage: &Stage, bytes: &[u8]) {
    let header = SegmentHeader::decode(bytes).expect("a header");
    let epochs = (header.start_epoch, header.end_epoch);
    stage.add_segment(SegmentKind::Incremental, epochs, bytes);
}

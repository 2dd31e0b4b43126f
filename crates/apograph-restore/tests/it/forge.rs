//! Repositories that hold the log of a golden one, cut in other places, or with other records.

use std::fs;
use std::path::Path;

use apograph_format::v2::{Pieces, WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{
    Blake3, Crc32, Epoch, Generation, Lsn, SEGMENT_HEADER_BYTES, SegmentFlags, SegmentHeader,
    SegmentKind, log_folder,
};
use apograph_io::{Mode, RealDisk};
use apograph_manifest::{
    HISTORY_FILE_NAME, History, Manifest, Segment, read_history, write_history, write_manifest,
    write_records,
};
use apograph_repository::Repository;
use apograph_testing::context::every_core;
use apograph_testing::stage::Stage;

pub(crate) fn history(stage: &Stage) -> History {
    read_history(&stage.folder()).expect("a history")
}

pub(crate) fn put(stage: &Stage, (manifest, history): &(Manifest, History)) {
    let (disk, folder, mode) = (&RealDisk, stage.folder(), Mode::PRIVATE);
    write_manifest(disk, &folder, mode, manifest).expect("a manifest");
    write_history(disk, &folder, mode, history).expect("a history");
}

/// Records what is in the segments: from then on they are known without being read.
pub(crate) fn record(stage: &Stage) {
    let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
    let (folder, records) = (stage.folder(), repository.records());
    write_records(&RealDisk, &folder, Mode::PRIVATE, records, None).expect("a history");
}

/// Changes what the records say.
pub(crate) fn edit_history(stage: &Stage, change: impl FnOnce(&mut History)) {
    let mut history = history(stage);
    change(&mut history);
    write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
}

/// Changes the text of `apograph.json`, body by body.
pub(crate) fn edit_history_text(stage: &Stage, change: impl Fn(&str) -> String) {
    let path = stage.repository().join(HISTORY_FILE_NAME);
    let text = fs::read_to_string(&path).expect("a history");
    let mut said = Vec::new();
    let lines = text.lines().map(|line| {
        let (_, body) = line.split_once("\"body\":").expect("a body");
        let body = change(body.strip_suffix('}').expect("the end of a line"));
        said.extend(body.as_bytes());
        let crc32 = Crc32::of(&said);
        format!("{{\"crc32\":\"{crc32}\",\"body\":{body}}}\n")
    });
    fs::write(&path, lines.collect::<String>()).expect("a history");
}

/// Changes what the manifest and the record, if there is one, say of a segment.
pub(crate) fn edit_segment(stage: &Stage, index: usize, change: impl Fn(&mut Segment)) {
    let mut files = (stage.manifest(), history(stage));
    change(&mut files.0.segments[index]);
    if let Some(record) = files.1.records.get_mut(index) {
        change(&mut record.segment);
        put(stage, &files);
    } else {
        write_manifest(&RealDisk, &stage.folder(), Mode::PRIVATE, &files.0).expect("a manifest");
    }
}

/// Changes a segment's file, and whatever says which size, checksum and hash it has.
pub(crate) fn rewrite(stage: &Stage, index: usize, change: impl FnOnce(&mut Vec<u8>)) {
    let file = stage.repository().join(file_name(stage, index));
    let mut bytes = fs::read(&file).expect("a file");
    change(&mut bytes);
    fs::write(&file, &bytes).expect("a file");
    edit_segment(stage, index, |segment| {
        segment.size_bytes = bytes.len() as u64;
        segment.checksum = Crc32::of(&bytes);
    });
    let mut history = history(stage);
    if let Some(record) = history.records.get_mut(index) {
        record.hash = Blake3::of(&bytes);
        write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
    }
}

pub(crate) fn flip_last_byte(file: &Path) {
    let mut bytes = fs::read(file).expect("a file");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(file, bytes).expect("a file");
}

pub(crate) fn file_name(stage: &Stage, index: usize) -> String {
    stage.manifest().segments[index].file.to_string()
}

/// What to make an increment of.
pub(crate) struct Increment {
    pub(crate) epochs: (u64, u64),
    pub(crate) flags: SegmentFlags,
    pub(crate) body: Vec<u8>,
}

impl Increment {
    /// As the engine writes one.
    pub(crate) fn new(epochs: (u64, u64), body: Vec<u8>) -> Self {
        let flags = SegmentFlags::default();
        Self {
            epochs,
            flags,
            body,
        }
    }

    /// Puts it after the segments of a repository.
    pub(crate) fn add_to(&self, stage: &Stage) {
        let manifest = stage.manifest();
        let epochs = (Epoch::new(self.epochs.0), Epoch::new(self.epochs.1));
        let header = SegmentHeader {
            generation: manifest.generation,
            start_epoch: epochs.0,
            end_epoch: epochs.1,
            count: 1,
            flags: self.flags,
        };
        let bytes = [&header.encode()[..], &self.body].concat();
        stage.add_segment(SegmentKind::Incremental, epochs, &bytes);
    }
}

/// Puts a full backup after the segments of a repository.
pub(crate) fn add_full(stage: &Stage, end_epoch: u64, image: &Path) {
    let bytes = fs::read(image).expect("a file");
    let epochs = (Epoch::default(), Epoch::new(end_epoch));
    stage.add_segment(SegmentKind::Full, epochs, &bytes);
}

/// The log in an increment.
pub(crate) fn body(stage: &Stage, file: &str) -> Vec<u8> {
    let bytes = fs::read(stage.repository().join(file)).expect("a file");
    bytes[SEGMENT_HEADER_BYTES..].to_vec()
}

/// A log of generation 2: its files, each with the frames that are known of it.
pub(crate) struct Log(Vec<(WalSegmentHeader, Vec<u8>)>);

impl Log {
    /// That in some increments.
    pub(crate) fn of(stage: &Stage, files: &[&str]) -> Self {
        let bodies = files.iter().map(|file| body(stage, file));
        let files = bodies.flat_map(|body| {
            let pieces = Pieces::new(&body).map(|piece| piece.expect("a piece"));
            let pieces = pieces.map(|piece| (piece.header, piece.frames.to_vec()));
            pieces.collect::<Vec<_>>()
        });
        Self(files.collect())
    }

    /// That in log files.
    pub(crate) fn of_files(files: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let files = files.into_iter().map(|file| {
            let header = WalSegmentHeader::decode(&file).expect("a header");
            (header, file[WAL_SEGMENT_HEADER_BYTES..].to_vec())
        });
        Self(files.collect())
    }

    /// The same with other headers.
    pub(crate) fn with_headers(
        self,
        change: impl Fn(WalSegmentHeader) -> WalSegmentHeader,
    ) -> Self {
        let files = self.0.into_iter();
        Self(files.map(|(it, frames)| (change(it), frames)).collect())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = WalSegmentHeader> {
        self.0.iter().map(|(header, _)| *header)
    }

    /// The body of an increment that has it from one position to another.
    pub(crate) fn between(&self, from: u64, to: u64) -> Vec<u8> {
        let mut body = Vec::new();
        for (header, frames) in &self.0 {
            let first = header.first_lsn.get();
            let last = first + frames.len() as u64;
            let (start, end) = (from.clamp(first, last), to.clamp(first, last));
            if start < end {
                let range = [start, end].map(|lsn| usize::try_from(lsn - first).expect("small"));
                let frames = &frames[range[0]..range[1]];
                let length = (WAL_SEGMENT_HEADER_BYTES + frames.len()) as u64;
                let header = if start == first {
                    *header
                } else {
                    header.beginning_at(Lsn::new(start))
                };
                body.extend([&length.to_le_bytes()[..], header.bytes(), frames].concat());
            }
        }
        body
    }
}

/// The log files of a database, in order.
pub(crate) fn log_files(database: &Path) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(log_folder(database)).expect("a log folder");
    let mut paths: Vec<_> = folder.map(|it| it.expect("an entry").path()).collect();
    paths.sort();
    let files = paths.iter().map(|path| fs::read(path).expect("a file"));
    files.collect()
}

/// The frames in the log of a database, from its first to its last.
pub(crate) fn frames(generation: Generation, database: &Path) -> Vec<u8> {
    let header_bytes = match generation {
        Generation::One => 0,
        Generation::Two => WAL_SEGMENT_HEADER_BYTES,
    };
    let files = log_files(database).into_iter();
    files
        .flat_map(|file| file[header_bytes..].to_vec())
        .collect()
}

//! A live database with a repository beside it, as an engine left them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use apograph_capture::{Captured, Kind, Options, Result, capture};
use apograph_format::v1::{CHECKPOINT_FILE_NAME, CheckpointRecord};
use apograph_format::v2::{
    FRAME_HEADER_BYTES, PROLOGUE_BYTES, RECORD_HEADER_BYTES, WAL_SEGMENT_HEADER_BYTES,
    WalSegmentHeader,
};
use apograph_format::{
    Checkpoint, Crc32, DatabaseHeaders, Epoch, FileHeader, Generation, LogPosition, SegmentHeader,
    SegmentKind, UnixMillis, log_folder,
};
use apograph_io::{Disk, Folder, Mode, Monitor, Reading, RealDisk, Silent};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, FullContent, IncrementContent, Manifest, Segment, SegmentContent,
    SegmentRecord, Unknown, read_cursor, read_manifest, write_cursor, write_manifest,
};
use apograph_repository::init;
use apograph_testing::encoding::varint;
use apograph_testing::fixtures::Fixtures;
use apograph_testing::scratch::scratch;
use apograph_wal::{GroupReader, LogEvent, LogFolder};
use tempfile::TempDir;

const PAGE_BYTES: usize = 4096;

/// `src.grafeo` and its log, and the place of a repository.
pub(crate) struct Live {
    folder: TempDir,
    generation: Generation,
}

impl Live {
    /// The database at a path of the fixtures, `08_torn_tail/source`.
    pub(crate) fn of(fixtures: Fixtures, source: &str) -> Self {
        let live = Self {
            folder: scratch().expect("a temporary folder"),
            generation: fixtures.generation(),
        };
        copy(&fixtures.root().join(source), live.folder.path());
        live
    }

    /// The database of a fixture, and the repository that the engine kept of it.
    pub(crate) fn with_backups(fixtures: Fixtures, fixture: &str) -> Self {
        let live = Self::of(fixtures, &format!("{fixture}/source"));
        let backups = fixtures.root().join(fixture).join("backup");
        copy(&backups, &live.repository());
        live
    }

    /// The same without its log, as it lies there after a close.
    pub(crate) fn closed(self) -> Self {
        fs::remove_dir_all(self.log_folder()).expect("a log folder");
        self
    }

    /// The same of generation 2, said to be encrypted, with its only log file.
    pub(crate) fn encrypted(self) -> Self {
        let (database, log) = (self.database(), self.log_file(0));
        let image = fs::read(&database).expect("a database");
        fs::write(database, encrypted(image)).expect("a database");
        let file = fs::read(&log).expect("a log file");
        fs::write(log, encrypted_log(file)).expect("a log file");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("src.grafeo")
    }

    pub(crate) fn log_folder(&self) -> PathBuf {
        log_folder(&self.database())
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// Makes the repository, without a backup.
    pub(crate) fn initialized(&self) {
        let path = self.repository();
        init(&RealDisk, &path, Reading::default()).expect("a repository");
    }

    pub(crate) fn capture(&self, kind: Kind) -> Result<Captured> {
        self.capture_on(&RealDisk, kind)
    }

    pub(crate) fn capture_on(&self, disk: &dyn Disk, kind: Kind) -> Result<Captured> {
        self.capture_heard(disk, kind, &Silent)
    }

    pub(crate) fn capture_heard(
        &self,
        disk: &dyn Disk,
        kind: Kind,
        monitor: &dyn Monitor,
    ) -> Result<Captured> {
        let options = Options {
            kind,
            ..Options::default()
        };
        let (database, repository) = (self.database(), self.repository());
        capture(disk, &database, &repository, &options, monitor)
    }

    /// The segments that a capture adds.
    #[track_caller]
    pub(crate) fn added(&self, kind: Kind) -> Vec<SegmentRecord> {
        added(self.capture(kind))
    }

    /// The code and the words of the error that a capture ends with.
    #[track_caller]
    pub(crate) fn refused(&self, kind: Kind) -> (&'static str, String) {
        let error = self.capture(kind).expect_err("a refusal");
        (error.code(), error.to_string())
    }

    pub(crate) fn log(&self) -> LogFolder {
        let log = LogFolder::open(&self.log_folder(), self.generation);
        log.expect("a log").expect("a log folder")
    }

    /// The path of the log file with an index.
    pub(crate) fn log_file(&self, index: usize) -> PathBuf {
        self.log().files()[index].path.clone()
    }

    /// Behind which bytes of its only log file each commit ends.
    pub(crate) fn commits(&self) -> Vec<usize> {
        let log = self.log();
        let parts = [log.files()[0].part()];
        let front = usize::try_from(parts[0].file_offset).expect("an offset");
        let groups = GroupReader::new(&parts).filter_map(|event| match event {
            Ok(LogEvent::Group(group)) => Some(front + group.end.offset),
            _ => None,
        });
        groups.collect()
    }

    /// Takes the commits from an index on out of its only log file.
    pub(crate) fn hold_back(&self, commits: usize) -> Vec<u8> {
        let ends = self.commits();
        let path = self.log_file(0);
        let mut bytes = fs::read(&path).expect("a log file");
        let rest = bytes.split_off(ends[commits - 1]);
        fs::write(&path, bytes).expect("a log file");
        rest
    }

    /// Appends to its only log file.
    pub(crate) fn append(&self, bytes: &[u8]) {
        append(&self.log_file(0), bytes);
    }

    /// The header of an increment in the repository.
    pub(crate) fn segment_header(&self, record: &SegmentRecord) -> SegmentHeader {
        let path = self.repository().join(record.segment.file.as_str());
        SegmentHeader::decode(&fs::read(path).expect("a segment")).expect("a header")
    }

    pub(crate) fn headers(&self) -> DatabaseHeaders {
        let bytes = fs::read(self.database()).expect("a database");
        DatabaseHeaders::decode(&bytes).expect("headers")
    }

    /// The database file behind one more checkpoint, which changed nothing but what is said here.
    pub(crate) fn checkpointed(&self, change: impl Fn(&mut Checkpoint)) -> Vec<u8> {
        let mut bytes = fs::read(self.database()).expect("a database");
        let mut checkpoint = self.headers().checkpoint;
        let active = slot(checkpoint.iteration);
        checkpoint.iteration += 1;
        change(&mut checkpoint);
        let changed = match self.generation {
            Generation::One => slot_v1(&checkpoint),
            Generation::Two => slot_v2(&bytes[active..active + PAGE_BYTES], &checkpoint),
        };
        let place = slot(checkpoint.iteration);
        bytes[place..place + changed.len()].copy_from_slice(&changed);
        bytes
    }

    /// Does such a checkpoint.
    pub(crate) fn checkpoint(&self, change: impl Fn(&mut Checkpoint)) {
        let bytes = self.checkpointed(change);
        fs::write(self.database(), bytes).expect("a database");
    }

    /// Begins a log file of generation 1, as a checkpoint does before it writes its image, and
    /// names it in `checkpoint.meta`.
    pub(crate) fn begin_log_file(&self, number: u64) {
        let folder = self.log_folder();
        fs::write(folder.join(format!("wal_{number:08}.log")), "").expect("a log file");
        let path = folder.join(CHECKPOINT_FILE_NAME);
        let record = CheckpointRecord::decode(&fs::read(&path).expect("a checkpoint record"));
        let record = record.expect("a checkpoint record");
        let numbers = [
            record.epoch.get(),
            number,
            record.written_at.get(),
            record.transaction.get(),
        ];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
        fs::write(path, bytes).expect("a checkpoint record");
    }

    /// Appends a group of generation 2 to its only log file: the first one in it with another epoch
    /// and its record so many times.
    pub(crate) fn append_group(&self, epoch: u8, records: usize) {
        const EPOCH: usize = FRAME_HEADER_BYTES + PROLOGUE_BYTES + RECORD_HEADER_BYTES;
        const RECORD: usize = EPOCH + 11;
        let log = fs::read(self.log_file(0)).expect("a log file");
        let mut frame = log[WAL_SEGMENT_HEADER_BYTES..self.commits()[0]].to_vec();
        let record = frame.split_off(RECORD);
        frame[EPOCH] = epoch;
        frame.extend(record.repeat(records));
        let lsn = log.len() - WAL_SEGMENT_HEADER_BYTES;
        frame[8..16].copy_from_slice(&(lsn as u64).to_le_bytes());
        self.append(&sealed_frame(frame));
    }

    pub(crate) fn cursor(&self) -> Option<Cursor> {
        let folder = Folder::open(&self.log_folder()).expect("a log folder");
        read_cursor(&folder).expect("a sound cursor")
    }

    pub(crate) fn set_cursor(&self, cursor: &Cursor) {
        let folder = Folder::open(&self.log_folder()).expect("a log folder");
        write_cursor(&RealDisk, &folder, Mode::PRIVATE, cursor).expect("a cursor");
    }

    pub(crate) fn remove_cursor(&self) {
        fs::remove_file(self.log_folder().join(CURSOR_FILE_NAME)).expect("a cursor");
    }

    pub(crate) fn manifest(&self) -> Manifest {
        let folder = Folder::open(&self.repository()).expect("a repository");
        read_manifest(&folder)
            .expect("a sound manifest")
            .expect("a manifest")
    }

    /// Takes all segments but the first ones out of the repository.
    pub(crate) fn keep_segments(&self, count: usize) {
        let mut segments = self.manifest().segments;
        for removed in segments.split_off(count) {
            let path = self.repository().join(removed.file.as_str());
            fs::remove_file(path).expect("a segment");
        }
        self.set_segments(segments);
    }

    fn set_segments(&self, segments: Vec<Segment>) {
        let folder = Folder::open(&self.repository()).expect("a repository");
        let mut manifest = self.manifest();
        manifest.segments = segments;
        write_manifest(&RealDisk, &folder, Mode::PRIVATE, &manifest).expect("a manifest");
    }

    /// Adds a full backup of a database file as the engine would, and its cursor.
    pub(crate) fn add_full_of_engine(&self, name: &str, image: &[u8]) {
        fs::write(self.repository().join(name), image).expect("a segment");
        let checkpoint = DatabaseHeaders::decode(image).expect("headers").checkpoint;
        let mut segments = self.manifest().segments;
        let created_at = segments
            .last()
            .map_or(UnixMillis::default(), |it| it.created_at);
        segments.push(Segment {
            kind: SegmentKind::Full,
            file: name.to_owned().try_into().expect("a name"),
            start_epoch: Epoch::default(),
            end_epoch: checkpoint.epoch,
            checksum: Crc32::of(image),
            size_bytes: image.len() as u64,
            created_at,
            end_lsn: checkpoint.log_start,
            unknown: Unknown::new(),
        });
        self.set_segments(segments);
        if let Some(lsn) = checkpoint.log_start {
            let cursor = Cursor::from_lsn(checkpoint.epoch, lsn, created_at, &Unknown::new());
            self.set_cursor(&cursor);
        }
    }
}

#[track_caller]
pub(crate) fn added(captured: Result<Captured>) -> Vec<SegmentRecord> {
    match captured.expect("a capture") {
        Captured::Added { segments, .. } => segments,
        Captured::UpToDate { end_epoch } => panic!("up to date at {end_epoch}"),
    }
}

/// Why a capture took a full backup.
#[track_caller]
pub(crate) fn why(captured: Result<Captured>) -> String {
    match captured.expect("a capture") {
        Captured::Added { why, .. } => why.expect("a full backup"),
        Captured::UpToDate { end_epoch } => panic!("up to date at {end_epoch}"),
    }
}

/// The names of segments.
pub(crate) fn names(segments: &[SegmentRecord]) -> Vec<&str> {
    let files = segments.iter().map(|record| record.segment.file.as_str());
    files.collect()
}

#[track_caller]
pub(crate) fn full(record: &SegmentRecord) -> &FullContent {
    match &record.content {
        SegmentContent::Full(full) => full,
        SegmentContent::Increment(_) => panic!("{} is an increment", record.segment.file),
    }
}

#[track_caller]
pub(crate) fn increment(record: &SegmentRecord) -> &IncrementContent {
    match &record.content {
        SegmentContent::Increment(increment) => increment,
        SegmentContent::Full(_) => panic!("{} is a full backup", record.segment.file),
    }
}

/// Where in the log an increment lies.
#[track_caller]
pub(crate) fn range(record: &SegmentRecord) -> (LogPosition, LogPosition) {
    let range = increment(record).range.expect("a place in the log");
    (range.start, range.end)
}

/// The same database file, said to be encrypted.
pub(crate) fn encrypted(mut image: Vec<u8>) -> Vec<u8> {
    image[12] |= 1;
    seal(&mut image, 72);
    let headers = DatabaseHeaders::decode(&image).expect("headers");
    assert!(matches!(
        headers.file,
        FileHeader {
            is_encrypted: true,
            ..
        }
    ));
    image
}

/// The same log file of generation 2, said to be encrypted.
fn encrypted_log(mut file: Vec<u8>) -> Vec<u8> {
    file[12] |= 1;
    seal(&mut file, 124);
    let header = WalSegmentHeader::decode(&file).expect("a header");
    assert!(header.is_encrypted);
    file
}

pub(crate) fn append(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).open(path);
    let mut file = file.expect("a log file");
    file.write_all(bytes).expect("a log file");
}

/// Changes one byte of a file.
pub(crate) fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[offset] ^= 1;
    fs::write(path, bytes).expect("a file");
}

/// Where the slot of a checkpoint stands in a database file.
pub(crate) fn slot(iteration: u64) -> usize {
    let is_odd = iteration % 2 == 1;
    PAGE_BYTES * (1 + usize::from(is_odd))
}

fn slot_v1(checkpoint: &Checkpoint) -> Vec<u8> {
    let numbers = [
        checkpoint.iteration,
        checkpoint.checksum.get().into(),
        0,
        checkpoint.epoch.get(),
        checkpoint.transaction.get(),
        checkpoint.node_count,
        checkpoint.edge_count,
        checkpoint.written_at.get(),
    ];
    let mut slot: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
    slot.resize(PAGE_BYTES, 0);
    slot
}

fn slot_v2(active: &[u8], checkpoint: &Checkpoint) -> Vec<u8> {
    let mut slot = active.to_vec();
    let numbers = [
        (8, checkpoint.iteration),
        (16, checkpoint.log_start.expect("a position").get()),
        (24, checkpoint.epoch.get()),
        (72, checkpoint.written_at.get()),
    ];
    for (offset, number) in numbers {
        slot[offset..offset + 8].copy_from_slice(&number.to_le_bytes());
    }
    seal(&mut slot, 80);
    slot
}

/// A frame of generation 2 with the length and the checksum of what it has.
pub(crate) fn sealed_frame(mut frame: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(frame.len() - FRAME_HEADER_BYTES).expect("a short payload");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    let checksum = Crc32::of(&[&frame[..4], &frame[8..]].concat()).get();
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// Writes the checksum of what stands before it.
fn seal(bytes: &mut [u8], offset: usize) {
    let checksum = Crc32::of(&bytes[..offset]).get();
    bytes[offset..offset + 4].copy_from_slice(&checksum.to_le_bytes());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("a file");
        }
    }
}

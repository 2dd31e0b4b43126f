//! A live database with a repository beside it, as an engine left them.

use std::fs;
use std::path::PathBuf;

use apograph_capture::{Captured, Kind, Options, Result, capture};
use apograph_format::v1::CHECKPOINT_FILE_NAME;
use apograph_format::v2::{
    FRAME_HEADER_BYTES, PROLOGUE_BYTES, RECORD_HEADER_BYTES, WAL_SEGMENT_HEADER_BYTES,
};
use apograph_format::{
    Checkpoint, Crc32, DatabaseHeaders, Epoch, FilePosition, Generation, LogPosition, LogSequence,
    SegmentFlags, SegmentHeader, SegmentKind, UnixMillis, log_file_name, log_folder,
};
use apograph_io::{Context, Disk, Folder, Mode, Monitor, NoProgress, RealDisk};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, Evidence, History, Keep, Manifest, Marker, RepositoryId, Segment,
    SegmentRecord, Unknown, marker_name, read_cursor, read_history, read_manifest, read_marker,
    read_notes, write_history, write_manifest,
};
use apograph_repository::init;
use apograph_testing::context::every_core;
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::encoding::{PAGE_BYTES, varint};
use apograph_testing::errors::told;
use apograph_testing::fixtures::Fixtures;
use apograph_testing::scratch::scratch;
use apograph_wal::{GroupReader, LogEvent, LogFolder};
use tempfile::TempDir;

use crate::captured::added;
use crate::changed_files::{append, copy};
use crate::frames::{encrypted, encrypted_log, slot, slot_v1, slot_v2};

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
        init(&path, Context::default()).expect("a repository");
    }

    pub(crate) fn capture(&self, kind: Kind) -> Result<Captured> {
        self.capture_on(&RealDisk, kind)
    }

    pub(crate) fn capture_on(&self, disk: &dyn Disk, kind: Kind) -> Result<Captured> {
        self.capture_heard(disk, kind, &NoProgress)
    }

    pub(crate) fn capture_heard(
        &self,
        disk: &dyn Disk,
        kind: Kind,
        monitor: &dyn Monitor,
    ) -> Result<Captured> {
        let context = Context {
            disk,
            monitor,
            ..every_core()
        };
        self.capture_by(kind, context)
    }

    pub(crate) fn capture_by(&self, kind: Kind, context: Context<'_>) -> Result<Captured> {
        let options = Options {
            kind,
            ..Options::default()
        };
        capture(&self.database(), self.repository(), &options, context)
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
        (error.code().as_str(), told(&error))
    }

    pub(crate) fn log(&self) -> LogFolder {
        let log = LogFolder::open(&self.log_folder(), self.generation);
        log.expect("a log").expect("a log folder")
    }

    /// The path of the log file with an index.
    pub(crate) fn log_file(&self, index: usize) -> PathBuf {
        self.log().files()[index].path.clone()
    }

    /// After which bytes of its only log file each commit ends.
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

    /// Takes all frames out of its only log file.
    pub(crate) fn take_log(&self) -> Vec<u8> {
        let path = self.log_file(0);
        let mut log = fs::read(&path).expect("a log file");
        let front = match self.generation {
            Generation::One => 0,
            Generation::Two => WAL_SEGMENT_HEADER_BYTES,
        };
        let frames = log.split_off(front);
        fs::write(&path, log).expect("a log file");
        frames
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

    /// The database file after one more checkpoint, which changed nothing but what is said here.
    pub(crate) fn checkpointed(&self, change: impl Fn(&mut Checkpoint)) -> Vec<u8> {
        let mut bytes = fs::read(self.database()).expect("a database");
        let mut checkpoint = self.headers().checkpoint;
        if self.generation == Generation::One && checkpoint.iteration == 0 {
            // The first image: it has no section yet.
            let directory = [0; PAGE_BYTES];
            bytes.extend(directory);
            checkpoint.checksum = Crc32::of(&directory);
        }
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

    /// Begins the next log file, as a checkpoint does before it writes its image, and tells where
    /// that is.
    pub(crate) fn begin_log_file(&self) -> LogPosition {
        let log = self.log();
        let last = log.files().last().expect("a log file");
        let (start, front) = match last.start() {
            LogPosition::File(place) => {
                let next = place.sequence.next().expect("a number");
                (LogPosition::in_file(next, 0), Vec::new())
            }
            LogPosition::Lsn(_) => {
                let end = last.part().end();
                let header = last.header().expect("a header");
                let header = header.beginning_at(end.lsn().expect("a position"));
                (end, header.bytes().to_vec())
            }
        };
        fs::write(self.log_folder().join(log_file_name(start)), front).expect("a log file");
        start
    }

    /// Names a log file of generation 1 in `checkpoint.meta`, as a checkpoint does that has
    /// installed its image.
    pub(crate) fn name_log_file(&self, start: LogPosition) {
        let LogPosition::File(FilePosition { sequence, .. }) = start else {
            panic!("{start} is no file of generation 1");
        };
        let image = self.headers().checkpoint;
        let numbers = [
            image.epoch.get(),
            sequence.get(),
            image.written_at.get(),
            image.transaction.get(),
        ];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
        fs::write(self.log_folder().join(CHECKPOINT_FILE_NAME), bytes).expect("a record");
    }

    /// A checkpoint from its first step to its last. It begins a log file and changes in the image
    /// what is said here, and where the image ends.
    pub(crate) fn checkpoint_whole(&self, change: impl Fn(&mut Checkpoint)) {
        let start = self.begin_log_file();
        self.checkpoint(|it| {
            it.log_start = start.lsn();
            change(it);
        });
        if self.generation == Generation::One {
            self.name_log_file(start);
        }
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
        seal_frame(&mut frame);
        self.append(&frame);
    }

    pub(crate) fn cursor(&self) -> Option<Cursor> {
        let folder = Folder::open(&self.log_folder()).expect("a log folder");
        read_cursor(&folder).expect("a sound cursor")
    }

    /// Writes a cursor as an engine does.
    pub(crate) fn set_cursor(&self, cursor: &Cursor) {
        let path = self.log_folder().join(CURSOR_FILE_NAME);
        fs::write(path, cursor.encode()).expect("a cursor");
    }

    pub(crate) fn remove_cursor(&self) {
        fs::remove_file(self.log_folder().join(CURSOR_FILE_NAME)).expect("a cursor");
    }

    /// The id of the repository.
    pub(crate) fn repository_id(&self) -> RepositoryId {
        let folder = Folder::open(&self.repository()).expect("a repository");
        read_notes(&folder).expect("sound notes").expect("notes").id
    }

    /// The file in which the repository marks the log folder.
    pub(crate) fn marker_path(&self) -> PathBuf {
        self.log_folder().join(marker_name(self.repository_id()))
    }

    pub(crate) fn marker(&self) -> Marker {
        let folder = Folder::open(&self.log_folder()).expect("a log folder");
        let marker = read_marker(&folder, self.repository_id());
        marker.expect("a readable file").expect("a marker")
    }

    pub(crate) fn remove_marker(&self) {
        fs::remove_file(self.marker_path()).expect("a marker");
    }

    /// What `apograph.json` says.
    pub(crate) fn history(&self) -> History {
        let folder = Folder::open(&self.repository()).expect("a repository");
        read_history(&folder).expect("a readable file")
    }

    pub(crate) fn set_history(&self, history: &History) {
        let folder = Folder::open(&self.repository()).expect("a repository");
        write_history(&RealDisk, &folder, Mode::PRIVATE, history).expect("a history");
    }

    /// What the newest publish wrote down.
    pub(crate) fn evidence(&self) -> Evidence {
        self.history().evidence.expect("evidence")
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

    /// Adds an increment of an engine of generation 1, of whole log files, and its cursor.
    pub(crate) fn add_increment_of_engine(&self, body: &[u8], last: u64) {
        let mut segments = self.manifest().segments;
        let (count, before) = (segments.len(), segments.last().expect("a segment"));
        let (start_epoch, created_at) = (before.end_epoch.next(), before.created_at);
        let end_epoch = start_epoch.expect("an epoch");
        let header = SegmentHeader {
            generation: Generation::One,
            start_epoch: end_epoch,
            end_epoch,
            count: 1,
            flags: SegmentFlags::default(),
        };
        let bytes = [&header.encode()[..], body].concat();
        let name = format!("backup_incr_{count:04}.wal");
        fs::write(self.repository().join(&name), &bytes).expect("a segment");
        segments.push(Segment {
            kind: SegmentKind::Incremental,
            file: name.try_into().expect("a name"),
            start_epoch: end_epoch,
            end_epoch,
            checksum: Crc32::of(&bytes),
            size_bytes: bytes.len() as u64,
            created_at,
            end_lsn: None,
            unknown: Unknown::new(),
        });
        self.set_segments(segments);
        self.set_cursor(&Cursor {
            backed_up_epoch: end_epoch,
            keep: Keep::FilesAfter(LogSequence::new(last)),
            written_at: created_at,
            is_wide: false,
            unknown: Unknown::new(),
        });
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

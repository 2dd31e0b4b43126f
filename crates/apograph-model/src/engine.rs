//! A naive engine: no database, only the files that one would leave.
//!
//! It writes the image and the log of either generation byte for byte as FORMAT.md has them, and
//! notes in the [`Truth`] what they mean. Its files live in memory; [`Engine::files`] is what would
//! be on disk.

mod log;
mod v1;
mod v2;

use std::collections::BTreeMap;

use apograph_format::Generation;

use crate::bytes::{PAGE_BYTES, put};
use crate::op::Shape;
use crate::truth::{Moment, Truth};
use log::Log;

/// What is on disk of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Files {
    pub(crate) database: Vec<u8>,
    /// Generation 1: an image that is complete and not in its place yet.
    pub(crate) installing: Option<Vec<u8>>,
    pub(crate) folder: Option<Folder>,
}

/// A log folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Folder {
    /// Which one it is of those that had its name.
    pub(crate) life: usize,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// What the cursor in the log folder asks a checkpoint to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// There is no cursor.
    Nothing,
    /// It cannot be read.
    Everything,
    /// What lies behind this log file, or, in generation 2, this LSN.
    Behind(u64),
}

/// A group that is ready to be written.
struct Encoded {
    bytes: Vec<u8>,
    /// How many of them make it a commit. In generation 1 the epoch stands behind that.
    committed: usize,
}

/// The heads of a group.
#[derive(Debug, Clone, Copy)]
struct Heads {
    transaction: u64,
    epoch: u64,
    owns_epoch: bool,
}

/// What an image says of itself.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    iteration: u64,
    epoch: u64,
    transaction: u64,
    written_at: u64,
}

/// The files of one generation.
trait Layout {
    fn encode(
        &self,
        log: &Log,
        heads: Heads,
        shape: Shape,
        records: &[Vec<u8>],
        time: u64,
    ) -> Encoded;
    /// What says that all before it is synced.
    fn marker(&self, log: &Log) -> Option<Vec<u8>>;
    /// A new log file behind the others.
    fn begin_file(&self, log: &mut Log, time: u64);
    /// The database file with another image.
    fn image(&self, database: &[u8], head: Head, log_start: u64, state: &[u32]) -> Vec<u8>;
    fn log_file_name(&self, start: u64) -> String;
}

/// A process that has the database open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    epoch: u64,
    transaction: u64,
}

impl Process {
    fn counting_from(epoch: u64) -> Self {
        Self {
            epoch,
            transaction: SYSTEM,
        }
    }
}

/// A commit whose session took its epoch and has not logged it.
struct Pending {
    number: u32,
    heads: Heads,
    shape: Shape,
    records: Vec<Vec<u8>>,
}

/// The rest of a group that is being written.
struct Unfinished {
    rest: Vec<u8>,
    /// Where it is a commit and where it ends, if it is none yet.
    event: Option<(log::Event, Heads)>,
}

/// The engine.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the files"
)]
pub(crate) struct Engine {
    generation: Generation,
    layout: Box<dyn Layout>,
    pub(crate) truth: Truth,
    database: Vec<u8>,
    installing: Option<Vec<u8>>,
    head: Head,
    log: Log,
    has_folder: bool,
    folder_life: usize,
    /// The history with which the log folder began.
    folder_from: usize,
    /// Generation 1: `checkpoint.meta`.
    meta: Option<(u64, Vec<u8>)>,
    log_start: u64,
    process: Option<Process>,
    pending: Option<Pending>,
    unfinished: Option<Unfinished>,
    clock: u64,
    /// Up to where the log is in backups, at most.
    captured: Option<(u64, usize)>,
    /// Whether the next backup has to go on from the one before it.
    pub(crate) goes_on: bool,
    /// Whether the last backup was of a database without a log, and left no cursor.
    pub(crate) is_without_cursor: bool,
    /// Generation 1: the last crash cut a group.
    is_torn: bool,
    /// The last process closed the database.
    was_closed: bool,
}

/// When the first story begins, in milliseconds since 1970.
const BEGINNING_MS: u64 = 1_700_000_000_000;
const SYSTEM: u64 = 1;

impl Engine {
    pub(crate) fn new(generation: Generation) -> Self {
        let keeps_counting = generation == Generation::Two;
        let layout: Box<dyn Layout> = match generation {
            Generation::One => Box::new(v1::Layout1),
            Generation::Two => Box::new(v2::Layout2),
        };
        let head = Head {
            written_at: BEGINNING_MS,
            ..Head::default()
        };
        let mut engine = Self {
            generation,
            database: layout.image(&[], head, 0, &[]),
            layout,
            truth: Truth::new(keeps_counting),
            installing: None,
            head,
            log: Log::default(),
            has_folder: false,
            folder_life: 0,
            folder_from: 0,
            meta: None,
            log_start: 0,
            process: None,
            pending: None,
            unfinished: None,
            clock: BEGINNING_MS,
            captured: None,
            goes_on: false,
            is_without_cursor: false,
            is_torn: false,
            was_closed: false,
        };
        engine.begin_folder();
        engine.process = Some(Process::counting_from(0));
        engine
    }

    /// What is on disk.
    pub(crate) fn files(&self) -> Files {
        let folder = self.has_folder.then(|| {
            let logs = self.log.files.iter();
            let logs = logs.map(|it| (self.layout.log_file_name(it.start), it.bytes.clone()));
            let meta = self.meta.iter();
            let meta = meta.map(|(_, bytes)| ("checkpoint.meta".to_owned(), bytes.clone()));
            Folder {
                life: self.folder_life,
                files: logs.chain(meta).collect(),
            }
        });
        Files {
            database: self.database.clone(),
            installing: self.installing.clone(),
            folder,
        }
    }

    /// Which log folder there is, of those that had its name.
    pub(crate) fn folder_life(&self) -> Option<usize> {
        self.has_folder.then_some(self.folder_life)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 7;
        self.clock
    }

    fn is_first_generation(&self) -> bool {
        self.generation == Generation::One
    }

    fn begin_folder(&mut self) {
        self.has_folder = true;
        self.folder_life += 1;
        self.folder_from = self.truth.current();
        self.meta = None;
        self.captured = None;
        let end = if self.is_first_generation() {
            0
        } else {
            self.log_start
        };
        self.log = Log::at(end);
        if self.is_first_generation() {
            self.begin_file();
        }
    }

    fn begin_file(&mut self) {
        let time = self.tick();
        self.layout.begin_file(&mut self.log, time);
    }

    /// Opens the database, where it is not open.
    pub(crate) fn open(&mut self) -> &mut Process {
        if self.process.is_none() {
            let was_installing = self.installing.is_some();
            let epoch = self.recover();
            self.process = Some(Process::counting_from(epoch));
            // Until then the log is replayed from before the image, which has all of that already:
            // in generation 1 such a log does not tell the processes in it apart.
            if was_installing {
                self.checkpoint(Keep::Everything);
            }
        }
        self.process.as_mut().expect("it was opened")
    }

    /// What an open does; tells the epoch from which it goes on to count.
    fn recover(&mut self) -> u64 {
        if let Some(image) = self.installing.take() {
            self.database = image;
        }
        if !self.has_folder {
            if self.is_first_generation() {
                self.truth.begin_history();
            }
            self.begin_folder();
        } else if self.is_first_generation() {
            if std::mem::take(&mut self.is_torn) {
                self.begin_file();
                self.log.append(&v1::seal(), None);
                self.truth.begin_history();
            } else {
                self.truth.go_on_unknown();
            }
        } else {
            self.log.cut_off_torn();
        }
        self.log.sync();
        match self.generation {
            Generation::One => 0,
            Generation::Two if std::mem::take(&mut self.was_closed) => self.head.epoch,
            // A crash makes the engine forget an epoch that nothing was logged in.
            Generation::Two => self.truth.history().highest(),
        }
    }

    fn next_file(&mut self) {
        if !self.is_first_generation() && self.log.wants_file() {
            self.begin_file();
        }
    }

    /// What is being written is written.
    fn finish(&mut self) {
        if let Some(unfinished) = self.unfinished.take() {
            self.log.extend(&unfinished.rest);
            if let Some((event, heads)) = unfinished.event {
                self.note(event, heads);
            }
        }
    }

    /// What a session has not logged yet, it logs.
    fn flush(&mut self) {
        self.finish();
        if let Some(pending) = self.pending.take() {
            let time = self.tick();
            let encoded = self.layout.encode(
                &self.log,
                pending.heads,
                pending.shape,
                &pending.records,
                time,
            );
            self.append(&encoded, pending.number, pending.heads);
        }
    }

    fn note(&mut self, event: log::Event, heads: Heads) {
        if let Some(number) = event.number {
            self.truth.commit(number, heads.epoch, heads.owns_epoch);
        }
        self.log.note(event);
    }

    fn append(&mut self, encoded: &Encoded, number: u32, heads: Heads) {
        let event = self
            .log
            .event(encoded.committed, encoded.bytes.len(), number);
        self.log.extend(&encoded.bytes);
        self.note(event, heads);
    }

    fn heads(&mut self, owns_epoch: bool) -> Heads {
        let process = self.open();
        if owns_epoch {
            process.epoch += 1;
            process.transaction += 1;
        }
        Heads {
            transaction: if owns_epoch {
                process.transaction
            } else {
                SYSTEM
            },
            epoch: process.epoch,
            owns_epoch,
        }
    }

    fn encoded(&mut self, heads: Heads, shape: Shape) -> (u32, Encoded) {
        let (number, records) = self.truth.make(|number| records(number, shape));
        let time = self.tick();
        let encoded = self.layout.encode(&self.log, heads, shape, &records, time);
        (number, encoded)
    }

    /// Prepares for the next group.
    fn prepare(&mut self) {
        self.open();
        self.flush();
        self.next_file();
    }

    /// A session commits.
    pub(crate) fn commit(&mut self, shape: Shape) {
        self.prepare();
        let heads = self.heads(true);
        if shape.records == 0 && !self.is_first_generation() {
            return;
        }
        let (number, encoded) = self.encoded(heads, shape);
        self.append(&encoded, number, heads);
    }

    /// A change without an epoch.
    pub(crate) fn change(&mut self, shape: Shape) {
        self.prepare();
        let shape = with_records(shape);
        let heads = self.heads(false);
        let (number, encoded) = self.encoded(heads, shape);
        self.append(&encoded, number, heads);
    }

    /// Two sessions commit; the first to take an epoch is the last to log.
    pub(crate) fn late(&mut self, shape: Shape) {
        self.prepare();
        let has_counted = self.process.is_some_and(|process| process.epoch > 0);
        if !self.is_first_generation() || !has_counted {
            self.commit(shape);
            return self.commit(shape);
        }
        let shape = with_records(shape);
        let heads = self.heads(true);
        let (number, records) = self.truth.make(|number| records(number, shape));
        self.pending = Some(Pending {
            number,
            heads,
            shape,
            records,
        });
        let heads = self.heads(true);
        let (number, encoded) = self.encoded(heads, shape);
        self.append(&encoded, number, heads);
    }

    /// A commit of which a part is written.
    pub(crate) fn begin(&mut self, shape: Shape) {
        self.prepare();
        let shape = with_records(shape);
        let heads = self.heads(true);
        let (number, encoded) = self.encoded(heads, shape);
        let event = self
            .log
            .event(encoded.committed, encoded.bytes.len(), number);
        let part = usize::from(shape.value_bytes) + 1;
        let written = (encoded.bytes.len() * part / 257).max(1);
        let (front, rest) = encoded.bytes.split_at(written);
        self.log.extend(front);
        let is_committed = written >= encoded.committed;
        if is_committed {
            self.note(event, heads);
        }
        self.unfinished = Some(Unfinished {
            rest: rest.to_vec(),
            event: (!is_committed).then_some((event, heads)),
        });
    }

    /// A sync marker, in generation 2.
    pub(crate) fn mark(&mut self) {
        self.prepare();
        if let Some(marker) = self.layout.marker(&self.log) {
            self.log.append(&marker, None);
            self.log.sync_before(marker.len());
        }
    }

    /// A new log file. In generation 1 one without a checkpoint record looks like a checkpoint that
    /// is under way; short of 64 MiB no engine begins one.
    pub(crate) fn rotate(&mut self) {
        self.prepare();
        let begins = match self.generation {
            Generation::One => self.meta.is_some(),
            Generation::Two => self.log.has_frames(),
        };
        if begins {
            self.begin_file();
        }
    }

    fn new_image(&mut self) -> (Head, Vec<u8>) {
        let process = *self.open();
        let head = Head {
            iteration: self.head.iteration + 1,
            epoch: process.epoch,
            transaction: process.transaction,
            written_at: self.tick(),
        };
        let log_start = self.log.end();
        let state = self.truth.live().clone();
        (
            head,
            self.layout.image(&self.database, head, log_start, &state),
        )
    }

    /// A checkpoint, with what the cursor asks to keep.
    pub(crate) fn checkpoint(&mut self, keep: Keep) {
        self.open();
        self.flush();
        if self.is_first_generation() || self.log.has_frames() {
            self.begin_file();
        }
        let (head, image) = self.new_image();
        self.database = image;
        self.head = head;
        self.log_start = self.log.end();
        if self.is_first_generation() {
            let sequence = self.log.newest_start();
            self.meta = Some((sequence, v1::checkpoint_record(head, sequence)));
            let before = match keep {
                Keep::Nothing => sequence,
                Keep::Everything => 0,
                Keep::Behind(file) => sequence.min(file + 1),
            };
            self.log.remove_before(before, |file| file.start + 1);
        } else {
            let before = match keep {
                Keep::Nothing => self.log_start,
                Keep::Everything => 0,
                Keep::Behind(lsn) => self.log_start.min(lsn),
            };
            self.log.remove_before(before, v2::end);
        }
        self.goes_on &= !self.is_without_cursor;
        self.truth.note_checkpoint();
    }

    /// The process dies when the image of a checkpoint is complete. (Generation 2: and before a
    /// slot names it.)
    pub(crate) fn crash_in_checkpoint(&mut self) {
        self.open();
        self.flush();
        if self.is_first_generation() {
            // So that the log has nothing between `checkpoint.meta` and the image. Where it has, the
            // processes in it cannot be told apart.
            self.checkpoint(Keep::Everything);
            self.begin_file();
            let (head, image) = self.new_image();
            // It is installed from the front.
            put(&mut self.database, 0, &image[..4 * PAGE_BYTES]);
            self.installing = Some(image);
            self.head = head;
            self.goes_on &= !self.is_without_cursor;
            self.truth.note_checkpoint();
        } else {
            let (_, image) = self.new_image();
            put(&mut self.database, 3 * PAGE_BYTES, &image[3 * PAGE_BYTES..]);
        }
        self.crash(0);
    }

    /// The database is closed.
    pub(crate) fn close(&mut self, keep: Keep) {
        if self.process.is_none() {
            return;
        }
        self.checkpoint(keep);
        self.process = None;
        self.was_closed = true;
        if !self.is_first_generation() && keep != Keep::Nothing {
            return;
        }
        self.has_folder = false;
        self.goes_on = false;
        self.log = Log::at(self.log_start);
        self.meta = None;
    }

    /// The process dies, and bytes of the newest log file with it.
    pub(crate) fn crash(&mut self, lost_bytes: u8) {
        if self.process.take().is_none() {
            return;
        }
        self.unfinished = None;
        self.pending = None;
        let cut = self.log.crash(lost_bytes.into());
        self.is_torn = cut.is_torn;
        let position = (self.log.newest_start(), self.log.newest_len());
        let is_captured = self.captured.is_some_and(|captured| captured > position);
        self.goes_on &= !is_captured;
        self.truth.lose(&cut.lost, cut.without_epoch, is_captured);
    }

    /// Nothing is being written any more.
    pub(crate) fn settle(&mut self) {
        self.finish();
        self.flush();
        if self.is_torn || self.log.ends_torn() {
            self.open();
        }
        if self.is_first_generation() && self.log.ends_without_epoch() {
            self.commit(Shape {
                records: 1,
                ..Shape::default()
            });
        }
    }

    /// Logs what would keep an image from being a state.
    pub(crate) fn log_pending(&mut self) {
        if self.pending.is_some() {
            self.flush();
        }
    }

    /// A backup was taken, as an increment or as a full one.
    pub(crate) fn captured(&mut self, is_increment: bool) {
        if self.goes_on {
            self.truth.note_increment();
        } else if is_increment {
            self.truth.note_lone_increment();
        } else {
            self.truth.note_full(self.served_from());
        }
        self.captured = self
            .has_folder
            .then(|| (self.log.newest_start(), self.log.whole_len()));
        self.goes_on = true;
    }

    /// From where on a full backup that goes on from nothing serves.
    fn served_from(&self) -> Moment {
        let now = self.truth.now();
        match self.generation {
            Generation::Two => Moment {
                epoch: self.head.epoch,
                ..now
            },
            Generation::One if !self.has_folder => now,
            Generation::One if self.head.iteration == 0 || self.is_fresh() => Moment {
                history: self.folder_from,
                epoch: 0,
            },
            Generation::One => now,
        }
    }

    /// Whether no checkpoint can have begun since the log was.
    fn is_fresh(&self) -> bool {
        let is_sealed = |file: &log::LogFile| file.bytes.starts_with(&v1::seal());
        self.meta.is_none()
            && self.log.files.first().is_some_and(|first| first.start == 0)
            && self.log.files.iter().skip(1).all(is_sealed)
    }
}

fn with_records(shape: Shape) -> Shape {
    let records = shape.records.max(1);
    Shape { records, ..shape }
}

/// What the records of a commit hold, without their tags.
fn records(number: u32, shape: Shape) -> Vec<Vec<u8>> {
    let record = |index: u8| {
        let mut record = number.to_le_bytes().to_vec();
        record.push(index);
        let value = (0..shape.value_bytes).map(|byte| byte ^ record[0] ^ index);
        let value: Vec<u8> = value.collect();
        record.extend(value);
        if shape.is_forged {
            record.extend(v1::seal());
            record.extend(b"GRAFWAL\0");
        }
        record
    };
    (0..shape.records).map(record).collect()
}

//! A naive engine: no database, only the files that one would leave.
//!
//! It writes the image and the log of either generation byte for byte as FORMAT.md has them, and
//! notes in the [`ScenarioTruth`] what they mean. Its files live in memory; [`Engine::files`] is
//! what would be on disk. What sessions do to them is in `session.rs`, what becomes of them at a
//! checkpoint and at the end of a process in `checkpoint.rs`, and what a backup has to make of them
//! in `backup.rs`.

mod backup;
mod checkpoint;
mod layout;
mod log;
mod session;
mod v1;
mod v2;

use std::collections::BTreeMap;

use apograph_format::Generation;
use apograph_testing::encoding::v1::process_end;

use crate::op::Shape;
use crate::truth::ScenarioTruth;
use layout::{Head, Heads, Layout, SYSTEM};
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
    /// What lies after this log file, or, in generation 2, this LSN.
    Behind(u64),
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
    pub(crate) truth: ScenarioTruth,
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
    /// Whether there is no cursor that keeps the log.
    pub(crate) is_without_cursor: bool,
    /// Generation 1: the last crash cut a group.
    is_torn: bool,
    /// The last process closed the database.
    was_closed: bool,
    /// Generation 1: a log file was begun since the last backup, and no checkpoint was why.
    is_rotated: bool,
}

/// When the first scenario begins, in milliseconds since 1970.
const BEGINNING_MS: u64 = 1_700_000_000_000;

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
            truth: ScenarioTruth::new(keeps_counting),
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
            is_rotated: false,
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
        self.begin_file();
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
                self.log.append(&process_end(), None);
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
}

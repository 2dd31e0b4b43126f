//! The database and its log, as they were at one moment.
//!
//! A checkpoint replaces the image, and then says in the log folder which log goes with it. What is
//! compared with each other has to be of one moment: the image is the same before and after the
//! log was looked at, and in generation 1 `checkpoint.meta` is of this image, unless it is not of
//! it for good.

use std::time::SystemTime;

use apograph_format::v1::CheckpointRecord;
use apograph_format::{Checkpoint, DatabaseHeaders, LogPosition, LogSequence, Lsn};
use apograph_io::Context;
use apograph_manifest::{Cursor, ImageIdentity, ManifestError, read_cursor};
use apograph_wal::LogFolder;

use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::patience::{HELD, Patience, SETTLE_ATTEMPTS, pause};

/// The database and its log, as they were at one moment.
#[derive(Debug)]
pub(crate) struct Live {
    /// The image that an open would load.
    pub(crate) image: ImageIdentity,
    /// What the database file says of itself and of the image.
    pub(crate) headers: DatabaseHeaders,
    /// When its file was written, by the clock of the file system.
    pub(crate) written: Option<SystemTime>,
    /// The log; `None` where there is none: the database was closed.
    pub(crate) log: Option<LogFolder>,
    /// The cursor in its folder, where it can be read.
    pub(crate) cursor: Option<Cursor>,
    /// Generation 1: whether `compact()` was called on it, by the image.
    pub(crate) is_compacted: bool,
    /// Whether it is a folder database, which has no image but the empty one.
    pub(crate) is_folder: bool,
}

/// What a publish writes down of the image and, in generation 1, of the log after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) image: ImageIdentity,
    /// What `checkpoint.meta` said.
    pub(crate) recorded: Option<CheckpointRecord>,
    /// The highest log file.
    pub(crate) newest: Option<LogSequence>,
    /// How many log files lay after the one that `checkpoint.meta` named, or after the first.
    pub(crate) pending: u64,
    /// Whether the log was there before the image (`remains.rs`).
    pub(crate) is_older: bool,
    /// Whether no image has replaced this one by the time of the last look.
    pub(crate) is_newest: bool,
}

impl Moment {
    /// That of an image alone.
    pub(crate) const fn of_image(image: ImageIdentity) -> Self {
        Self {
            image,
            recorded: None,
            newest: None,
            pending: 0,
            is_older: false,
            is_newest: true,
        }
    }
}

impl Live {
    /// Looks at a database. Of the newest log file of generation 2 what stands before `read_from`
    /// is not read.
    pub(crate) fn of(
        database: &Database,
        read_from: Option<Lsn>,
        context: Context<'_>,
    ) -> Result<Self> {
        let mut attempt = 0;
        let mut patience = Patience::of(HELD);
        loop {
            let headers = database.headers(context)?;
            let image = ImageIdentity::of(&headers);
            let written = database.written()?;
            let log = database.open_log(image.generation(), read_from)?;
            let is_one_moment = is_of_image(log.as_ref(), &headers)
                && ImageIdentity::of(&database.headers(context)?) == image;
            attempt += 1;
            if !is_one_moment && attempt <= SETTLE_ATTEMPTS {
                pause(context)?;
                continue;
            }
            // A folder without a log file says nothing.
            let log = log.filter(|log| !log.files().is_empty());
            if log.is_none() && database.is_being_written()? {
                // An engine takes its lock before it makes its log, and holds it until that is
                // removed.
                if patience.wait(context)? {
                    continue;
                }
                return Err(CaptureError::LogElsewhere {
                    path: database.path().to_owned(),
                });
            }
            let cursor = log.as_ref().map(cursor_in).transpose()?.flatten();
            let is_compacted = database.is_compacted(image.generation())?;
            return Ok(Self {
                image,
                headers,
                written,
                log,
                cursor,
                is_compacted,
                is_folder: database.is_folder(),
            });
        }
    }

    /// What a publish writes down of it, with whether the log was there before the image.
    pub(crate) fn moment(&self, is_older: bool) -> Moment {
        let log = self.log.as_ref();
        let recorded = log.and_then(|log| log.checkpoint().copied());
        let numbered = || log.iter().flat_map(|log| log.numbered());
        let numbers = || numbered().map(|(number, _)| number);
        // The first file was begun by no checkpoint.
        let first = numbers().next();
        let before = recorded.map(|recorded| recorded.log_sequence).or(first);
        Moment {
            image: self.image,
            recorded,
            newest: numbers().next_back(),
            pending: numbers().filter(|number| Some(*number) > before).count() as u64,
            is_older,
            is_newest: true,
        }
    }

    /// Where the log begins that belongs to the image, as far as that is known without a log.
    pub(crate) fn image_position(&self, recorded: Option<&CheckpointRecord>) -> LogPosition {
        match (self.headers.checkpoint.log_start, recorded) {
            (Some(lsn), _) => LogPosition::Lsn(lsn),
            (None, Some(checkpoint)) => LogPosition::in_file(checkpoint.log_sequence, 0),
            (None, None) => LogPosition::in_file(LogSequence::default(), 0),
        }
    }
}

/// Whether the checkpoint that a log folder of generation 1 tells of is the image's. One without
/// any is as old as its first log file.
fn is_of_image(log: Option<&LogFolder>, headers: &DatabaseHeaders) -> bool {
    let recorded = log.and_then(LogFolder::checkpoint);
    recorded.is_none_or(|recorded| is_of_checkpoint(recorded, &headers.checkpoint))
}

/// Whether `checkpoint.meta` and a slot are of one checkpoint, as far as that can be told.
pub(crate) fn is_of_checkpoint(recorded: &CheckpointRecord, slot: &Checkpoint) -> bool {
    (recorded.epoch, recorded.transaction) == (slot.epoch, slot.transaction)
}

/// The cursor in a log folder. One that cannot be read keeps every log file: it is as good as one
/// that says so, and is written anew.
pub(crate) fn cursor_in(log: &LogFolder) -> Result<Option<Cursor>> {
    match read_cursor(log.folder()) {
        Ok(cursor) => Ok(cursor),
        Err(ManifestError::CorruptCursor { .. }) => Ok(None),
        Err(ManifestError::Io(error)) => Err(error.into()),
        Err(other) => Err(CaptureError::Cursor(other)),
    }
}

//! Where the log after an image begins, and whether the image is the state there.
//!
//! An image of generation 2 is exactly the state at the position of the log that its slot names. In
//! generation 1 the two are written by turns, and nothing in the image names a place of the log.
//!
//! An engine from 0.5.44 on begins a new log file before it writes an image, and names that file in
//! `checkpoint.meta`: the log after the image begins there, or a little before it. The engines up
//! to 0.5.43 keep the log and go on in the same file, so that nearly all of a log lies before its
//! image. They log a checkpoint record once the image is installed, and `checkpoint.meta` says what
//! the image's slot says. Where the three agree, the log after the image begins at the first commit
//! past its epoch, or at the checkpoint record.
//!
//! Where they do not agree, nothing tells the place: the engines' own full backups (0.5.35 to
//! 0.5.43) write an image and neither a record nor a `checkpoint.meta`, as a checkpoint does that
//! is killed in the middle. Then all of the log is taken to lie after the image. What is in it
//! already is replayed onto it, which leads to the same state at the end of the log, as it does
//! when the engine opens the database after a crash, but to states before that which never were. So
//! the image is then not the state at the start of the log, and no point up to the end of the log
//! is offered from it. The same counts for what a close left that was killed, which is older than the image.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apograph_format::{
    Checkpoint, DatabaseHeaders, Epoch, LogPosition, LogSequence, Point, Timeline,
};
use apograph_io::{IoError, Threads};

use crate::error::Result;
use crate::file::LogFile;
use crate::folder::{LogFolder, LogTail};
use crate::group::LogEvent;
use crate::part::Place;
use crate::placed::{PlacedEvent, PlacedReader};
use crate::reader::{GroupReader, read_ahead};
use crate::timeline::TimelineState;
use crate::v1::logged_checkpoints::logged_checkpoints;

/// A group that begins below this many bytes of a log file does not end the file.
pub const FULL_FILE_BYTES: usize = 64 << 20;

/// Where an image stands in the log that lies beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagePlace {
    /// Where the log after the image begins.
    pub start: LogPosition,
    /// The image is exactly the state there.
    pub is_exact: bool,
}

impl ImagePlace {
    /// Finds the place of an image in the log; `is_older` is whether a log that says nothing of a
    /// checkpoint was there before the image.
    ///
    /// # Errors
    ///
    /// As [`LogFolder::from`].
    pub fn find(
        log: &LogFolder,
        headers: &DatabaseHeaders,
        is_older: bool,
        threads: &Threads,
    ) -> Result<Self> {
        let image = &headers.checkpoint;
        let recovery = log.recovery_start(image.log_start);
        let at_recovery = |is_exact| Self {
            start: recovery,
            is_exact,
        };
        if image.iteration == 0 || image.log_start.is_some() {
            return Ok(at_recovery(true));
        }
        let is_fresh = is_fresh(log)? && !is_older;
        if !headers.engines().may_keep_log() {
            return Ok(at_recovery(is_fresh));
        }
        let tail = log.from(recovery)?;
        if let Some(record) = record_of(image, log, &tail)? {
            let place = after_image(&tail, image.epoch, record, threads)?;
            return Ok(Self {
                start: place.position(&tail.parts).unwrap_or(recovery),
                is_exact: false,
            });
        }
        let is_exact = is_fresh && !may_lead_to(&tail, image.epoch, threads)?;
        Ok(at_recovery(is_exact))
    }
}

/// The checkpoint record of an image, where the log and `checkpoint.meta` have it.
fn record_of(image: &Checkpoint, log: &LogFolder, tail: &LogTail<'_>) -> Result<Option<Place>> {
    let Some(written) = log.checkpoint() else {
        return Ok(None);
    };
    let Some(last) = logged_checkpoints(&tail.parts)?.pop() else {
        return Ok(None);
    };
    let agree = (written.epoch, written.transaction) == (image.epoch, image.transaction)
        && last.transaction == image.transaction;
    Ok(agree.then_some(last.place))
}

/// Where the log after an image begins that was installed before its checkpoint record: at the
/// first group of the same process past its epoch, else after the last group before the record. A
/// group may begin before the record and end after it.
fn after_image(
    tail: &LogTail<'_>,
    epoch: Epoch,
    record: Place,
    threads: &Threads,
) -> Result<Place> {
    let mut state = TimelineState::at(Point::new(Timeline::FIRST, Epoch::default()));
    let mut after_last = Place::default();
    let mut past = None;
    read_ahead(&tail.parts, threads, |groups| {
        let reader = PlacedReader::of(groups, &mut state);
        for event in reader {
            let event = event?;
            let end = match event {
                PlacedEvent::Group(group, _) => group.end,
                PlacedEvent::Seal(run)
                | PlacedEvent::LeadingEpoch(_, run)
                | PlacedEvent::SyncMarker(run) => Place {
                    part: run.part,
                    offset: run.end,
                },
            };
            if end > record {
                break;
            }
            after_last = end;
            if let PlacedEvent::Group(group, placement) = event {
                if placement.opens_timeline {
                    past = None;
                }
                if placement.point.epoch > epoch {
                    past.get_or_insert(group.start);
                }
            }
        }
        Ok::<_, IoError>(())
    })?;
    Ok(past.unwrap_or(after_last))
}

/// Whether a process that logged this may have written an image at an epoch: it has logged the
/// commit of that epoch. One that has committed nothing yet has its image at epoch 0.
///
/// # Errors
///
/// [`WalError::Io`](crate::WalError::Io).
pub fn may_lead_to(tail: &LogTail<'_>, epoch: Epoch, threads: &Threads) -> Result<bool> {
    read_ahead(&tail.parts, threads, |groups| {
        for event in groups {
            if let LogEvent::Group(group) = event?
                && (epoch == Epoch::default() || group.head.epoch() == Some(epoch))
            {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Whether no checkpoint has begun since the log was.
///
/// A checkpoint of 0.5.44 starts a new file before it writes its image. Other reasons for a new
/// file leave their mark: the file before it is full, or the new one begins with a seal.
///
/// # Errors
///
/// [`WalError::Io`](crate::WalError::Io).
pub fn is_fresh(log: &LogFolder) -> Result<bool> {
    let files = log.files();
    let beginning = LogPosition::in_file(LogSequence::new(0), 0);
    let from_the_start = files.first().is_none_or(|first| first.start() == beginning);
    if log.checkpoint().is_some() || !from_the_start {
        return Ok(false);
    }
    for pair in files.windows(2) {
        if let [before, file] = pair
            && before.bytes().len() < FULL_FILE_BYTES
            && !begins_with_seal(file)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether another process than the image's began the log that stands right after it, and so counts
/// epochs from the start again. No checkpoint has begun since the log was.
///
/// An image that was closed or killed and opened again has such a log. But so has a restored one:
/// its log goes on from where the image was. The first epoch tells them apart, and groups without
/// one stand before it in the process that took it.
///
/// # Errors
///
/// [`WalError::Io`](crate::WalError::Io).
pub fn is_begun_anew(tail: &LogTail<'_>, image: Epoch) -> Result<bool> {
    for event in GroupReader::new(&tail.parts) {
        if let LogEvent::Group(group) = event?
            && let Some(first) = group.head.epoch()
        {
            return Ok(first <= image);
        }
    }
    Ok(true)
}

/// Whether the engine began a log file with the seal of a torn one.
///
/// # Errors
///
/// [`WalError::Io`](crate::WalError::Io).
pub fn begins_with_seal(file: &LogFile) -> Result<bool> {
    let parts = [file.part()];
    let first = GroupReader::new(&parts).next().transpose()?;
    Ok(matches!(first, Some(LogEvent::Seal { run }) if run.start == 0))
}

/// Whether a log file was begun before an image was written: by the clock of the file system, which
/// wrote both, at `written`, and by the stamp in the image.
pub fn is_begun_before(
    file: &LogFile,
    headers: &DatabaseHeaders,
    written: Option<SystemTime>,
) -> bool {
    behind(begun(file), headers, written).is_some_and(Ordering::is_le)
}

/// Whether nobody has written to a log since the image, which is older than that by its first file.
pub fn is_untouched(
    log: &LogFolder,
    headers: &DatabaseHeaders,
    written: Option<SystemTime>,
) -> bool {
    let newest = log.files().last();
    newest
        .is_none_or(|newest| behind(changed(newest), headers, written).is_some_and(Ordering::is_lt))
}

/// How the time of a log file compares with that of the image, if it was not after the stamp in the
/// image.
fn behind(
    time: Option<SystemTime>,
    headers: &DatabaseHeaders,
    written: Option<SystemTime>,
) -> Option<Ordering> {
    let time = time?;
    // The stamp is in whole milliseconds.
    let stamp = Duration::from_millis(headers.checkpoint.written_at.get().checked_add(1)?);
    let is_before = time.duration_since(UNIX_EPOCH).ok()? < stamp;
    is_before.then_some(time.cmp(&written?))
}

/// When a log file was last written to.
fn changed(file: &LogFile) -> Option<SystemTime> {
    file.file().metadata().ok()?.modified().ok()
}

/// When it was begun, at the latest: a copy has another birth, and may have kept the other time.
fn begun(file: &LogFile) -> Option<SystemTime> {
    let born = file.file().metadata().ok()?.created().ok();
    born.into_iter().chain(changed(file)).min()
}

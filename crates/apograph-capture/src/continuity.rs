//! Where a chain goes on in a live log, with the proof, or why it cannot.
//!
//! File names, sequence numbers and epochs prove nothing: generation 1 uses all three again after
//! a clean close. What proves that the log is still the one that was captured:
//!
//! 1. **the bytes**: the last captured groups stand right before the place where the next segment
//!    begins;
//! 2. **the life of the folder**: a clean close removes the whole folder, and the cursor in it. A
//!    cursor that lies there as we wrote it (or as the engine wrote it with its last backup) says
//!    that the folder is the same. Without one, the database file must still be the image that the
//!    chain knows: a close would have written another;
//! 3. where nothing was captured behind a full backup, the **image**: the database file is still
//!    that image, and the log begins at it.
//!
//! Bytes alone are not enough: the same statements, repeated after a reopen, log the same bytes.

use apograph_format::{DatabaseHeaders, LogPosition, LogSequence, SegmentKind, UnixMillis};
use apograph_manifest::{
    ChainEntry, Cursor, FullContent, ImageIdentity, IncrementContent, Keep, SegmentContent,
};
use apograph_repository::{IncrementFile, Repository, SegmentDefect};
use apograph_wal::{GroupReader, LogEnd, LogEndCause, LogEvent, LogFile, LogFolder, LogPart};

use crate::broken::Broken;
use crate::error::{CaptureError, Result};

/// At most so many bytes before a position are compared.
const PROOF_BYTES: usize = 64 << 10;
/// The engine writes its cursor right after its manifest.
const ENGINE_CURSOR_DELAY_MS: u64 = 10_000;

/// Where the next segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoesOn {
    /// In this file, at this byte.
    At(LogSequence, u64),
    /// The database is closed and unchanged since the last full backup.
    Closed,
}

/// The state of the live database as a chain sees it.
pub(crate) struct Live<'a> {
    pub(crate) image: ImageIdentity,
    pub(crate) log: Option<&'a LogFolder>,
    pub(crate) cursor: Option<Cursor>,
}

impl Live<'_> {
    pub(crate) fn image_of(headers: &DatabaseHeaders) -> ImageIdentity {
        let active = headers.active();
        ImageIdentity {
            database_created_at: headers.file.created_at,
            iteration: active.iteration,
            checksum: active.checksum,
        }
    }
}

/// Finds where the chain of a repository goes on in a live log.
pub(crate) fn find(
    repository: &Repository,
    live: &Live<'_>,
) -> Result<std::result::Result<GoesOn, Broken>> {
    let entries = repository.chain().entries();
    let has_full = entries
        .iter()
        .any(|entry| entry.segment.kind == SegmentKind::Full);
    let Some(last) = entries.last().filter(|_| has_full) else {
        return Ok(Err(Broken::NoFullBackup));
    };
    let search = Search {
        repository,
        live,
        last,
    };
    match &last.content {
        _ if last.unusable.is_some() => Ok(search.unusable()),
        Some(SegmentContent::Full(full)) => Ok(search.behind_full(full)),
        Some(SegmentContent::Increment(increment)) => search.behind_increment(increment),
        None => Ok(search.unusable()),
    }
}

struct Search<'a> {
    repository: &'a Repository,
    live: &'a Live<'a>,
    last: &'a ChainEntry,
}

type Found = std::result::Result<GoesOn, Broken>;

impl Search<'_> {
    fn unusable(&self) -> Found {
        Err(Broken::LastSegment {
            file: self.last.segment.file.clone(),
        })
    }

    fn behind_full(&self, full: &FullContent) -> Found {
        let same_image = self.live.image == full.image;
        let Some(log) = self.live.log else {
            return if same_image {
                Ok(GoesOn::Closed)
            } else {
                Err(Broken::Closed)
            };
        };
        let folder_is_known = self.cursor_is_known();
        match full.log_start {
            Some(LogPosition::File { sequence, offset }) if same_image || folder_is_known => {
                beginning(log, sequence, offset)
            }
            // The log of a closed database began when it was opened: at the image it was closed
            // with, unless a checkpoint has written another since.
            None if same_image && log.checkpoint().is_none() => {
                let first = log.files().first().map(|file| file.sequence);
                beginning(log, first.unwrap_or_default(), 0)
            }
            None if folder_is_known || same_image => match self.engine_start(log, same_image) {
                Some(sequence) => beginning(log, sequence, 0),
                None => Err(Broken::Reopened),
            },
            _ => Err(Broken::Reopened),
        }
    }

    /// Where the log behind the engine's own full backup begins.
    fn engine_start(&self, log: &LogFolder, same_image: bool) -> Option<LogSequence> {
        match self.live.cursor.map(|cursor| cursor.keep) {
            Some(Keep::FilesAfter(sequence)) if self.cursor_is_known() => sequence.next(),
            _ if same_image => log.checkpoint().map(|checkpoint| checkpoint.log_sequence),
            _ => None,
        }
    }

    fn behind_increment(&self, increment: &IncrementContent) -> Result<Found> {
        let Some(log) = self.live.log else {
            return Ok(Err(Broken::Closed));
        };
        let path = self.repository.path_of(&self.last.segment);
        let file = match IncrementFile::open(&path) {
            Ok(file) => file,
            Err(SegmentDefect::Io(error)) => return Err(error.into()),
            Err(SegmentDefect::Unusable(_)) => return Ok(self.unusable()),
        };
        let found = match increment.range.map(|range| (range.start, range.end)) {
            Some((start, LogPosition::File { sequence, offset })) => {
                let run_start = match start {
                    LogPosition::File {
                        sequence: first,
                        offset,
                    } if first == sequence => offset,
                    _ => 0,
                };
                self.at_known_place(log, file.body(), sequence, run_start, offset)?
            }
            _ => self.at_found_place(log, file.body()),
        };
        Ok(found.and_then(|place| {
            if self.is_same_life() {
                Ok(place)
            } else {
                Err(Broken::Reopened)
            }
        }))
    }

    fn at_known_place(
        &self,
        log: &LogFolder,
        body: &[u8],
        sequence: LogSequence,
        run_start: u64,
        offset: u64,
    ) -> Result<Found> {
        let Some(file) = log.file(sequence) else {
            let reopened = log.checkpoint().is_none() && !self.cursor_is_known();
            return Ok(Err(if reopened {
                Broken::Reopened
            } else {
                Broken::Truncated
            }));
        };
        let here = Ok(GoesOn::At(sequence, offset));
        let (Ok(start), Ok(end)) = (usize::try_from(run_start), usize::try_from(offset)) else {
            return Ok(Err(Broken::OtherLog));
        };
        let Some(captured) = file.bytes.get(start..end) else {
            return Ok(Err(Broken::OtherLog));
        };
        let length = captured.len().min(body.len()).min(PROOF_BYTES);
        let in_log = captured.get(captured.len() - length..);
        intact(file, end)?;
        if in_log.is_some_and(|bytes| body.ends_with(bytes)) {
            return Ok(here);
        }
        Ok(Err(if self.is_same_life() {
            Broken::OtherLog
        } else {
            Broken::Reopened
        }))
    }

    /// The place where the end of a segment stands in the log: behind one of its groups.
    fn at_found_place(&self, log: &LogFolder, body: &[u8]) -> Found {
        for file in log.files().iter().rev() {
            if let Some(offset) = end_in(file, body) {
                return Ok(GoesOn::At(file.sequence, offset));
            }
        }
        // The engine may have removed the files that it captured; then its cursor is the witness.
        let after = match self.live.cursor.map(|cursor| cursor.keep) {
            Some(Keep::FilesAfter(sequence)) if self.cursor_is_known() => sequence.next(),
            _ => None,
        };
        match after {
            Some(sequence) => beginning(log, sequence, 0),
            None => Err(Broken::OtherLog),
        }
    }

    /// Whether the folder is the one that the last backup saw. A close would have removed the
    /// cursor, and written another image; a checkpoint since then leaves only the cursor to tell.
    fn is_same_life(&self) -> bool {
        let fulls = self.repository.chain().entries().iter().rev();
        let mut images = fulls.filter_map(|entry| match &entry.content {
            Some(SegmentContent::Full(full)) => Some(full.image),
            _ => None,
        });
        self.cursor_is_known() || images.next() == Some(self.live.image)
    }

    /// Whether the cursor is as this repository's last backup left it.
    fn cursor_is_known(&self) -> bool {
        let Some(cursor) = self.live.cursor else {
            return false;
        };
        let segment = &self.last.segment;
        let by_engine = cursor.backed_up_epoch == segment.end_epoch
            && within(segment.created_at, cursor.written_at);
        self.repository.cursor() == Some(&cursor) || by_engine
    }
}

fn beginning(log: &LogFolder, sequence: LogSequence, offset: u64) -> Found {
    match log.file(sequence) {
        Some(file) if file.bytes.len() as u64 >= offset => Ok(GoesOn::At(sequence, offset)),
        Some(_) => Err(Broken::OtherLog),
        None => Err(Broken::Truncated),
    }
}

fn within(captured: UnixMillis, noted: UnixMillis) -> bool {
    let delay = noted.get().checked_sub(captured.get());
    delay.is_some_and(|delay| delay <= ENGINE_CURSOR_DELAY_MS)
}

/// Behind which group of a log file a segment's body ends.
fn end_in(file: &LogFile, body: &[u8]) -> Option<u64> {
    let parts = [LogPart::of_file(file.sequence, 0, &file.bytes)];
    let ends = GroupReader::new(&parts).filter_map(|event| match event {
        LogEvent::Group(group) => Some(group.end.offset),
        _ => None,
    });
    let matches = |end: &usize| {
        let length = (*end).min(body.len()).min(PROOF_BYTES);
        let captured = file.bytes.get(*end - length..*end).unwrap_or_default();
        length > 0 && body.ends_with(captured)
    };
    ends.filter(matches).last().map(|end| end as u64)
}

/// Checks the captured front of the log file in which the chain ends: damage there is reported
/// while the backups before it are still good, and not taken for another log's bytes.
fn intact(file: &LogFile, end: usize) -> Result<()> {
    let bytes = file.bytes.get(..end).unwrap_or_default();
    let parts = [LogPart::of_file(file.sequence, 0, bytes)];
    let end = GroupReader::new(&parts).finish();
    damage(&end, &[file], &parts).map_or(Ok(()), Err)
}

/// The damage that ended the reading of a live log, if it was damage.
pub(crate) fn damage(
    end: &LogEnd,
    files: &[&LogFile],
    parts: &[LogPart<'_>],
) -> Option<CaptureError> {
    let (place, detail) = match end.cause {
        LogEndCause::Damage { place, defect } => (place, defect.to_string()),
        LogEndCause::StrayEpoch { place, epoch } => {
            (place, format!("epoch {epoch} without a commit"))
        }
        _ => return None,
    };
    let part = parts.get(place.part)?;
    let path = files.get(place.part)?.path.clone();
    let offset = part.file_offset.saturating_add(place.offset as u64);
    Some(CaptureError::WalDamaged {
        path,
        offset,
        detail,
    })
}

//! Where a chain of generation 1 goes on.
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

use apograph_format::{LogPosition, LogSequence};
use apograph_io::Bytes;
use apograph_manifest::{FullContent, IncrementContent, Keep, SegmentContent};
use apograph_repository::{IncrementFile, SegmentDefect};
use apograph_wal::{Group, GroupReader, LogEvent, LogFile, LogFolder, LogPart};

use super::{Found, GoesOn, PROOF_BYTES, Search, damage, distance};
use crate::broken::Broken;
use crate::error::Result;

impl Search<'_> {
    pub(super) fn behind_full_v1(&self, full: &FullContent) -> Found {
        let same_image = self.live.image == full.image;
        let Some(log) = self.live.log else {
            return if same_image {
                Ok(GoesOn::Closed)
            } else {
                Err(Broken::Closed)
            };
        };
        let start = match full.log_start {
            Some(start) => (same_image || self.cursor_is_known()).then_some(start),
            // The log of a closed database began when it was opened: at the image it was closed
            // with, unless a checkpoint has written another since.
            None if same_image && log.checkpoint().is_none() => Some(log.recovery_start(None)),
            None => self.engine_start(log, same_image),
        };
        start.map_or(Err(Broken::Reopened), |start| beginning(log, start))
    }

    /// Where the log behind the engine's own full backup begins.
    fn engine_start(&self, log: &LogFolder, same_image: bool) -> Option<LogPosition> {
        let sequence = match self.live.cursor.map(|it| it.keep) {
            Some(Keep::FilesAfter(sequence)) if self.cursor_is_known() => sequence.next(),
            _ if same_image => log.checkpoint().map(|checkpoint| checkpoint.log_sequence),
            _ => None,
        };
        sequence.map(|sequence| LogPosition::in_file(sequence, 0))
    }

    pub(super) fn behind_increment_v1(&self, increment: &IncrementContent) -> Result<Found> {
        let Some(log) = self.live.log else {
            return Ok(Err(Broken::Closed));
        };
        let file = match IncrementFile::open(self.repository.file_of(&self.last.segment)) {
            Ok(file) => file,
            Err(SegmentDefect::Io(error)) => return Err(error.into()),
            Err(SegmentDefect::Unusable(_)) => return Ok(self.unusable()),
        };
        let found = match increment.range.map(|range| range.end) {
            Some(LogPosition::File { sequence, offset }) => {
                self.at_known_place(log, file.body(), sequence, offset)?
            }
            _ => self.at_found_place(log, &file)?,
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
        body: Bytes<'_>,
        sequence: LogSequence,
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
        let end = LogPosition::in_file(sequence, offset);
        let length = usize::try_from(offset).ok();
        let Some(length) = length.filter(|length| *length <= file.bytes().len()) else {
            return Ok(Err(Broken::OtherLog));
        };
        let captured = file.bytes().slice(0..length);
        let compared = captured.len().min(body.len()).min(PROOF_BYTES);
        let is_proved = body.last(compared).equal(captured.last(compared))?;
        intact(file, self.checked_from(is_proved, file, end), captured)?;
        if is_proved {
            return Ok(Ok(GoesOn::At(end)));
        }
        Ok(Err(if self.is_same_life() {
            Broken::OtherLog
        } else {
            Broken::Reopened
        }))
    }

    /// The place where the end of a segment stands in the log: behind one of its groups.
    fn at_found_place(&self, log: &LogFolder, segment: &IncrementFile) -> Result<Found> {
        let mut places = Vec::new();
        for file in log.files() {
            let ends = ends_in(file, segment)?.into_iter();
            places.extend(ends.map(|offset| file.start.plus(offset)));
        }
        match places.as_slice() {
            [] => {}
            [place] => return Ok(Ok(GoesOn::At(*place))),
            // Which of them was captured cannot be told.
            _ => return Ok(Err(Broken::OtherLog)),
        }
        // The engine may have removed the files that it captured; then its cursor is the witness.
        // One of ours keeps the file in which the chain ends: where that lacks the bytes, they are
        // lost.
        let by_engine = self.live.cursor.filter(|cursor| !cursor.is_ours());
        let after = match by_engine.map(|it| it.keep) {
            Some(Keep::FilesAfter(sequence)) if self.cursor_is_known() => sequence.next(),
            _ => None,
        };
        Ok(match after {
            Some(sequence) => beginning(log, LogPosition::in_file(sequence, 0)),
            None => Err(Broken::OtherLog),
        })
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
}

/// At the start of a log file.
fn beginning(log: &LogFolder, start: LogPosition) -> Found {
    match log.named(start) {
        Some(_) => Ok(GoesOn::At(start)),
        None => Err(Broken::Truncated),
    }
}

/// Behind which groups of a log file a segment may end.
///
/// What ends with the same bytes can be another group: one without records is nothing but its
/// transaction and its epoch. So the group itself has to be as long as the segment's last one.
fn ends_in(file: &LogFile, segment: &IncrementFile) -> Result<Vec<u64>> {
    let body = segment.body();
    let captured = segment.parts(0);
    let Some(last) = groups(&captured).last().transpose()? else {
        return Ok(Vec::new());
    };
    let parts = [file.part()];
    let mut found = Vec::new();
    for group in groups(&parts) {
        let group = group?;
        let end = group.end.offset;
        let length = end.min(body.len()).min(PROOF_BYTES);
        let in_log = file.bytes().slice(end - length..end);
        if group.bytes() == last.bytes() && body.last(length).equal(in_log)? {
            found.push(end as u64);
        }
    }
    Ok(found)
}

fn groups<'a>(parts: &'a [LogPart<'a>]) -> impl Iterator<Item = apograph_io::Result<Group<'a>>> {
    GroupReader::new(parts).filter_map(|event| match event {
        Ok(LogEvent::Group(group)) => Some(Ok(group)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// Checks what was captured of the log file in which the chain ends, from a position on: damage
/// there is reported while the backups before it are still good, and not taken for another log's
/// bytes.
fn intact(file: &LogFile, from: LogPosition, captured: Bytes<'_>) -> Result<()> {
    let part = LogPart {
        bytes: captured,
        ..file.part()
    };
    let parts = [part.skipping(distance(file.start, from).unwrap_or_default())];
    let end = GroupReader::new(&parts).finish()?;
    let damage = end.and_then(|end| damage(&end, &[file], &parts));
    damage.map_or(Ok(()), Err)
}

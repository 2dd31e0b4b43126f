//! Where a chain of generation 2 goes on.
//!
//! An LSN names one place in the log of one database, and in the log of every copy that was
//! restored from it. What proves that a log is still the one that was captured:
//!
//! 1. **the log file**: the header of the file in which the chain ends is the one that the last
//!    segment holds, created at the same time;
//! 2. **the bytes**: the last captured groups stand right before the place where the next segment
//!    begins. Every frame has its LSN and a checksum, every group the time of its commit;
//! 3. where nothing was captured behind a full backup, or the engine has removed the log file: the
//!    **cursor**, which no restore writes; or, behind a full backup, the **image** in the very file
//!    that it was copied from.
//!
//! A restored copy has log files of its own, created when it was restored, so it never goes on with
//! the chain of its source. The headers of encrypted log files are bound to their key and cannot be
//! made anew: there the cursor has to be known as well.

use apograph_format::{LogPosition, Lsn};
use apograph_io::Bytes;
use apograph_manifest::{FullContent, SegmentContent, Unusable};
use apograph_repository::{IncrementFile, SegmentDefect};
use apograph_wal::{GroupReader, LogEndCause, LogEvent, LogFile, LogFolder};

use super::{Found, GoesOn, PROOF_BYTES, Search, distance};
use crate::broken::Broken;
use crate::error::{CaptureError, Result};

impl Search<'_> {
    pub(super) fn behind_full_v2(&self, full: &FullContent, start: Lsn) -> Found {
        let same_image = self.live.image == full.image;
        let Some(log) = self.live.log else {
            return if same_image {
                Ok(GoesOn::Closed)
            } else {
                Err(Broken::Closed)
            };
        };
        // A copy that was restored to the full backup has its image too.
        let is_source = same_image && full.source == Some(self.live.source);
        if !is_source && !self.cursor_is_known() {
            return Err(Broken::Unproved);
        }
        reaches(log, start).map(|()| GoesOn::At(start.into()))
    }

    pub(super) fn behind_increment_v2(&self, end: Lsn) -> Result<Found> {
        let Some(log) = self.live.log else {
            return Ok(Err(Broken::Closed));
        };
        let captured = match self.last_captured(end) {
            Ok(Captured::Increment(file)) => file,
            Ok(Captured::Full(full)) => return Ok(self.behind_full_v2(&full, end)),
            Err(SegmentDefect::Io(error)) => return Err(error.into()),
            Err(SegmentDefect::Unusable(_)) => return Ok(self.unusable()),
        };
        if let Err(broken) = reaches(log, end) {
            return Ok(Err(broken));
        }
        let here = Ok(GoesOn::At(end.into()));
        if log.is_encrypted() && !self.cursor_is_known() {
            return Ok(Err(Broken::Unwitnessed));
        }
        // The file that holds the last captured byte; the engine may have removed it.
        let Some(file) = log.files().iter().rfind(|file| file.start < end.into()) else {
            let known = self.cursor_is_known();
            return Ok(if known { here } else { Err(Broken::Truncated) });
        };
        let holds = match front_of(file, end) {
            Some(front) => holds_end_of(file, front, &captured, end)?,
            None => false,
        };
        check_up_to(file, self.checked_from(holds, file, end.into()), end)?;
        Ok(if holds { here } else { Err(Broken::OtherLog) })
    }

    /// The newest segment that holds log before a position, or the full backup that it begins at.
    fn last_captured(&self, end: Lsn) -> std::result::Result<Captured, SegmentDefect> {
        for entry in self.entries.iter().rev() {
            match &entry.content {
                Some(SegmentContent::Increment(_)) => {
                    let file = IncrementFile::open(self.repository.file_of(&entry.segment))?;
                    if !file.before(end).is_empty() {
                        return Ok(Captured::Increment(file));
                    }
                }
                Some(SegmentContent::Full(full)) if !full.continues => {
                    return Ok(Captured::Full((**full).clone()));
                }
                Some(SegmentContent::Full(_)) => {}
                None => break,
            }
        }
        Err(Unusable::Missing.into())
    }
}

enum Captured {
    Increment(IncrementFile),
    Full(FullContent),
}

/// Whether a log has the position, or a file that begins there.
fn reaches(log: &LogFolder, lsn: Lsn) -> std::result::Result<(), Broken> {
    let (Some(first), Some(last)) = (log.files().first(), log.files().last()) else {
        // An engine that has just opened the database has no log file yet.
        return Ok(());
    };
    if first.start > lsn.into() {
        Err(Broken::Truncated)
    } else if last.part().end() < lsn.into() {
        Err(Broken::Shortened)
    } else {
        Ok(())
    }
}

/// The frames of a log file before a position; `None` where it ends before that.
fn front_of(file: &LogFile, end: Lsn) -> Option<Bytes<'_>> {
    let length = usize::try_from(distance(file.start, end.into())?).ok()?;
    let frames = file.part().bytes;
    (length <= frames.len()).then(|| frames.slice(0..length))
}

/// Whether a log file is the one in which a segment ends, by its header and by the bytes right
/// before that position. Both have some there: the file and the segment begin before it.
fn holds_end_of(
    file: &LogFile,
    front: Bytes<'_>,
    captured: &IncrementFile,
    end: Lsn,
) -> Result<bool> {
    let (Some(live), Some(known)) = (&file.header, captured.last_wal_header()) else {
        return Ok(false);
    };
    let known_bytes = captured.before(end);
    let compared = front.len().min(known_bytes.len()).min(PROOF_BYTES);
    let is_same = front.last(compared).equal(known_bytes.last(compared))?;
    Ok(live.is_same_segment(&known) && is_same)
}

/// Reads what was captured of the log file in which the chain ends, from a position on. What was
/// whole when it was captured is damaged where it is not, even where a crash could have left it:
/// that is reported while the backups are still good, and not taken for another log's bytes.
fn check_up_to(file: &LogFile, from: LogPosition, end: Lsn) -> Result<()> {
    if from >= end.into() {
        return Ok(());
    }
    let parts = [file
        .part()
        .skipping(distance(file.start, from).unwrap_or_default())];
    let [part] = &parts;
    let mut groups = GroupReader::new(&parts);
    for event in groups.by_ref() {
        let behind = match event? {
            LogEvent::Group(group) => group.end.offset,
            LogEvent::SyncMarker { run }
            | LogEvent::Seal { run }
            | LogEvent::LeadingEpoch { run, .. } => run.end,
        };
        if part.position(behind) >= end.into() {
            return Ok(());
        }
    }
    let Some(stopped) = groups.end() else {
        return Ok(());
    };
    let (place, detail) = match stopped.cause {
        LogEndCause::Damage { place, defect } => (place, defect.to_string()),
        _ => (
            stopped.place,
            "the commits that were captured from there are not whole any more".to_owned(),
        ),
    };
    Err(CaptureError::WalDamaged {
        path: file.path.clone(),
        offset: part.file_offset.saturating_add(place.offset as u64),
        detail,
    })
}

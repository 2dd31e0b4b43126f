//! Where a chain goes on in a live log, with the proof, or why it cannot.
//!
//! What proves that a log is still the one that was captured differs between the generations: see
//! `v1.rs` and `v2.rs`.

mod v1;
mod v2;

use apograph_format::{LogPosition, Lsn, SegmentKind, UnixMillis};
use apograph_manifest::{
    ChainEntry, Cursor, ImageIdentity, Keep, SegmentContent, SourceFile, Target, log_end,
};
use apograph_repository::Repository;
use apograph_wal::{LogEnd, LogEndCause, LogFile, LogFolder, LogPart};

use crate::broken::Broken;
use crate::error::{CaptureError, Result};

/// At most so many bytes before a position are compared, and read as commits once more.
const PROOF_BYTES: usize = 64 << 10;
/// The engine writes its cursor right after its manifest.
const ENGINE_CURSOR_DELAY_MS: u64 = 10_000;

/// Where the next segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoesOn {
    /// At this position of the log.
    At(LogPosition),
    /// Generation 2: at this position, which lies before the full backup that is the last segment.
    /// The engine took it, and left out what was committed since the segment before it.
    Before(LogPosition),
    /// The database is closed and unchanged since the last full backup.
    Closed,
}

/// The state of the live database as a chain sees it.
pub(crate) struct Live<'a> {
    pub(crate) image: ImageIdentity,
    /// The database file.
    pub(crate) source: SourceFile,
    pub(crate) log: Option<&'a LogFolder>,
    pub(crate) cursor: Option<&'a Cursor>,
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
        entries,
        last,
    };
    let found = search.behind_last()?.and_then(|found| {
        // What goes on from there would be out of reach too.
        match repository.chain().plan(&Target::Latest) {
            Ok(_) => Ok(found),
            Err(error) => Err(Broken::Unreachable {
                cause: error.to_string(),
            }),
        }
    });
    if found.is_ok()
        && let Some(start) = search.before_last()?
    {
        return Ok(Ok(GoesOn::Before(start)));
    }
    Ok(found)
}

/// From where on a log of generation 2 has to be read to prove that a chain goes on behind its last
/// increment. Where that is not proved, all of the log has to be looked at; where there is no chain,
/// nothing.
pub(crate) fn proved_from(repository: &Repository) -> Option<Lsn> {
    let Some(last) = repository.chain().entries().last() else {
        return Some(Lsn::new(u64::MAX));
    };
    let Some(SegmentContent::Increment(increment)) = &last.content else {
        return None;
    };
    let end = increment.range?.end.lsn()?;
    Some(Lsn::new(end.get().saturating_sub(PROOF_BYTES as u64)))
}

struct Search<'a> {
    repository: &'a Repository,
    live: &'a Live<'a>,
    entries: &'a [ChainEntry],
    last: &'a ChainEntry,
}

type Found = std::result::Result<GoesOn, Broken>;

impl Search<'_> {
    fn behind_last(&self) -> Result<Found> {
        let is_of_live = self.last.generation() == Some(self.live.image.generation());
        match &self.last.content {
            _ if self.last.unusable.is_some() => Ok(self.unusable()),
            Some(_) if !is_of_live => Ok(Err(Broken::Migrated)),
            Some(SegmentContent::Full(full)) => {
                Ok(match full.log_start.and_then(LogPosition::lsn) {
                    Some(start) => self.behind_full_v2(full, start),
                    None => self.behind_full_v1(full),
                })
            }
            Some(SegmentContent::Increment(increment)) => {
                match increment.range.and_then(|range| range.end.lsn()) {
                    Some(end) => self.behind_increment_v2(end),
                    None => self.behind_increment_v1(increment),
                }
            }
            None => Ok(self.unusable()),
        }
    }

    /// Where the log goes on from the segments before the last one, a full backup of the engine:
    /// both stand in the same log, and what lies between them is still there.
    fn before_last(&self) -> Result<Option<LogPosition>> {
        let (Some(SegmentContent::Full(full)), Some((_, entries))) =
            (&self.last.content, self.entries.split_last())
        else {
            return Ok(None);
        };
        let (Some(end), Some(start), Some(last)) = (
            log_end(entries).and_then(LogPosition::lsn),
            full.log_start.and_then(LogPosition::lsn),
            entries.last(),
        ) else {
            return Ok(None);
        };
        // Where nothing lies between them, the image had to be what the segments before it lead to.
        // One with a higher epoch is ahead of its log, and that epoch may be given out again.
        let highest = self.repository.timeline_before(entries.len()).highest();
        let is_ahead = end == start && full.base.epoch > highest;
        if full.continues || end > start || is_ahead || last.unusable.is_some() {
            return Ok(None);
        }
        let before = Search {
            entries,
            last,
            ..*self
        };
        match before.behind_last()? {
            Ok(GoesOn::At(position)) => Ok(Some(position)),
            _ => Ok(None),
        }
    }

    /// From where on what was captured of a log file is read once more, up to the end of the chain.
    ///
    /// The proof is the bytes right before the end. Where they are there, what else is read is a
    /// courtesy: it has a limit, and begins where an earlier segment ended. Where they are not, all
    /// of the file says whether it is damaged or another one.
    fn checked_from(&self, is_proved: bool, file: &LogFile, end: LogPosition) -> LogPosition {
        let is_near =
            |place: &LogPosition| distance(*place, end).is_some_and(|it| it <= PROOF_BYTES as u64);
        if !is_proved || is_near(&file.start) {
            return file.start;
        }
        let increments = self
            .entries
            .iter()
            .rev()
            .filter_map(|entry| match &entry.content {
                Some(SegmentContent::Increment(increment)) => Some(increment),
                _ => None,
            });
        let ends = increments.map_while(|it| it.range.map(|range| range.end));
        ends.take_while(is_near).last().unwrap_or(end)
    }

    fn unusable(&self) -> Found {
        Err(Broken::LastSegment {
            file: self.last.segment.file.clone(),
        })
    }

    /// Whether the cursor is as this repository's last backup left it.
    fn cursor_is_known(&self) -> bool {
        let Some(cursor) = self.live.cursor else {
            return false;
        };
        let segment = &self.last.segment;
        let position_fits = match cursor.keep {
            Keep::FromLsn(lsn) => lsn.is_some() && lsn == segment.end_lsn,
            Keep::FilesAfter(_) | Keep::AllFiles => true,
        };
        let by_engine = cursor.backed_up_epoch == segment.end_epoch
            && position_fits
            && within(segment.created_at, cursor.written_at);
        let ours = self.repository.cursor();
        ours.is_some_and(|ours| ours.is_same(cursor)) || by_engine
    }
}

/// How many bytes lie between two positions of a log file, or of a log of generation 2; `None`
/// where the second lies before the first.
fn distance(from: LogPosition, to: LogPosition) -> Option<u64> {
    match (from, to) {
        (LogPosition::Lsn(from), LogPosition::Lsn(to)) => to.get().checked_sub(from.get()),
        (
            LogPosition::File { sequence, offset },
            LogPosition::File {
                sequence: other,
                offset: to,
            },
        ) if sequence == other => to.checked_sub(offset),
        _ => None,
    }
}

fn within(captured: UnixMillis, noted: UnixMillis) -> bool {
    let delay = noted.get().checked_sub(captured.get());
    delay.is_some_and(|delay| delay <= ENGINE_CURSOR_DELAY_MS)
}

/// The damage that ended the reading of a live log, if it was damage.
pub(crate) fn damage(
    end: &LogEnd,
    files: &[&LogFile],
    parts: &[LogPart<'_>],
) -> Option<CaptureError> {
    let LogEndCause::Damage { place, defect } = end.cause else {
        return None;
    };
    let part = parts.get(place.part)?;
    let path = files.get(place.part)?.path.clone();
    let offset = part.file_offset.saturating_add(place.offset as u64);
    let detail = defect.to_string();
    Some(if defect.is_unsupported() {
        CaptureError::UnsupportedLog { path, detail }
    } else {
        CaptureError::WalDamaged {
            path,
            offset,
            detail,
        }
    })
}

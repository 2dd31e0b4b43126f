//! What a capture looks at, what it decides, and the increment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apograph_format::{
    Epoch, LogPosition, LogSequence, SegmentFlags, SegmentKind, SegmentName, Timeline, UnixMillis,
};
use apograph_io::{Disk, Monitor};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, Keep, ManifestError, SegmentContent, SegmentRecord, read_cursor,
};
use apograph_repository::{Addition, NewSegment, Repository, next_name, publish};
use apograph_wal::{LogFolder, TimelineState};

use crate::broken::Broken;
use crate::continuity::{GoesOn, Live, find};
use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::fresh::is_fresh;
use crate::increment::{Framing, Stretch};
use crate::request::{Captured, Kind, Options};

/// A write in flight is given this long to be whole, this often.
pub(crate) const SETTLE_PAUSE: Duration = Duration::from_millis(20);
pub(crate) const SETTLE_ATTEMPTS: u32 = 5;
/// How often a capture begins anew when the database is opened or closed under it.
const ATTEMPTS: u32 = 5;

/// A capture that holds the repository's lock.
pub(crate) struct Job<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) database: &'a Database,
    pub(crate) repository: &'a Repository,
    pub(crate) options: &'a Options,
    pub(crate) monitor: &'a dyn Monitor,
    pub(crate) now: UnixMillis,
}

/// The live database as it was found, and where the chain goes on in it.
pub(crate) struct Seen {
    pub(crate) log: Option<LogFolder>,
    pub(crate) goes_on: std::result::Result<GoesOn, Broken>,
}

impl<'a> Job<'a> {
    pub(crate) fn run(&self) -> Result<Captured> {
        for _ in 0..ATTEMPTS {
            if let Some(captured) = self.attempt(self.look()?)? {
                return Ok(captured);
            }
        }
        Err(CaptureError::Restless {
            path: self.database.path().to_owned(),
        })
    }

    fn look(&self) -> Result<Seen> {
        let image = Live::image_of(&self.database.headers()?);
        let foreign = self.repository.chain().entries().iter().any(|entry| {
            matches!(&entry.content, Some(SegmentContent::Full(full))
                if full.image.database_created_at != image.database_created_at)
        });
        if foreign {
            return Err(CaptureError::Foreign {
                repository: self.repository.folder().to_owned(),
                database: self.database.path().to_owned(),
            });
        }
        let log = LogFolder::open(&self.database.log_folder())?;
        let cursor = self.checked_cursor(log.as_ref())?;
        let goes_on = find(
            self.repository,
            &Live {
                image,
                log: log.as_ref(),
                cursor,
            },
        )?;
        tracing::debug!(?goes_on, "looked for the end of the chain");
        Ok(Seen { log, goes_on })
    }

    /// `None` where the database was opened or closed meanwhile.
    fn attempt(&self, seen: Seen) -> Result<Option<Captured>> {
        let why = match (self.options.kind, &seen.goes_on) {
            (Kind::Incremental, Err(Broken::NoFullBackup)) => {
                return Err(CaptureError::NoFullBackup);
            }
            (Kind::Incremental, Err(broken)) => {
                return Err(CaptureError::ChainBroken(broken.clone()));
            }
            (Kind::Auto | Kind::Incremental, Ok(GoesOn::Closed)) => {
                return Ok(Some(self.up_to_date()));
            }
            (Kind::Auto | Kind::Incremental, Ok(GoesOn::At(sequence, offset))) => {
                let (sequence, offset) = (*sequence, *offset);
                return self.increment(seen, sequence, offset);
            }
            (Kind::Auto, Err(broken)) | (Kind::Full, Err(broken @ Broken::NoFullBackup)) => {
                broken.to_string()
            }
            (Kind::Full, _) => "a full backup was asked for".to_owned(),
        };
        self.full(seen, &why)
    }

    pub(crate) fn up_to_date(&self) -> Captured {
        Captured::UpToDate {
            end_epoch: self.last_end_epoch(),
        }
    }

    fn last_end_epoch(&self) -> Epoch {
        self.repository
            .manifest()
            .segments
            .last()
            .map_or(Epoch::default(), |last| last.end_epoch)
    }

    /// The first epoch of an increment behind the last segment.
    pub(crate) fn next_start(&self) -> Epoch {
        self.last_end_epoch().next().unwrap_or_default()
    }

    /// The cursor in the log folder. One that differs from ours in a single byte, and does not
    /// keep the rule of ours, was not written by anybody.
    fn checked_cursor(&self, log: Option<&LogFolder>) -> Result<Option<Cursor>> {
        let Some(log) = log else {
            return Ok(None);
        };
        let cursor = read_cursor(log.path()).map_err(|error| match error {
            ManifestError::Io(error) => CaptureError::Io(error),
            other => CaptureError::Cursor(other),
        })?;
        let Some(found) = cursor else {
            return Ok(None);
        };
        let damaged = |detail: &str| CaptureError::DamagedCursor {
            path: log.path().join(CURSOR_FILE_NAME),
            detail: detail.to_owned(),
        };
        if let Some(ours) = self.repository.cursor().filter(|_| !found.is_ours()) {
            let (found, ours) = (found.encode(), ours.encode());
            let differing = found
                .iter()
                .zip(&ours)
                .filter(|(found, ours)| found != ours)
                .count();
            if found.len() == ours.len() && differing == 1 {
                return Err(damaged("one byte of it is not as it was written"));
            }
        }
        let newest = log.files().last().map(|file| file.sequence);
        if let Keep::FilesAfter(sequence) = found.keep
            && newest.is_some_and(|newest| sequence > newest)
        {
            return Err(damaged("it names a log file that does not exist yet"));
        }
        Ok(Some(found))
    }

    fn increment(
        &self,
        seen: Seen,
        sequence: LogSequence,
        offset: u64,
    ) -> Result<Option<Captured>> {
        let start = LogPosition::in_file(sequence, offset);
        let mut log = seen.log;
        for attempt in 0.. {
            let Some(folder) = log else {
                break;
            };
            let tail = folder.from(sequence, offset)?;
            let (state, reopened) = self.timeline_at(&folder, start);
            let stretch = Stretch::read(&tail, start, state, self.monitor)?;
            if stretch.is_unsettled && attempt < SETTLE_ATTEMPTS {
                drop(stretch);
                std::thread::sleep(SETTLE_PAUSE);
                log = folder.refreshed()?;
                continue;
            }
            if stretch.is_empty() {
                return Ok(Some(self.up_to_date()));
            }
            let flags = SegmentFlags {
                continues: true,
                reopened,
                ..SegmentFlags::default()
            };
            let end = stretch.end;
            let segment = self.write(stretch, 0, self.next_start(), start, flags)?;
            return self
                .publish(vec![segment], Some((&folder, end)), None)
                .map(Some);
        }
        Ok(None)
    }

    /// The timeline where the chain goes on, and whether another process than the image's began
    /// the log there.
    pub(crate) fn timeline_at(&self, log: &LogFolder, start: LogPosition) -> (TimelineState, bool) {
        let mut state = self.repository.timeline_at_end();
        let last = self.repository.chain().entries().last();
        let full = last.and_then(|last| match &last.content {
            Some(SegmentContent::Full(full)) => Some(full),
            _ => None,
        });
        let behind_old_image = full.is_some_and(|full| {
            full.image.iteration > 0 && is_fresh(log) && start == log.recovery_start()
        });
        // Also where it was found out earlier: the segment itself has to say so.
        let reopened = state.process_ended || behind_old_image;
        if reopened {
            state.end_process();
        }
        (state, reopened)
    }

    pub(crate) fn end_timeline(&self) -> Timeline {
        self.repository.timeline_at_end().timeline
    }

    pub(crate) fn name(&self, ahead: usize, kind: SegmentKind) -> SegmentName {
        next_name(self.repository, ahead as u64, kind)
    }

    /// Writes an increment that will be `ahead` segments behind the next one.
    pub(crate) fn write(
        &self,
        stretch: Stretch<'_>,
        ahead: usize,
        start_epoch: Epoch,
        start: LogPosition,
        flags: SegmentFlags,
    ) -> Result<NewSegment<'a>> {
        let name = self.name(ahead, SegmentKind::Incremental);
        let framing = Framing {
            name,
            start_epoch,
            start,
            flags,
            created_at: self.now,
        };
        let (mode, threads) = (self.database.mode(), self.options.threads);
        stretch.write(
            self.disk,
            self.repository,
            mode,
            &framing,
            threads,
            self.monitor,
        )
    }

    /// Publishes the segments; where the database has a log, the chain now ends at `end` in it.
    pub(crate) fn publish(
        &self,
        segments: Vec<NewSegment<'_>>,
        end: Option<(&LogFolder, LogPosition)>,
        why: Option<&str>,
    ) -> Result<Captured> {
        let records: Vec<SegmentRecord> = segments.iter().map(|it| it.record.clone()).collect();
        let last = records
            .last()
            .map_or(Epoch::default(), |record| record.segment.end_epoch);
        let cursor = end.and_then(|(log, end)| Some((log.path(), cursor_at(end, last, self.now)?)));
        let addition = Addition {
            segments,
            cursor,
            mode: self.database.mode(),
        };
        publish(self.disk, self.repository, addition, self.monitor)?;
        Ok(Captured::Added {
            segments: records,
            why: why.map(str::to_owned),
        })
    }
}

/// The cursor that keeps the file in which the chain ends, and all behind it.
fn cursor_at(end: LogPosition, backed_up_epoch: Epoch, now: UnixMillis) -> Option<Cursor> {
    let LogPosition::File { sequence, .. } = end else {
        return None;
    };
    let keep = sequence.previous().map_or(Keep::AllFiles, Keep::FilesAfter);
    Some(Cursor::note(backed_up_epoch, keep, now))
}

pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

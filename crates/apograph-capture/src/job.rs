//! What a capture looks at, what it decides, and the increment.

use std::cell::Cell;
use std::time::Duration;

use apograph_format::{
    Engines, Epoch, Generation, LogPosition, Lsn, SegmentFlags, SegmentKind, SegmentName, Timeline,
    UnixMillis,
};
use apograph_io::{Disk, Monitor, Reading, now};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, ImageIdentity, Keep, ManifestError, SegmentContent, SegmentRecord,
    read_cursor,
};
use apograph_repository::{Addition, NewSegment, Repository, next_name, publish};
use apograph_wal::{GroupReader, LogEvent, LogFile, LogFolder, TimelineState, WalError};

use crate::broken::Broken;
use crate::continuity::{GoesOn, Live, find, proved_from};
use crate::cursor::{cursor_at, kept_from};
use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::hold::Hold;
use crate::image_place::is_fresh;
use crate::increment::{Framing, Stretch};
use crate::request::{Captured, Kind, Options};

/// A write in flight is given this long to be whole, this often.
const SETTLE_PAUSE: Duration = Duration::from_millis(20);
pub(crate) const SETTLE_ATTEMPTS: u32 = 5;
/// How often a capture begins anew when the database is opened or closed under it, or a checkpoint
/// removes log files.
const ATTEMPTS: u32 = 5;

/// A capture that holds the repository's lock.
pub(crate) struct Job<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) database: &'a Database,
    pub(crate) repository: &'a Repository,
    pub(crate) options: &'a Options,
    pub(crate) monitor: &'a dyn Monitor,
    pub(crate) now: UnixMillis,
    /// Every commit before this instant was in the log, or in the image, that was looked at last.
    pub(crate) looked_at: Cell<UnixMillis>,
}

/// The live database as it was found, and where the chain goes on in it.
pub(crate) struct Seen {
    pub(crate) engines: Engines,
    pub(crate) log: Option<LogFolder>,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) goes_on: std::result::Result<GoesOn, Broken>,
}

impl<'a> Job<'a> {
    pub(crate) fn run(&self) -> Result<Captured> {
        let mut hold = None;
        let captured = self.capture(&mut hold)?;
        if let (Captured::Added { .. }, Some(hold)) = (&captured, hold) {
            hold.hand_over();
        }
        Ok(captured)
    }

    fn capture(&self, hold: &mut Option<Hold<'a>>) -> Result<Captured> {
        for attempt in 1..=ATTEMPTS {
            let seen = self.look_and_hold(hold);
            match seen.and_then(|seen| self.attempt(seen)) {
                Ok(Some(captured)) => return Ok(captured),
                Ok(None) => {}
                // A checkpoint removes log files while they are looked for, not all at once.
                Err(CaptureError::Wal(WalError::MissingFile { .. })) if attempt < ATTEMPTS => {
                    self.pause()?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(CaptureError::Restless {
            path: self.database.path().to_owned(),
        })
    }

    pub(crate) fn reading(&self) -> Reading<'a> {
        self.options.reading(self.monitor)
    }

    /// Gives a writer time.
    pub(crate) fn pause(&self) -> Result<()> {
        std::thread::sleep(SETTLE_PAUSE);
        Ok(self.monitor.go_on()?)
    }

    /// Looks again once the log is held: what was removed before that is gone.
    fn look_and_hold(&self, hold: &mut Option<Hold<'a>>) -> Result<Seen> {
        let seen = self.look()?;
        match &seen.log {
            Some(log) if seen.cursor.is_none() && hold.is_none() && self.begins_chain(log) => {
                *hold = Hold::begin(self.disk, log, self.database.mode(), self.now);
                self.look()
            }
            _ => Ok(seen),
        }
    }

    /// Whether this is the first backup of the log's generation.
    fn begins_chain(&self, log: &LogFolder) -> bool {
        let mut entries = self.repository.chain().entries().iter();
        let has_others = entries.any(|entry| entry.generation() == Some(log.generation()));
        self.options.kind != Kind::Incremental && !has_others
    }

    /// A chain mostly goes on right behind its end: at first only that is read. An increment of an
    /// encrypted log repeats what stands before it in its file.
    fn look(&self) -> Result<Seen> {
        let from = proved_from(self.repository);
        let near = from.map(|from| self.look_from(Some(from))).transpose();
        let is_enough = |seen: &Seen| match seen.goes_on {
            Ok(GoesOn::At(_)) => !seen.log.as_ref().is_some_and(LogFolder::is_encrypted),
            Err(Broken::NoFullBackup) => true,
            _ => false,
        };
        match near {
            Ok(Some(seen)) if is_enough(&seen) => Ok(seen),
            // What is wrong with it, all of it tells.
            _ => self.look_from(None),
        }
    }

    fn look_from(&self, read_from: Option<Lsn>) -> Result<Seen> {
        self.looked_at.set(now());
        let headers = self.database.headers()?;
        let image = ImageIdentity::of(&headers);
        if self.is_foreign(&image) {
            return Err(CaptureError::Foreign {
                repository: self.repository.folder().path().to_owned(),
                database: self.database.path().to_owned(),
            });
        }
        let log = self.database.open_log(image.generation(), read_from)?;
        if let (Some(log), Some(database)) = (&log, image.database) {
            log.check_database(database)?;
        }
        if let Some(log) = &log
            && headers.engines().may_log_no_commits()
            && !has_commits(log)?
        {
            return Err(CaptureError::NoCommits {
                path: self.database.path().to_owned(),
                creator: headers.file.creator,
            });
        }
        let cursor = self.checked_cursor(log.as_ref())?;
        let live = Live {
            image,
            source: self.database.source_file(),
            log: log.as_ref(),
            cursor: cursor.as_ref(),
        };
        let goes_on = find(self.repository, &live)?;
        tracing::debug!(?goes_on, "looked for the end of the chain");
        Ok(Seen {
            engines: headers.engines(),
            log,
            cursor,
            goes_on,
        })
    }

    /// Whether the repository has backups of another database.
    ///
    /// A database that was migrated to generation 2 has another identity than before. The file that
    /// it was migrated from tells that it is the same one; and once that was seen, the repository
    /// does, by a full backup of generation 2.
    fn is_foreign(&self, image: &ImageIdentity) -> bool {
        let entries = self.repository.chain().entries().iter();
        let known = entries.filter_map(|entry| match &entry.content {
            Some(SegmentContent::Full(full)) => Some(full.image),
            _ => None,
        });
        let (same, other): (Vec<_>, Vec<_>) =
            known.partition(|known| known.generation() == image.generation());
        if !same.is_empty() {
            return !same.iter().all(|known| known.is_of_same_database(image));
        }
        let migrated = || {
            let original = self.database.migrated_from();
            original.map(|original| ImageIdentity::of(&original))
        };
        other
            .first()
            .is_some_and(|known| migrated().is_none_or(|it| !it.is_of_same_database(known)))
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
            (Kind::Auto | Kind::Incremental, Ok(GoesOn::At(start) | GoesOn::Before(start))) => {
                let start = *start;
                return self.increment(seen, start);
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
        let last = self.repository.chain().entries().last();
        last.map_or(Epoch::default(), |last| last.segment.end_epoch)
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
        let cursor = read_cursor(log.folder()).map_err(|error| match error {
            ManifestError::Io(error) => CaptureError::Io(error),
            other => CaptureError::Cursor(other),
        })?;
        let Some(found) = cursor else {
            return Ok(None);
        };
        let damaged = |detail: &str| CaptureError::DamagedCursor {
            path: log.folder().at(CURSOR_FILE_NAME).path(),
            detail: detail.to_owned(),
        };
        // In generation 2 a cursor that is not as it was written proves nothing, and harms nothing.
        if log.generation() == Generation::Two {
            return Ok(Some(found));
        }
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
        let newest = log.files().last().map(|file| file.start);
        if let Keep::FilesAfter(sequence) = found.keep
            && newest.is_some_and(|newest| LogPosition::in_file(sequence, 0) > newest)
        {
            return Err(damaged("it names a log file that does not exist yet"));
        }
        Ok(Some(found))
    }

    fn increment(&self, seen: Seen, start: LogPosition) -> Result<Option<Captured>> {
        let (mut log, cursor) = (seen.log, seen.cursor);
        let spans = matches!(seen.goes_on, Ok(GoesOn::Before(_)));
        for attempt in 0.. {
            let Some(folder) = log else {
                break;
            };
            let tail = folder.from(start)?;
            let (state, reopened) = self.timeline_at(&folder, start, spans)?;
            let stretch = Stretch::read(&tail, start, state, self.reading())?;
            if stretch.is_unsettled && attempt < SETTLE_ATTEMPTS {
                drop(stretch);
                self.pause()?;
                let read_from = start.lsn().filter(|_| !folder.is_encrypted());
                log = folder.refreshed(read_from)?;
                continue;
            }
            self.warn_of_waiting(seen.engines, &stretch);
            if stretch.is_empty() {
                return Ok(Some(self.up_to_date()));
            }
            let flags = SegmentFlags {
                continues: true,
                reopened,
                spans,
                ..SegmentFlags::default()
            };
            let (end, read_at) = (stretch.end, now());
            let segment = self.write(stretch, 0, self.next_start(), start, flags)?;
            return self
                .publish(
                    vec![segment],
                    read_at,
                    Some((&folder, end)),
                    cursor.as_ref(),
                    None,
                )
                .map(Some);
        }
        Ok(None)
    }

    /// Says how many records the log has behind its last commit, where that is more than a write in
    /// flight.
    pub(crate) fn warn_of_waiting(&self, engines: Engines, stretch: &Stretch<'_>) {
        let (count, what) = match stretch.waiting {
            0 => return,
            1 => (1, "record"),
            count => (count, "records"),
        };
        if engines.may_log_before_commit() {
            self.monitor.warn(&format!(
                "{count} {what} at the end of the log belong to no commit, and so to no backup. \
                 Before Grafeo 0.5.44 the direct API and changes of the schema log no commit: the \
                 next query that writes commits them too"
            ));
        }
    }

    /// The timeline where the chain goes on, and whether another process than the image's began
    /// the log there.
    pub(crate) fn timeline_at(
        &self,
        log: &LogFolder,
        start: LogPosition,
        spans: bool,
    ) -> Result<(TimelineState, bool)> {
        if spans {
            return Ok((self.repository.timeline_across_last(), false));
        }
        let mut state = self.repository.timeline_at_end();
        let last = self.repository.chain().entries().last();
        let full = last.and_then(|last| match &last.content {
            Some(SegmentContent::Full(full)) => Some(full),
            _ => None,
        });
        let may_be_behind = full.is_some_and(|full| {
            log.generation() == Generation::One
                && full.image.iteration > 0
                && start == log.recovery_start(None)
        });
        let behind_old_image = may_be_behind && is_fresh(log)?;
        // Also where it was found out earlier: the segment itself has to say so.
        let reopened = state.process_ended || behind_old_image;
        if reopened {
            state.end_process();
        }
        Ok((state, reopened))
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
        };
        let mode = self.database.mode();
        stretch.write(self.disk, self.repository, mode, &framing, self.reading())
    }

    /// Publishes the segments; where the database has a log, the chain now ends at `end` in it.
    /// `present` is the cursor that lies there. All of them are stamped with the moment of `read_at`:
    /// by then everything in them was read, so nothing in them was committed later.
    pub(crate) fn publish(
        &self,
        mut segments: Vec<NewSegment<'_>>,
        read_at: UnixMillis,
        end: Option<(&LogFolder, LogPosition)>,
        present: Option<&Cursor>,
        why: Option<&str>,
    ) -> Result<Captured> {
        for segment in &mut segments {
            segment.record.is_uncounted = !self.repository.is_counted();
            segment.record.segment.created_at = read_at;
        }
        let records: Vec<SegmentRecord> = segments.iter().map(|it| it.record.clone()).collect();
        let last = records
            .last()
            .map_or(Epoch::default(), |record| record.segment.end_epoch);
        let cursor = end.map(|(log, end)| {
            let keep = kept_from(log, end);
            let unknown = present
                .map(|cursor| cursor.unknown.clone())
                .unwrap_or_default();
            (log.folder(), cursor_at(keep, last, self.now, &unknown))
        });
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

/// Whether a log of generation 1 has a commit.
fn has_commits(log: &LogFolder) -> Result<bool> {
    let parts: Vec<_> = log.files().iter().map(LogFile::part).collect();
    for event in GroupReader::new(&parts) {
        if matches!(event?, LogEvent::Group(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

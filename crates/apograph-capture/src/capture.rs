//! One capture: what is there, what to take, and taking it.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apograph_format::{
    Epoch, LogPosition, LogSequence, Point, SegmentFlags, SegmentKind, Timeline, UnixMillis,
};
use apograph_io::{Disk, Mapped, Monitor, Threads, crc32, exists, parent_folder};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, FileName, FullContent, Keep, ManifestError, Segment, SegmentContent,
    SegmentRecord, read_cursor,
};
use apograph_repository::{
    NewSegment, Repository, RepositoryError, RepositoryLock, next_name, publish,
};
use apograph_wal::{LogFolder, TimelineState};

use crate::continuity::{Broken, GoesOn, Live, find};
use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::fresh::is_fresh;
use crate::increment::{Framing, Stretch};

/// A write in flight is given this long to be whole.
const SETTLE_PAUSE: Duration = Duration::from_millis(20);
const SETTLE_ATTEMPTS: u32 = 5;
/// An image is trusted to hold no commit that its log lacks once it is this old: a session makes
/// its commit visible before it logs it.
const IMAGE_AGE: Duration = Duration::from_millis(250);
/// How often a full backup begins anew when the database is opened or closed under it.
const FULL_ATTEMPTS: u32 = 5;

/// What kind of backup to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// An increment where the chain can go on, else a full backup.
    #[default]
    Auto,
    /// A full backup.
    Full,
    /// An increment, or an error.
    Incremental,
}

/// How to take a backup.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What kind.
    pub kind: Kind,
    /// How many threads compute checksums.
    pub threads: Threads,
}

/// What a capture did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// Nothing was committed since the last backup; nothing was written.
    UpToDate {
        /// The end epoch of the chain.
        end_epoch: Epoch,
    },
    /// Segments were added to the repository.
    Added {
        /// Their records, in order. With a full backup, the increments before and behind it.
        segments: Vec<SegmentRecord>,
        /// For a full backup: why it was not an increment.
        why: Option<String>,
    },
}

/// Captures the database at `database` into the repository at `repository`, which is created
/// where it does not exist.
///
/// The database may be open in another process, which is neither stopped nor asked.
///
/// # Errors
///
/// [`CaptureError`]; the repository is then as it was.
pub fn capture(
    disk: &dyn Disk,
    database: &Path,
    repository: &Path,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Captured> {
    let database = Database::find(database)?;
    database.headers()?;
    let created = !exists(repository)?;
    if created {
        disk.create_folder(repository, database.mode().for_folder())?;
    }
    let captured = locked(disk, &database, repository, options, monitor);
    if created && captured.is_err() {
        // The error that led here is the one to report.
        let _ = disk.remove_folder(repository);
    } else if created {
        disk.sync_folder(parent_folder(repository))?;
    }
    captured
}

fn locked(
    disk: &dyn Disk,
    database: &Database,
    folder: &Path,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Captured> {
    if !folder.is_dir() {
        let detail = "it is no folder".to_owned();
        let path = folder.to_owned();
        return Err(RepositoryError::NotARepository { path, detail }.into());
    }
    let _lock = RepositoryLock::acquire(folder)?;
    let repository = Repository::open_or_empty(folder)?;
    for temporary in repository.temporaries() {
        disk.remove_file(&temporary)?;
    }
    let job = Job {
        disk,
        database,
        repository: &repository,
        options,
        monitor,
        now: now(),
    };
    job.run()
}

fn now() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

struct Job<'a> {
    disk: &'a dyn Disk,
    database: &'a Database,
    repository: &'a Repository,
    options: &'a Options,
    monitor: &'a dyn Monitor,
    now: UnixMillis,
}

impl<'a> Job<'a> {
    fn run(&self) -> Result<Captured> {
        let headers = self.database.headers()?;
        let image = Live::image_of(&headers);
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
        let live = Live {
            image,
            log: log.as_ref(),
            cursor,
        };
        let goes_on = find(self.repository, &live)?;
        tracing::debug!(?goes_on, "looked for the end of the chain");
        match (self.options.kind, goes_on) {
            (Kind::Incremental, Err(Broken::NoFullBackup)) => Err(CaptureError::NoFullBackup),
            (Kind::Incremental, Err(broken)) => Err(CaptureError::ChainBroken(broken)),
            (Kind::Auto | Kind::Incremental, Ok(GoesOn::Closed)) => Ok(self.up_to_date()),
            (Kind::Auto | Kind::Incremental, Ok(GoesOn::At(sequence, offset))) => {
                self.increment(log, sequence, offset)
            }
            (Kind::Auto, Err(broken)) => self.full(None, &broken.to_string()),
            (Kind::Full, goes_on) => {
                let why = match &goes_on {
                    Err(broken @ Broken::NoFullBackup) => broken.to_string(),
                    _ => "a full backup was asked for".to_owned(),
                };
                self.full(goes_on.ok(), &why)
            }
        }
    }

    fn up_to_date(&self) -> Captured {
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

    /// The cursor in the log folder. One that differs from ours in a single byte was not written
    /// by anybody.
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
        if let Some(ours) = self.repository.cursor() {
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
        log: Option<LogFolder>,
        sequence: LogSequence,
        offset: u64,
    ) -> Result<Captured> {
        let start = LogPosition::in_file(sequence, offset);
        let mut log = log;
        for attempt in 0.. {
            let Some(folder) = log else {
                return Err(CaptureError::ChainBroken(Broken::Closed));
            };
            let tail = folder.from(sequence, offset)?;
            let mut state = self.repository.timeline_at_end();
            let reopened = self.is_reopened(&folder, start);
            if reopened {
                state.end_process();
            }
            let stretch = Stretch::read(&tail, start, state, self.monitor)?;
            if stretch.is_unsettled && attempt < SETTLE_ATTEMPTS {
                std::thread::sleep(SETTLE_PAUSE);
                log = folder.refreshed()?;
                continue;
            }
            if stretch.is_empty() {
                return Ok(self.up_to_date());
            }
            let flags = SegmentFlags {
                continues: true,
                reopened,
                ..SegmentFlags::default()
            };
            let end = stretch.end;
            let segment = self.write(stretch, 0, self.next_start(), start, flags)?;
            return self.publish(vec![segment], Some(&folder), end, None);
        }
        Ok(self.up_to_date())
    }

    /// Whether an increment behind a full backup begins a log that another process began.
    fn is_reopened(&self, log: &LogFolder, start: LogPosition) -> bool {
        let last = self.repository.chain().entries().last();
        let behind_image = last.is_some_and(|last| {
            matches!(&last.content, Some(SegmentContent::Full(full)) if full.image.iteration > 0)
        });
        behind_image && is_fresh(log) && start == log.recovery_start()
    }

    fn next_start(&self) -> Epoch {
        self.last_end_epoch().next().unwrap_or_default()
    }

    /// A full backup: the rest of the old log, the image, and the log since the image.
    fn full(&self, goes_on: Option<GoesOn>, why: &str) -> Result<Captured> {
        for _ in 0..FULL_ATTEMPTS {
            let log = LogFolder::open(&self.database.log_folder())?;
            let taken = match log {
                Some(log) => self.full_of_open(log, goes_on, why)?,
                None => self.full_of_closed(why)?,
            };
            if let Some(captured) = taken {
                return Ok(captured);
            }
        }
        Err(CaptureError::Restless {
            path: self.database.path().to_owned(),
        })
    }

    /// `None` where the database was opened meanwhile.
    fn full_of_closed(&self, why: &str) -> Result<Option<Captured>> {
        let target = self.name(0, SegmentKind::Full);
        let path = self.repository.folder().join(target.to_string());
        let (file, image) = self.database.copy(self.disk, &path, self.monitor)?;
        if exists(&self.database.log_folder())? {
            return Ok(None);
        }
        let identity = image_identity(&image);
        let continues = self.repository.chain().entries().last().is_some_and(|last| {
            matches!(&last.content, Some(SegmentContent::Full(full)) if full.image == identity)
        });
        let timeline = if continues {
            self.end_timeline()
        } else {
            self.new_timeline()
        };
        let base = Point::new(timeline, image.checkpoint().epoch);
        let content = FullContent {
            image: identity,
            base,
            continues,
            log_start: None,
        };
        let full = self.full_segment(file, target, content)?;
        self.publish(
            vec![full],
            None,
            LogPosition::Lsn(apograph_format::Lsn::default()),
            Some(why),
        )
        .map(Some)
    }

    /// `None` where the database was closed meanwhile.
    fn full_of_open(
        &self,
        log: LogFolder,
        goes_on: Option<GoesOn>,
        why: &str,
    ) -> Result<Option<Captured>> {
        let start = log.recovery_start();
        let LogPosition::File { sequence, offset } = start else {
            return Ok(None);
        };
        // The image's name depends on whether the rest of the old log takes one before it.
        let probe = self
            .repository
            .folder()
            .join(self.name(0, SegmentKind::Full).to_string());
        let (file, image) = self.database.copy(self.disk, &probe, self.monitor)?;
        wait_until_aged(image.checkpoint().written_at);
        let base_epoch = image.checkpoint().epoch;

        let mut missing_before = None;
        let mut log = log;
        for attempt in 0..=SETTLE_ATTEMPTS {
            let Some(folder) = log.refreshed()? else {
                return Ok(None);
            };
            log = folder;
            let tail = log.from(sequence, offset)?;
            let exact = image.checkpoint().iteration == 0 || is_fresh(&log);
            let reopened = exact && image.checkpoint().iteration > 0;
            let provisional = Point::new(Timeline::FIRST, base_epoch);
            let mut state = TimelineState::at(provisional);
            if reopened {
                state.end_process();
            }
            let behind = Stretch::read(&tail, start, state, self.monitor)?;
            let missing = behind.missing_epochs(base_epoch);
            let is_settled = !behind.is_unsettled
                && (missing.is_empty() || missing_before.as_ref() == Some(&missing));
            if !is_settled && attempt < SETTLE_ATTEMPTS {
                missing_before = Some(missing);
                drop(behind);
                std::thread::sleep(SETTLE_PAUSE);
                continue;
            }
            drop(behind);
            let plan = FullPlan {
                start,
                exact,
                reopened,
                base_epoch,
                goes_on,
            };
            return self.write_full(&log, file, &image, &plan, why).map(Some);
        }
        Ok(None)
    }

    fn write_full(
        &self,
        log: &LogFolder,
        file: apograph_io::StagedFile<'a>,
        image: &apograph_format::Image,
        plan: &FullPlan,
        why: &str,
    ) -> Result<Captured> {
        let mut segments = Vec::new();
        let LogPosition::File { sequence, offset } = plan.start else {
            return Ok(self.up_to_date());
        };
        // The rest of the log that the chain has so far.
        let mut end_state = None;
        let rest_tail = match plan.goes_on {
            Some(GoesOn::At(sequence, offset)) => Some((
                log.from(sequence, offset)?,
                LogPosition::in_file(sequence, offset),
            )),
            _ => None,
        };
        if let Some((tail, from)) = &rest_tail {
            let mut state = self.repository.timeline_at_end();
            let reopened = self.is_reopened(log, *from);
            if reopened {
                state.end_process();
            }
            let rest = Stretch::read(tail, *from, state, self.monitor)?;
            end_state = Some(rest.state.clone());
            if !rest.is_empty() {
                let flags = SegmentFlags {
                    continues: true,
                    reopened,
                    ..SegmentFlags::default()
                };
                segments.push(self.write(rest, 0, self.next_start(), *from, flags)?);
            }
        }
        let continues = end_state.is_some();

        let tail = log.from(sequence, offset)?;
        let read = |base: Point| {
            let mut state = TimelineState::at(base);
            if plan.reopened {
                state.end_process();
            }
            Stretch::read(&tail, plan.start, state, self.monitor)
        };
        let opened = read(Point::new(Timeline::FIRST, plan.base_epoch))?.timelines_opened;
        let timeline = match &end_state {
            Some(state) => Timeline::new(state.timeline.get().saturating_sub(opened).max(1)),
            None => self.new_timeline(),
        };
        let base = Point::new(timeline, plan.base_epoch);
        let behind = read(base)?;

        let target = self.name(segments.len() as u64, SegmentKind::Full);
        let file = file.retarget(&self.repository.folder().join(target.to_string()))?;
        let identity = image_identity(image);
        let content = FullContent {
            image: identity,
            base,
            continues,
            log_start: Some(plan.start),
        };
        segments.push(self.full_segment(file, target, content)?);

        let end = behind.end;
        if continues || !behind.is_empty() {
            let flags = SegmentFlags {
                repeats: continues,
                catches_up: !plan.exact && !behind.is_empty(),
                reopened: plan.reopened,
                continues: true,
            };
            let start_epoch = plan.base_epoch.next().unwrap_or_default();
            let ahead = segments.len() as u64;
            segments.push(self.write(behind, ahead, start_epoch, plan.start, flags)?);
        }
        self.publish(segments, Some(log), end, Some(why))
    }

    fn end_timeline(&self) -> Timeline {
        self.repository.timeline_at_end().timeline
    }

    fn new_timeline(&self) -> Timeline {
        if self.repository.chain().entries().is_empty() {
            return Timeline::FIRST;
        }
        let last = self.end_timeline();
        last.next().unwrap_or(last)
    }

    fn name(&self, ahead: u64, kind: SegmentKind) -> apograph_format::SegmentName {
        next_name(self.repository, ahead, kind)
    }

    fn write(
        &self,
        stretch: Stretch<'_>,
        ahead: u64,
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

    fn full_segment(
        &self,
        file: apograph_io::StagedFile<'a>,
        name: apograph_format::SegmentName,
        content: FullContent,
    ) -> Result<NewSegment<'a>> {
        let bytes = Mapped::open(file.temporary_path())?;
        self.monitor.phase("checking the copy", bytes.len() as u64);
        let name = FileName::try_from(name.to_string());
        let Ok(name) = name else {
            let path = file.temporary_path().to_owned();
            return Err(RepositoryError::ReadBack { path }.into());
        };
        let segment = Segment {
            kind: SegmentKind::Full,
            file: name,
            start_epoch: Epoch::default(),
            end_epoch: content.base.epoch,
            checksum: crc32(&bytes, self.options.threads),
            size_bytes: bytes.len() as u64,
            created_at: self.now,
        };
        let content = SegmentContent::Full(content);
        Ok(NewSegment {
            file,
            record: SegmentRecord { segment, content },
        })
    }

    fn publish(
        &self,
        segments: Vec<NewSegment<'_>>,
        log: Option<&LogFolder>,
        end: LogPosition,
        why: Option<&str>,
    ) -> Result<Captured> {
        let records: Vec<SegmentRecord> = segments.iter().map(|it| it.record.clone()).collect();
        let last = records.last().map(|record| record.segment.end_epoch);
        let cursor = log.zip(cursor_at(end, last.unwrap_or_default(), self.now));
        let cursor = cursor.map(|(log, cursor)| (log.path(), cursor));
        publish(
            self.disk,
            self.repository,
            segments,
            self.database.mode(),
            cursor,
        )?;
        Ok(Captured::Added {
            segments: records,
            why: why.map(str::to_owned),
        })
    }
}

/// What was found out before a full backup is written.
struct FullPlan {
    start: LogPosition,
    exact: bool,
    reopened: bool,
    base_epoch: Epoch,
    goes_on: Option<GoesOn>,
}

fn image_identity(image: &apograph_format::Image) -> apograph_manifest::ImageIdentity {
    Live::image_of(image.headers())
}

/// The cursor that keeps the file in which the chain ends, and all behind it.
fn cursor_at(end: LogPosition, backed_up_epoch: Epoch, written_at: UnixMillis) -> Option<Cursor> {
    let LogPosition::File { sequence, .. } = end else {
        return None;
    };
    let keep = sequence.previous().map_or(Keep::AllFiles, Keep::FilesAfter);
    Some(Cursor {
        backed_up_epoch,
        keep,
        written_at,
    })
}

fn wait_until_aged(written_at: UnixMillis) {
    let age = now()
        .get()
        .checked_sub(written_at.get())
        .map(Duration::from_millis);
    if let Some(rest) = age.and_then(|age| IMAGE_AGE.checked_sub(age)) {
        std::thread::sleep(rest);
    }
}

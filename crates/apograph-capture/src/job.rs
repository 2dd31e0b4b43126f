//! What a capture looks at, what it decides, and the increment.

use std::cell::Cell;
use std::time::SystemTime;

use apograph_format::{
    DatabaseHeaders, Engines, Epoch, Generation, LogPosition, Lsn, SegmentFlags, SegmentKind,
    SegmentName, Timeline, UnixMillis,
};
use apograph_io::{Disk, Folder, Monitor, Reading, now, random, sums};
use apograph_manifest::{
    CapturedFile, Evidence, ImageIdentity, LogEvidence, ManifestError, Nonce,
    Notes as RepositoryNotes, SegmentContent, SegmentRecord, SegmentStamp, read_marker,
};
use apograph_repository::{Addition, LogNotes, NewSegment, Repository, next_name, publish};
use apograph_wal::{GroupReader, LogEvent, LogFile, LogFolder, LogTail, TimelineState, WalError};

use crate::chain_break::ChainBreak;
use crate::continuity::{
    Beside, ResumePoint, file_of, find, known_publish, marks_behind, older_files_hash, proved_from,
};
use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::image_place::{is_begun_anew, is_fresh};
use crate::increment::{CapturedTail, Framing};
use crate::indexes::warn_of_new;
use crate::live::{Live, Moment};
use crate::log_notes::{Notes, stamp_of};
use crate::patience::{HELD, Patience, RESTLESS, SETTLE_ATTEMPTS, pause};
use crate::remains::{is_older_than_image, is_settled};
use crate::request::{Captured, Kind, Options};
use crate::retention_hold::RetentionHold;

/// How often a capture begins anew when a checkpoint removes log files.
const ATTEMPTS: u32 = 5;

/// A capture that holds the repository's lock.
pub(crate) struct Job<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) database: &'a Database,
    pub(crate) repository: &'a Repository,
    pub(crate) options: &'a Options,
    pub(crate) monitor: &'a dyn Monitor,
    /// The notes of the repository.
    pub(crate) notes: RepositoryNotes,
    /// Whether they are to be written.
    pub(crate) are_notes_new: bool,
    pub(crate) now: UnixMillis,
    /// Every commit before this instant was in the log, or in the image, that was looked at last.
    pub(crate) looked_at: Cell<UnixMillis>,
}

/// The live database as it was found, and where the chain goes on in it.
pub(crate) struct Seen {
    pub(crate) live: Live,
    /// The publish that the repository knows.
    pub(crate) known: Option<Nonce>,
    pub(crate) resume: std::result::Result<ResumePoint, ChainBreak>,
}

/// The end of the chain in the log, for what a publish leaves beside it.
pub(crate) struct End<'a> {
    /// The folder of the log.
    pub(crate) folder: &'a Folder,
    /// The log; `None` where the folder has none yet.
    pub(crate) log: Option<&'a LogFolder>,
    /// Where the chain ends then.
    pub(crate) position: LogPosition,
    /// The publish that the repository knows.
    pub(crate) known: Option<Nonce>,
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

    fn capture(&self, hold: &mut Option<RetentionHold<'a>>) -> Result<Captured> {
        let mut patience = Patience::of(RESTLESS);
        let mut settling = Patience::of(HELD);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let seen = self.look_and_hold(hold, &mut settling);
            match seen.and_then(|seen| self.attempt(seen)) {
                Ok(Some(captured)) => return Ok(captured),
                Ok(None) if patience.wait(self.monitor)? => {}
                Ok(None) => {
                    return Err(CaptureError::Changing {
                        path: self.database.path().to_owned(),
                    });
                }
                // A checkpoint removes log files while they are looked for, not all at once.
                Err(CaptureError::Wal(WalError::MissingFile { .. })) if attempt < ATTEMPTS => {
                    self.pause()?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn reading(&self) -> Reading<'a> {
        self.options.reading(self.monitor)
    }

    /// The same for another attempt: what was read in the one before is at hand.
    pub(crate) fn reading_again(&self, attempt: u32) -> Reading<'a> {
        match attempt {
            0 => self.reading(),
            _ => self.reading().again(),
        }
    }

    /// Gives a writer time.
    pub(crate) fn pause(&self) -> Result<()> {
        pause(self.monitor)
    }

    /// Looks again once the log is held: what was removed before that is gone.
    fn look_and_hold(
        &self,
        hold: &mut Option<RetentionHold<'a>>,
        settling: &mut Patience,
    ) -> Result<Seen> {
        let seen = self.look(settling)?;
        match &seen.live.log {
            Some(log) if seen.live.cursor.is_none() && hold.is_none() && self.begins_chain(log) => {
                let (mode, monitor) = (self.database.mode(), self.monitor);
                *hold = RetentionHold::begin(self.disk, log, mode, self.now, monitor);
                self.look(settling)
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

    /// A checkpoint that is under way, and a commit that is being logged, look like another history
    /// for a moment; and what a close has not removed yet, like another log.
    fn look(&self, settling: &mut Patience) -> Result<Seen> {
        let mut attempt = 0;
        loop {
            let seen = self.look_near()?;
            attempt += 1;
            let may_pass = matches!(&seen.resume, Err(broken) if broken.may_pass());
            if may_pass && attempt <= SETTLE_ATTEMPTS {
                self.pause()?;
            } else if !(self.is_in_between(&seen)? && settling.wait(self.monitor)?) {
                return Ok(seen);
            }
        }
    }

    /// Whether an engine of generation 1 seems to be in the middle of a close, or of a checkpoint
    /// that has installed its image. A chain that goes on after an image that the repository knows
    /// does not depend on that.
    fn is_in_between(&self, seen: &Seen) -> Result<bool> {
        let Some(log) = &seen.live.log else {
            return Ok(false);
        };
        let known = self.repository.evidence().map(|known| known.image);
        if log.generation() == Generation::Two
            || seen.resume.is_ok() && known == Some(seen.live.image)
        {
            return Ok(false);
        }
        let headers = &seen.live.headers;
        let is_older = self.is_older_than_image(log, headers, seen.live.written)?;
        Ok(!is_settled(log, headers, is_older)? && self.database.is_being_written()?)
    }

    /// Whether a log that says nothing of a checkpoint was there before the image was written.
    pub(crate) fn is_older_than_image(
        &self,
        log: &LogFolder,
        headers: &DatabaseHeaders,
        written: Option<SystemTime>,
    ) -> Result<bool> {
        let reading = self.reading().again();
        is_older_than_image(log, headers, written, self.repository, reading)
    }

    /// A chain mostly goes on right after its end: at first only that is read. An increment of an
    /// encrypted log repeats what stands before it in its file.
    fn look_near(&self) -> Result<Seen> {
        let from = proved_from(self.repository);
        let near = from.map(|from| self.look_from(Some(from))).transpose();
        let is_enough = |seen: &Seen| match seen.resume {
            Ok(ResumePoint::At(_)) => !seen.live.log.as_ref().is_some_and(LogFolder::is_encrypted),
            Err(ChainBreak::NoFullBackup) => true,
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
        let live = Live::of(self.database, read_from, self.monitor)?;
        if self.is_foreign(&live.image) {
            return Err(CaptureError::Foreign {
                repository: self.repository.folder().path().to_owned(),
                database: self.database.path().to_owned(),
            });
        }
        if let (Some(log), Some(database)) = (&live.log, live.image.database) {
            log.check_database(database)?;
        }
        if let Some(log) = &live.log
            && live.headers.engines().may_log_no_commits()
            && !has_commits(log)?
        {
            return Err(CaptureError::NoCommits {
                path: self.database.path().to_owned(),
                creator: live.headers.file.creator,
            });
        }
        let beside = self.beside()?;
        let resume = find(self.repository, &live, &beside, self.reading())?;
        tracing::debug!(?resume, "looked for the end of the chain");
        Ok(Seen {
            known: known_publish(self.repository, &beside),
            live,
            resume,
        })
    }

    /// What lies in the log folder for this repository.
    fn beside(&self) -> Result<Beside> {
        let Some(folder) = self.database.log_folder()? else {
            return Ok(Beside::default());
        };
        let marker = read_marker(&folder, self.notes.id).map_err(|error| match error {
            ManifestError::Io(error) => CaptureError::Io(error),
            other => CaptureError::Cursor(other),
        })?;
        Ok(Beside {
            marker,
            folder: stamp_of(&folder),
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
        if seen.live.log.is_none() {
            self.warn_of_other_names()?;
        }
        let why = match (self.options.kind, &seen.resume) {
            (Kind::Incremental, Err(ChainBreak::NoFullBackup)) => {
                return Err(CaptureError::NoFullBackup);
            }
            (
                Kind::Auto | Kind::Incremental,
                Err(ChainBreak::Damaged {
                    path,
                    offset,
                    detail,
                }),
            ) => {
                return Err(CaptureError::WalDamaged {
                    path: path.clone(),
                    offset: *offset,
                    detail: detail.clone(),
                });
            }
            (Kind::Incremental, Err(broken)) => {
                return Err(CaptureError::ChainBroken(broken.clone()));
            }
            (Kind::Auto, Err(broken @ ChainBreak::LogLost { .. })) => {
                let broken = broken.clone();
                return Err(CaptureError::LogLost { broken });
            }
            (Kind::Auto | Kind::Incremental, Ok(ResumePoint::Closed)) => {
                return Ok(Some(self.up_to_date()));
            }
            (
                Kind::Auto | Kind::Incremental,
                Ok(ResumePoint::At(start) | ResumePoint::Before(start)),
            ) => {
                let start = *start;
                return self.increment(seen, start);
            }
            (Kind::Auto, Err(broken)) | (Kind::Full, Err(broken @ ChainBreak::NoFullBackup)) => {
                broken.to_string()
            }
            (Kind::Full, Err(broken)) => format!("a full backup was asked for, and {broken}"),
            (Kind::Full, Ok(_)) => "a full backup was asked for".to_owned(),
        };
        match &seen.resume {
            Err(ChainBreak::LogLost { .. }) => self.warn_of_lost_log(&seen.live),
            Err(broken @ ChainBreak::Damaged { .. }) => self.monitor.warn(&format!(
                "{broken}; what was captured after it can be restored, and may not be in this backup"
            )),
            _ => {}
        }
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

    /// The first epoch of an increment after the last segment.
    pub(crate) fn next_start(&self) -> Epoch {
        self.last_end_epoch().next().unwrap_or_default()
    }

    /// Says that the log may lie beside another name of a file without one, and what was spilled too:
    /// nothing tells what names those are, and whether an engine that has ended closed the database.
    fn warn_of_other_names(&self) -> Result<()> {
        let names = self.database.count_of_names()?;
        if names > 1 {
            self.monitor.warn(&format!(
                "{} has {names} names, and no log is beside this one: if an engine had it open under \
                 another name, what it committed since its last checkpoint and embeddings that it \
                 moved out of the file may lie there, and are not in this backup",
                self.database.path().display()
            ));
        }
        Ok(())
    }

    /// Says which captured commits the database does not have any more.
    fn warn_of_lost_log(&self, live: &Live) {
        let last = self.repository.timeline_at_end().point();
        let image = live.headers.checkpoint.epoch;
        self.monitor.warn(&format!(
            "the database is at epoch {image} of its image, and commits up to {last} are in the \
             repository: what lies between can be restored, and is not in this backup"
        ));
    }

    fn increment(&self, seen: Seen, start: LogPosition) -> Result<Option<Captured>> {
        let (moment, known) = (seen.live.moment(), seen.known);
        let engines = seen.live.headers.engines();
        let mut log = seen.live.log;
        let spans = matches!(seen.resume, Ok(ResumePoint::Before(_)));
        for attempt in 0.. {
            let Some(folder) = log else {
                break;
            };
            let tail = folder.from(start)?;
            let (state, reopened) = self.timeline_at(&folder, start, spans)?;
            let stretch = CapturedTail::read(&tail, start, state, self.reading_again(attempt))?;
            if stretch.is_unsettled && attempt < SETTLE_ATTEMPTS {
                drop(tail);
                self.pause()?;
                let read_from = start.lsn().filter(|_| !folder.is_encrypted());
                log = folder.refreshed(read_from)?;
                continue;
            }
            self.warn_of_log(engines, &tail, &stretch)?;
            warn_of_new(self.database, self.repository, self.monitor);
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
            let segment = self.write((&tail, stretch), 0, self.next_start(), start, flags)?;
            let end = End {
                folder: folder.folder(),
                log: Some(&folder),
                position: end,
                known,
            };
            return self
                .publish(vec![segment], read_at, Some(&end), &moment, None)
                .map(Some);
        }
        Ok(None)
    }

    /// Says what an older engine's log does not: how many records stand after its last commit, where
    /// that is more than a write in flight, and that some before it may have been rolled back.
    ///
    /// # Errors
    ///
    /// [`CaptureError::WalDamaged`] where an engine has commits that cannot be reached in its log.
    pub(crate) fn warn_of_log(
        &self,
        engines: Engines,
        tail: &LogTail<'_>,
        stretch: &CapturedTail,
    ) -> Result<()> {
        if let Some(damage) = stretch.cut_off(tail)? {
            if self.database.is_being_written()? {
                return Err(damage);
            }
            self.monitor.warn(&format!(
                "{damage}; the engine cuts them off when it opens the database, and they are not in \
                 this backup"
            ));
        }
        let has_gaps = stretch.state.transactions.ranges().len() > 1;
        if engines.may_commit_rolled_back() && has_gaps && !stretch.is_empty() {
            self.monitor.warn(
                "some transactions of this process have no commit in the log. Before Grafeo 0.5.42 \
                 no log tells which of them were rolled back: what they wrote belongs to the commit \
                 behind them there, also when the engine replays it",
            );
        }
        let (count, what) = match stretch.waiting {
            0 => return Ok(()),
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
        Ok(())
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
        let old_image = full.filter(|full| {
            log.generation() == Generation::One
                && full.image.iteration > 0
                && start == log.recovery_start(None)
        });
        let is_begun_anew = match old_image {
            Some(full) => is_fresh(log)? && is_begun_anew(&log.from(start)?, full.base.epoch)?,
            None => false,
        };
        // Also where it was found out earlier: the segment itself has to say so.
        let reopened = state.process_ended || is_begun_anew;
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

    /// Writes an increment that will be `ahead` segments after the next one.
    pub(crate) fn write(
        &self,
        (tail, stretch): (&LogTail<'_>, CapturedTail),
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
        stretch.write(
            tail,
            self.disk,
            self.repository,
            mode,
            &framing,
            self.reading(),
        )
    }

    /// Publishes the segments; where the database has a log, the chain now ends at `end` in it. The
    /// image was as at `moment` when the log was looked at. All segments are stamped with `read_at`: by
    /// then everything in them was read, so nothing in them was committed later.
    pub(crate) fn publish(
        &self,
        mut segments: Vec<NewSegment<'_>>,
        read_at: UnixMillis,
        end: Option<&End<'_>>,
        moment: &Moment,
        why: Option<&str>,
    ) -> Result<Captured> {
        for segment in &mut segments {
            segment.record.is_uncounted = !self.repository.is_counted();
            segment.record.segment.created_at = read_at;
        }
        let records: Vec<SegmentRecord> = segments.iter().map(|it| it.record.clone()).collect();
        let Some(last) = records.last() else {
            return Ok(self.up_to_date());
        };
        // All of it was read to look for the end of the chain, or after that.
        let (looked_at, reading) = (self.looked_at.get(), self.reading().again());
        let evidence = evidence_of(last, end, moment, looked_at, reading)?;
        let image_bytes = self.database.size_bytes()?;
        let beside = end.map(|end| Notes {
            disk: self.disk,
            monitor: self.monitor,
            folder: end.folder,
            log: end.log,
            mode: self.database.mode(),
            repository: self.notes.id,
            known: end.known,
            now: self.now,
            end: end.position,
            backed_up_epoch: last.segment.end_epoch,
            image_bytes,
            is_marker_new: Cell::new(false),
        });
        let log: &dyn LogNotes = match &beside {
            Some(beside) => beside,
            None => &(),
        };
        let addition = Addition {
            segments,
            notes: self.are_notes_new.then(|| self.notes.clone()),
            evidence,
            log,
            mode: self.database.mode(),
        };
        publish(self.disk, self.repository, addition, self.monitor)?;
        Ok(Captured::Added {
            segments: records,
            why: why.map(str::to_owned),
        })
    }
}

/// What a publish writes down to prove the next time that the log is the same.
fn evidence_of(
    last: &SegmentRecord,
    end: Option<&End<'_>>,
    moment: &Moment,
    looked_at: UnixMillis,
    reading: Reading<'_>,
) -> Result<Evidence> {
    let log = end.and_then(|end| Some((end.log?, end.position)));
    let older_files = log.and_then(|(log, end)| older_files_hash(log, end, looked_at));
    let log = match (log, moment.newest) {
        (Some((log, position)), Some(newest)) => Some(LogEvidence {
            file: captured_file(log, position, reading)?,
            checkpoint: moment.recorded,
            newest,
            pending: moment.pending,
            marks: marks_behind(log, position)?,
        }),
        _ => None,
    };
    Ok(Evidence {
        nonce: Nonce::new(random()?),
        segment: SegmentStamp {
            file: last.segment.file.clone(),
            hash: last.hash,
        },
        end: end.map(|end| end.position),
        image: moment.image,
        older_files,
        log,
        folder: None,
    })
}

/// The log file of generation 1 that holds the last byte before a position.
fn captured_file(
    log: &LogFolder,
    end: LogPosition,
    reading: Reading<'_>,
) -> Result<Option<CapturedFile>> {
    let Some(file) = log.files().iter().rfind(|file| file.start < end) else {
        return Ok(None);
    };
    let (sequence, _) = file_of(file.start);
    let (at, offset) = file_of(end);
    let bytes = file.bytes();
    let length = match usize::try_from(offset) {
        Ok(offset) if at == sequence => offset.min(bytes.len()),
        _ => bytes.len(),
    };
    Ok(Some(CapturedFile {
        sequence,
        length: length as u64,
        hash: sums(bytes.slice(0..length), reading)?.blake3,
    }))
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

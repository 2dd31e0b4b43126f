//! What a capture decides, the increment, and the publish.

use std::cell::Cell;

use apograph_format::{
    Epoch, Generation, LogPosition, SegmentFlags, SegmentKind, SegmentName, Timeline, UnixMillis,
    WithCauses,
};
use apograph_io::{Context, Folder};
use apograph_manifest::{Nonce, Notes as RepositoryNotes, SegmentContent, SegmentRecord};
use apograph_repository::{Addition, HeldRepository, LogNotes, NewSegment, Repository, next_name};
use apograph_wal::{LogFolder, LogTail, TimelineState, WalError};

use crate::chain_break::ChainBreak;
use crate::continuity::{ResumePoint, evidence_of};
use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::image_place::{is_begun_anew, is_fresh};
use crate::increment::{CapturedTail, Framing};
use crate::indexes::warn_of_new;
use crate::live::Moment;
use crate::log_notes::Notes;
use crate::look::Seen;
use crate::patience::{HELD, Patience, RESTLESS, SETTLE_ATTEMPTS, pause};
use crate::request::{Captured, Kind, Options};
use crate::retention_hold::RetentionHold;

/// How often a capture begins anew when a checkpoint removes log files.
const ATTEMPTS: u32 = 5;

/// A capture that has the right to write to the repository.
pub(crate) struct Job<'a> {
    pub(crate) held: &'a HeldRepository<'a>,
    pub(crate) database: &'a Database,
    pub(crate) repository: &'a Repository,
    pub(crate) options: &'a Options,
    pub(crate) context: Context<'a>,
    /// The notes of the repository.
    pub(crate) notes: RepositoryNotes,
    /// Whether they are to be written.
    pub(crate) are_notes_new: bool,
    pub(crate) now: UnixMillis,
    /// Every commit before this instant was in the log, or in the image, that was looked at last.
    pub(crate) looked_at: Cell<UnixMillis>,
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
                Ok(None) if patience.wait(self.context)? => {}
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

    /// The context of another attempt: what was read in the one before is at hand.
    pub(crate) fn context_again(&self, attempt: u32) -> Context<'a> {
        match attempt {
            0 => self.context,
            _ => self.context.again(),
        }
    }

    /// Gives a writer time.
    pub(crate) fn pause(&self) -> Result<()> {
        pause(self.context)
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
                WithCauses(broken).to_string()
            }
            (Kind::Full, Err(broken)) => {
                format!("a full backup was asked for, and {}", WithCauses(broken))
            }
            (Kind::Full, Ok(_)) => "a full backup was asked for".to_owned(),
        };
        match &seen.resume {
            Err(ChainBreak::LogLost { .. }) => self.warn_of_lost_log(&seen.live),
            Err(broken @ ChainBreak::Damaged { .. }) => self.context.monitor.warn(&format!(
                "{}; what was captured after it can be restored, and may not be in this backup",
                WithCauses(broken)
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

    fn increment(&self, seen: Seen, start: LogPosition) -> Result<Option<Captured>> {
        let (moment, known) = (self.moment(&seen.live)?, seen.known);
        let (engines, image) = (seen.live.headers.engines(), seen.live.headers.checkpoint);
        let mut log = seen.live.log;
        let spans = matches!(seen.resume, Ok(ResumePoint::Before(_)));
        for attempt in 0.. {
            let Some(folder) = log else {
                break;
            };
            let tail = folder.from(start)?;
            let (state, reopened) = self.timeline_at(&folder, start, spans)?;
            let captured = CapturedTail::read(&tail, start, state, self.context_again(attempt))?;
            if captured.is_unsettled && attempt < SETTLE_ATTEMPTS {
                drop(tail);
                self.pause()?;
                let read_from = start.lsn().filter(|_| !folder.is_encrypted());
                log = folder.refreshed(read_from)?;
                continue;
            }
            self.warn_of_log(engines, &tail, &captured)?;
            self.warn_of_spilled(&image)?;
            warn_of_new(self.database, self.repository, self.context.monitor);
            if captured.is_empty() {
                return Ok(Some(self.up_to_date()));
            }
            let flags = SegmentFlags {
                continues: true,
                reopened,
                spans,
                ..SegmentFlags::default()
            };
            let (end, read_at) = (captured.end, self.context.clock.now());
            let segment = self.write((&tail, captured), 0, self.next_start(), start, flags)?;
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
        (tail, captured): (&LogTail<'_>, CapturedTail),
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
        captured.write(tail, self.repository, mode, &framing, self.context)
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
        let (looked_at, context) = (self.looked_at.get(), self.context.again());
        let chain_end = end.map(|end| (end.log, end.position));
        let evidence = evidence_of(last, chain_end, moment, looked_at, context)?;
        let image_bytes = self.database.size_bytes()?;
        let beside = end.map(|end| Notes {
            context: self.context,
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
        self.held.publish(addition)?;
        Ok(Captured::Added {
            segments: records,
            why: why.map(str::to_owned),
        })
    }
}

//! What a capture decides by what it has seen: the chain goes on with an increment, or begins anew
//! with a full backup, or there is nothing to do; and when it looks again.

use apograph_format::{LogPosition, SegmentFlags, WithCauses};
use apograph_wal::{LogFolder, WalError};

use crate::chain_break::ChainBreak;
use crate::continuity::ResumePoint;
use crate::error::{CaptureError, Result};
use crate::increment::CapturedTail;
use crate::indexes::warn_of_new;
use crate::job::{End, Job};
use crate::look::Seen;
use crate::patience::{HELD, Patience, RESTLESS, SETTLE_ATTEMPTS};
use crate::request::{Captured, Kind};
use crate::retention_hold::RetentionHold;

/// How often a capture begins anew when a checkpoint removes log files.
const ATTEMPTS: u32 = 5;

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

    /// Looks again once the log is held: what was removed before that is gone.
    fn look_and_hold(
        &self,
        hold: &mut Option<RetentionHold<'a>>,
        settling: &mut Patience,
    ) -> Result<Seen> {
        let seen = self.looking.look(settling)?;
        match &seen.live.log {
            Some(log) if seen.live.cursor.is_none() && hold.is_none() && self.begins_chain(log) => {
                let mode = self.database.mode();
                *hold = RetentionHold::begin(log, mode, self.now, self.context);
                self.looking.look(settling)
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

    fn increment(&self, seen: Seen, start: LogPosition) -> Result<Option<Captured>> {
        let (moment, known) = (self.looking.moment(&seen.live)?, seen.known);
        let (engines, image) = (seen.live.headers.engines(), seen.live.headers.checkpoint);
        let mut log = seen.live.log;
        let spans = matches!(seen.resume, Ok(ResumePoint::Before(_)));
        for attempt in 0.. {
            let Some(folder) = log else {
                break;
            };
            let tail = folder.from(start)?;
            let (state, reopened) = self.looking.timeline_at(&folder, start, spans)?;
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
}

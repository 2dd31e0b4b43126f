//! What a capture looks at: the database, its log, what lies beside it for this repository.

use std::cell::Cell;
use std::time::SystemTime;

use apograph_format::{DatabaseHeaders, Generation, LogPosition, Lsn, UnixMillis};
use apograph_io::{Context, Folder, sums};
use apograph_manifest::{
    ImageIdentity, ManifestError, Marker, Nonce, RESTORED_NOTE_NAME, RepositoryId, SegmentContent,
    read_marker,
};
use apograph_repository::Repository;
use apograph_wal::{
    GroupReader, LogEvent, LogFile, LogFolder, TimelineState, is_begun_anew, is_fresh,
};

use crate::chain_break::ChainBreak;
use crate::continuity::{Beside, ResumePoint, find, known_publish, proved_from};
use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::live::{Live, Moment};
use crate::log_notes::stamp_of;
use crate::patience::{Patience, SETTLE_ATTEMPTS, pause};
use crate::remains::{is_older_than_image, is_settled};

/// The live database as it was found, and where the chain goes on in it.
pub(crate) struct Seen {
    pub(crate) live: Live,
    /// The publish that the repository knows.
    pub(crate) known: Option<Nonce>,
    pub(crate) resume: std::result::Result<ResumePoint, ChainBreak>,
}

/// What looks, and at what. It writes nothing.
pub(crate) struct Looking<'a> {
    pub(crate) database: &'a Database,
    pub(crate) repository: &'a Repository,
    pub(crate) context: Context<'a>,
    /// The id of the repository.
    pub(crate) id: RepositoryId,
    /// Every commit before this instant was in the log, or in the image, that was looked at last.
    pub(crate) looked_at: Cell<UnixMillis>,
}

impl Looking<'_> {
    /// A checkpoint that is under way, and a commit that is being logged, look like another history
    /// for a moment; and what a close has not removed yet, like another log.
    pub(crate) fn look(&self, settling: &mut Patience) -> Result<Seen> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let seen = match self.look_near() {
                // The first commit of all may be in flight.
                Err(CaptureError::NoCommitYet { .. }) if attempt <= SETTLE_ATTEMPTS => {
                    pause(self.context)?;
                    continue;
                }
                seen => seen?,
            };
            let may_pass = matches!(&seen.resume, Err(broken) if broken.may_pass());
            if may_pass && attempt <= SETTLE_ATTEMPTS {
                pause(self.context)?;
            } else if !(self.is_in_between(&seen)? && settling.wait(self.context)?) {
                return Ok(seen);
            }
        }
    }

    /// Whether an engine of generation 1 seems to be in the middle of a close, or of a checkpoint
    /// that has installed its image. A chain that goes on after an image that the repository knows
    /// does not depend on that.
    fn is_in_between(&self, seen: &Seen) -> Result<bool> {
        let Some(log) = seen.live.log.as_ref().filter(|_| !seen.live.is_folder) else {
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

    /// What a publish writes down of the image and the log.
    pub(crate) fn moment(&self, live: &Live) -> Result<Moment> {
        let is_older = |log| self.is_older_than_image(log, &live.headers, live.written);
        let is_older = live.log.as_ref().map(is_older).transpose()?;
        Ok(live.moment(is_older.unwrap_or_default()))
    }

    /// Whether a log that says nothing of a checkpoint was there before the image was written.
    pub(crate) fn is_older_than_image(
        &self,
        log: &LogFolder,
        headers: &DatabaseHeaders,
        written: Option<SystemTime>,
    ) -> Result<bool> {
        let context = self.context.again();
        is_older_than_image(log, headers, written, self.repository, context)
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
        self.looked_at.set(self.context.clock.now());
        let live = Live::of(self.database, read_from, self.context)?;
        let beside = self.beside()?;
        if self.is_foreign(&live.image)? || self.is_other_folder(&live, &beside)? {
            return Err(CaptureError::Foreign {
                repository: self.repository.path(),
                database: self.database.path().to_owned(),
            });
        }
        if let (Some(log), Some(database)) = (&live.log, live.image.database()) {
            log.check_database(database)?;
        }
        if let Some(log) = &live.log {
            self.check_commits(log, &live.headers)?;
        }
        let resume = find(self.repository, &live, &beside, self.context)?;
        tracing::debug!(?resume, "looked for the end of the chain");
        Ok(Seen {
            known: known_publish(self.repository, &beside),
            live,
            resume,
        })
    }

    /// Fails for a log of generation 1 that an engine wrote which logs no commits. Nothing says who
    /// created a folder database: its log does, once there are records in it.
    fn check_commits(&self, log: &LogFolder, headers: &DatabaseHeaders) -> Result<()> {
        let path = || self.database.path().to_owned();
        let is_begun = || log.files().iter().any(|file| !file.bytes().is_empty());
        if headers.engines().may_log_no_commits() && !has_commits(log)? {
            let creator = headers.file.creator.clone();
            return Err(CaptureError::NoCommits {
                path: path(),
                creator,
            });
        }
        if headers.are_of_folder() && is_begun() && !has_commits(log)? {
            return Err(CaptureError::NoCommitYet { path: path() });
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

    /// What lies in the log folder for this repository.
    fn beside(&self) -> Result<Beside> {
        let Some(folder) = self.database.log_folder()? else {
            return Ok(Beside::default());
        };
        Ok(Beside {
            marker: self.marker_in(&folder)?,
            folder: stamp_of(&folder),
        })
    }

    /// The marker of the repository in a log folder.
    fn marker_in(&self, folder: &Folder) -> Result<Option<Marker>> {
        read_marker(folder, self.id).map_err(|error| match error {
            ManifestError::Io(error) => CaptureError::Io(error),
            other => CaptureError::Cursor(other),
        })
    }

    /// Whether a folder database is another one than that of the repository.
    fn is_other_folder(&self, live: &Live, beside: &Beside) -> Result<bool> {
        let log = live.log.as_ref().filter(|_| live.is_folder);
        match log {
            Some(log) => self.is_other_log(log, beside.marker.as_ref()),
            None => Ok(false),
        }
    }

    /// Whether the log of a folder database is that of another one than the repository's: nothing in
    /// it names it, and the first group can be the same in many. The marker of the repository says
    /// that it is the one. Without it, what was captured has to be there still, unless a restore
    /// made it, which may have gone back before that.
    fn is_other_log(&self, log: &LogFolder, marker: Option<&Marker>) -> Result<bool> {
        let known = self.repository.evidence().and_then(|known| known.log?.file);
        let Some(captured) = known.filter(|captured| captured.length > 0) else {
            return Ok(false);
        };
        if marker.is_some() || log.folder().at(RESTORED_NOTE_NAME).exists()? {
            return Ok(false);
        }
        let Some(file) = log.file(captured.sequence) else {
            return Ok(true);
        };
        let length = usize::try_from(captured.length).unwrap_or(usize::MAX);
        let hash = sums(file.bytes().slice(0..length), self.context.again())?.blake3;
        Ok(hash != captured.hash)
    }

    /// Whether the repository has backups of another database.
    ///
    /// A database that was migrated to generation 2 has another identity than before. What it was
    /// migrated from tells that it is the same one; and once that was seen, the repository does, by
    /// a full backup of generation 2.
    fn is_foreign(&self, image: &ImageIdentity) -> Result<bool> {
        let entries = self.repository.chain().entries().iter();
        let known = entries.filter_map(|entry| match &entry.content {
            Some(SegmentContent::Full(full)) => Some(full.image),
            _ => None,
        });
        let (same, other): (Vec<_>, Vec<_>) =
            known.partition(|known| known.generation() == image.generation());
        match other.first() {
            Some(known) if same.is_empty() => Ok(!self.is_migrated_from(known)?),
            _ => Ok(!same.iter().all(|known| known.is_of_same_database(image))),
        }
    }

    /// Whether the database was migrated from the one that an image of the repository is of.
    fn is_migrated_from(&self, known: &ImageIdentity) -> Result<bool> {
        let original = self.database.migrated_from();
        let original = original.map(|original| ImageIdentity::of(&original));
        if !original.is_some_and(|original| original.is_of_same_database(known)) {
            return Ok(false);
        }
        let Some(log) = self.database.migrated_folder_log()? else {
            return Ok(true);
        };
        let marker = self.marker_in(log.folder())?;
        Ok(!self.is_other_log(&log, marker.as_ref())?)
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

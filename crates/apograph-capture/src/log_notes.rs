//! What a backup leaves in the log folder: the marker, and the cursor.
//!
//! The marker proves to the next backup of this repository that the folder is the same; the cursor
//! tells the engine which log the repositories still need. There is one cursor for all of them, so
//! it keeps what the neediest wants, by the markers that lie there. A marker that is old, or keeps
//! more log than a full backup would copy, is said and does not hold the log back any more.
//!
//! A folder is about to be removed where its newest log file has lost its name: the engine closes
//! the database. A new name in it would be in the way, so none is made then, and one that was made
//! in that moment is taken back. Nor is one made right after a checkpoint, with which a close
//! begins.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

use apograph_format::{Epoch, LogPosition, UnixMillis, WithCauses};
use apograph_io::{At, Context, Folder, Mode};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, Evidence, FolderStamp, Keep, ManifestError, Nonce, RepositoryId,
    Slot, marker_name, read_cursor, read_markers, write_cursor, write_slot,
};
use apograph_repository::LogNotes;
use apograph_wal::LogFolder;

use crate::cursor::{cursor_at, kept_from};
use crate::patience::{HELD, pause};

/// A marker that was not renewed for so long does not hold log back any more.
const MARKER_AGE: Duration = Duration::from_secs(8 * 24 * 60 * 60);
/// Nor one that keeps more log than the image is large, and than this.
const MARKER_LOG_BYTES: u64 = 1 << 30;
/// How often the markers are read anew where another backup writes one meanwhile.
const ATTEMPTS: usize = 4;

/// A log folder, and what a backup writes into it.
pub(crate) struct Notes<'a> {
    pub(crate) context: Context<'a>,
    pub(crate) folder: &'a Folder,
    /// The log in it; `None` where it has no log file yet.
    pub(crate) log: Option<&'a LogFolder>,
    pub(crate) mode: Mode,
    pub(crate) repository: RepositoryId,
    /// The publish that the repository knows.
    pub(crate) known: Option<Nonce>,
    pub(crate) now: UnixMillis,
    /// Where the chain will end.
    pub(crate) end: LogPosition,
    /// The end epoch of the last segment.
    pub(crate) backed_up_epoch: Epoch,
    /// How large a full backup would be.
    pub(crate) image_bytes: u64,
    /// Whether the marker is created by this backup.
    pub(crate) is_marker_new: Cell<bool>,
}

impl LogNotes for Notes<'_> {
    fn mark(&self, evidence: Evidence) -> Evidence {
        let slot = Slot {
            repository: self.repository,
            counter: 0,
            written_at: self.now,
            evidence: evidence.clone(),
        };
        let name = marker_name(self.repository);
        let is_new = self.folder.at(&name).exists().is_ok_and(|exists| !exists);
        self.is_marker_new.set(is_new);
        let marked = self.naming(self.folder.at(&name), || {
            write_slot(self.context.disk, self.folder, self.mode, slot, self.known)
        });
        match marked {
            Ok(()) => evidence,
            Err(error) => {
                self.context.monitor.warn(&format!(
                    "the log folder cannot be marked, and the next backup goes by the folder alone: {}",
                    WithCauses(&error)
                ));
                Evidence {
                    folder: stamp_of(self.folder),
                    ..evidence
                }
            }
        }
    }

    fn unmark(&self) {
        // The error that led here is the one to report.
        if self.is_marker_new.get() {
            let _ = self
                .context
                .disk
                .remove_file(self.folder.at(&marker_name(self.repository)));
        }
    }

    fn keep(&self) {
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            let keep = match self.neediest(attempt == 0) {
                Ok(keep) => keep,
                Err(error) => return self.cannot_keep(&error),
            };
            if last == Some(keep) {
                return;
            }
            last = Some(keep);
            let written = self.naming(self.folder.at(CURSOR_FILE_NAME), || self.write_cursor(keep));
            if let Err(error) = written {
                return self.cannot_keep(&error);
            }
        }
    }
}

impl Notes<'_> {
    /// Writes a file that may be a new name in the folder. Where the folder is being removed
    /// nothing is left of it, and that is no error: with the folder, its history ends.
    fn naming(
        &self,
        at: At<'_>,
        write: impl FnOnce() -> Result<(), ManifestError>,
    ) -> Result<(), ManifestError> {
        let is_alive = || self.folder.is_in_place().unwrap_or(true) && has_newest(self.log);
        let is_new = !at.exists()?;
        if is_new {
            wait_out_close(self.log, self.context);
            if !is_alive() {
                return Ok(());
            }
        }
        match write() {
            Err(ManifestError::Io(error)) if error.is_not_found() => return Ok(()),
            written => written?,
        }
        if is_new && !is_alive() {
            // What is left goes with the folder, or is found by whoever opens the database next.
            let _ = self.context.disk.remove_file(at);
        }
        Ok(())
    }

    fn write_cursor(&self, keep: LogPosition) -> Result<(), ManifestError> {
        let present = read_cursor(self.folder).ok().flatten();
        let unknown = present.as_ref().map(|present| present.unknown.clone());
        let unknown = unknown.unwrap_or_default();
        let cursor = cursor_at(keep, self.backed_up_epoch, self.now, &unknown);
        if present.is_some_and(|present| says_the_same(&present, &cursor)) {
            return Ok(());
        }
        write_cursor(self.context.disk, self.folder, self.mode, &cursor)
    }

    /// The start of the first log file that a repository needs.
    fn neediest(&self, is_told: bool) -> Result<LogPosition, ManifestError> {
        let mut keep = self.kept_from(self.end);
        for (repository, marker) in read_markers(self.folder)? {
            let Some(slot) = marker.newest().filter(|_| repository != self.repository) else {
                continue;
            };
            let Some(end) = slot.evidence.end else {
                continue;
            };
            if end.generation() != keep.generation()
                || self.is_given_up(repository, slot, end, is_told)
            {
                continue;
            }
            keep = keep.min(self.kept_from(end));
        }
        Ok(keep)
    }

    fn kept_from(&self, end: LogPosition) -> LogPosition {
        self.log.map_or(end, |log| kept_from(log, end))
    }

    /// Whether another repository holds log back no longer, which is said once.
    fn is_given_up(
        &self,
        repository: RepositoryId,
        slot: &Slot,
        end: LogPosition,
        is_told: bool,
    ) -> bool {
        let age = self.now.get().saturating_sub(slot.written_at.get());
        let age = Duration::from_millis(age);
        let kept = self.kept_from(end);
        let files = self.log.iter().flat_map(|log| log.files());
        let held = files.filter(|file| file.start() >= kept);
        let held_bytes: u64 = held.map(|file| file.bytes().len() as u64).sum();
        let limit = self.image_bytes.max(MARKER_LOG_BYTES);
        let why = if age > MARKER_AGE {
            let days = age.as_secs() / (24 * 60 * 60);
            format!("was last backed up to {days} days ago")
        } else if held_bytes > limit {
            format!("needs {held_bytes} bytes of log")
        } else {
            return false;
        };
        if !is_told {
            return true;
        }
        self.context.monitor.warn(&format!(
            "another repository of this database, {repository}, {why}: the log is not kept for it \
             any more, and its next backup may be a full one"
        ));
        true
    }

    fn cannot_keep(&self, error: &ManifestError) {
        self.context.monitor.warn(&format!(
            "the engine may remove log that is not captured: {}",
            WithCauses(error)
        ));
    }
}

/// Waits for a moment after a checkpoint of generation 1. A close is one, and has the names of the
/// files that it removes: a new one it would find in its way.
pub(crate) fn wait_out_close(log: Option<&LogFolder>, context: Context<'_>) {
    let Some(recorded) = log.and_then(|log| log.newest_checkpoint().ok().flatten()) else {
        return;
    };
    let is_young = || {
        let age = context
            .clock
            .now()
            .get()
            .checked_sub(recorded.written_at.get());
        age.is_some_and(|age| Duration::from_millis(age) < HELD)
    };
    while is_young() && pause(context).is_ok() {}
}

/// Whether the newest log file has a name, and so the folder is not being removed.
pub(crate) fn has_newest(log: Option<&LogFolder>) -> bool {
    let newest = log.and_then(|log| log.files().last());
    let has_name = |file: &File| file.metadata().is_ok_and(|found| found.nlink() > 0);
    newest.is_none_or(|newest| has_name(newest.file()))
}

/// Whether a cursor keeps the same log, in the same form.
fn says_the_same(present: &Cursor, cursor: &Cursor) -> bool {
    (present.keep, present.is_wide) == (cursor.keep, cursor.is_wide)
        && present.backed_up_epoch == cursor.backed_up_epoch
        && !matches!(present.keep, Keep::FromLsn(None))
}

/// The folder, by its number and its birth, where the file system tells both.
pub(crate) fn stamp_of(folder: &Folder) -> Option<FolderStamp> {
    let handle = File::from(folder.as_fd().try_clone_to_owned().ok()?);
    let found = handle.metadata().ok()?;
    let created = found.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(FolderStamp {
        inode: found.ino(),
        created_ns: i64::try_from(created.as_nanos()).ok()?,
    })
}

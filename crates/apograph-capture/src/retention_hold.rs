//! Log that is kept for a chain that begins.
//!
//! Where no cursor lies in the log folder, each checkpoint of an engine removes the log that is
//! older than its image. A backup that begins a chain reads the log first and leaves its cursor
//! last. A checkpoint in between would take the log away in which the chain ends, and the next
//! backup could not go on from there. So a cursor that keeps every log file lies there before the
//! log is read.
//!
//! A backup that fails takes it away again. Of one that is killed it stays, as the cursor of a last
//! backup does: the engine keeps its log until the next one.

use apograph_format::{Epoch, UnixMillis};
use apograph_io::{Context, Disk, Folder, Mode};
use apograph_manifest::{CURSOR_FILE_NAME, Cursor, Unknown, read_cursor, write_cursor};
use apograph_wal::LogFolder;

use crate::cursor::cursor_at;
use crate::log_notes::{has_newest, wait_out_close};

/// A cursor that keeps all of a log, until the one of a backup is in its place.
pub(crate) struct RetentionHold<'a> {
    disk: &'a dyn Disk,
    folder: Folder,
    /// Its own cursor; none once another one took its place.
    cursor: Option<Cursor>,
}

impl<'a> RetentionHold<'a> {
    /// Keeps a log that has no cursor. `None` where that is not possible, which the backup tells
    /// when it leaves its own.
    pub(crate) fn begin(
        log: &LogFolder,
        mode: Mode,
        now: UnixMillis,
        context: Context<'a>,
    ) -> Option<Self> {
        let first = log.files().first()?.start();
        wait_out_close(Some(log), context);
        if !has_newest(Some(log)) {
            return None;
        }
        let cursor = cursor_at(first, Epoch::default(), now, &Unknown::new());
        write_cursor(context.disk, log.folder(), mode, &cursor).ok()?;
        let hold = Self {
            disk: context.disk,
            folder: log.folder().clone(),
            cursor: Some(cursor),
        };
        // In the way of an engine that closes the database it is taken back at once.
        has_newest(Some(log)).then_some(hold)
    }

    /// The backup is done, and its own cursor keeps what has to be kept.
    pub(crate) fn hand_over(mut self) {
        self.cursor = None;
    }
}

impl Drop for RetentionHold<'_> {
    fn drop(&mut self) {
        let Some(cursor) = &self.cursor else {
            return;
        };
        // An engine may have taken a backup of its own meanwhile, or have closed the database.
        let present = read_cursor(&self.folder);
        if present.is_ok_and(|present| present.as_ref() == Some(cursor)) {
            // What led here is told already, and a cursor that stays does no harm.
            let _ = self.disk.remove_file(self.folder.at(CURSOR_FILE_NAME));
        }
    }
}

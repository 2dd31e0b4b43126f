//! Images, and the ends of a process.

use super::layout::Head;
use super::log::Log;
use super::{Engine, Keep, v1, v2};
use crate::bytes::{PAGE_BYTES, put};

impl Engine {
    fn new_image(&mut self) -> (Head, Vec<u8>) {
        let process = *self.open();
        let head = Head {
            iteration: self.head.iteration + 1,
            epoch: process.epoch,
            transaction: process.transaction,
            written_at: self.tick(),
        };
        let log_start = self.log.end();
        let state = self.truth.live().clone();
        (
            head,
            self.layout.image(&self.database, head, log_start, &state),
        )
    }

    /// A checkpoint, with what the cursor asks to keep.
    pub(crate) fn checkpoint(&mut self, keep: Keep) {
        self.open();
        self.flush();
        if self.is_first_generation() || self.log.has_frames() {
            self.begin_file();
        }
        let (head, image) = self.new_image();
        self.database = image;
        self.head = head;
        self.log_start = self.log.end();
        if self.is_first_generation() {
            let sequence = self.log.newest_start();
            self.meta = Some((sequence, v1::checkpoint_record(head, sequence)));
            let before = match keep {
                Keep::Nothing => sequence,
                Keep::Everything => 0,
                Keep::Behind(file) => sequence.min(file + 1),
            };
            self.log.remove_before(before, |file| file.start + 1);
        } else {
            let before = match keep {
                Keep::Nothing => self.log_start,
                Keep::Everything => 0,
                Keep::Behind(lsn) => self.log_start.min(lsn),
            };
            self.log.remove_before(before, v2::end);
        }
        self.goes_on &= !self.is_without_cursor && !self.is_rotated;
        self.truth.note_checkpoint();
    }

    /// The process dies when the image of a checkpoint is complete. (Generation 2: and before a
    /// slot names it.)
    pub(crate) fn crash_in_checkpoint(&mut self) {
        self.open();
        self.flush();
        if self.is_first_generation() {
            // So that the log has nothing between `checkpoint.meta` and the image. Where it has,
            // the processes in it cannot be told apart.
            self.checkpoint(Keep::Everything);
            self.begin_file();
            let (head, image) = self.new_image();
            // It is installed from the front.
            put(&mut self.database, 0, &image[..4 * PAGE_BYTES]);
            self.installing = Some(image);
            self.head = head;
            self.goes_on &= !self.is_without_cursor;
            self.truth.note_checkpoint();
        } else {
            let (_, image) = self.new_image();
            put(&mut self.database, 3 * PAGE_BYTES, &image[3 * PAGE_BYTES..]);
        }
        self.crash(0);
    }

    /// The database is closed.
    pub(crate) fn close(&mut self, keep: Keep) {
        if self.process.is_none() {
            return;
        }
        self.checkpoint(keep);
        self.process = None;
        self.was_closed = true;
        if !self.is_first_generation() && keep != Keep::Nothing {
            return;
        }
        self.has_folder = false;
        self.goes_on = false;
        self.log = Log::at(self.log_start);
        self.meta = None;
    }

    /// The process dies, and bytes of the newest log file with it.
    pub(crate) fn crash(&mut self, lost_bytes: u8) {
        if self.process.take().is_none() {
            return;
        }
        self.unfinished = None;
        self.pending = None;
        let cut = self.log.crash(lost_bytes.into());
        self.is_torn = cut.is_torn;
        let position = (self.log.newest_start(), self.log.newest_len());
        let is_captured = self.captured.is_some_and(|captured| captured > position);
        self.goes_on &= !is_captured;
        self.truth.lose(&cut.lost, cut.without_epoch, is_captured);
    }
}

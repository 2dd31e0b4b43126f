//! What a capture warns of.

use apograph_format::{Checkpoint, Engines, WithCauses};
use apograph_wal::LogTail;

use crate::error::Result;
use crate::increment::CapturedTail;
use crate::job::Job;
use crate::live::Live;

impl Job<'_> {
    /// Says that the log may lie beside another name of a file without one, and what was spilled
    /// too: nothing tells what names those are, and whether an engine that has ended closed the
    /// database.
    pub(crate) fn warn_of_other_names(&self) -> Result<()> {
        let names = self.database.count_of_names()?;
        if names > 1 {
            self.context.monitor.warn(&format!(
                "{} has {names} names, and no log is beside this one: if an engine had it open under \
                 another name, what it committed since its last checkpoint and embeddings that it \
                 moved out of the file may lie there, and are not in this backup",
                self.database.path().display()
            ));
        }
        Ok(())
    }

    /// Says that the engine may show embeddings that no log has: it takes them from a spilled file
    /// also where a crash has cut the commits that they are of.
    pub(crate) fn warn_of_spilled(&self, image: &Checkpoint) -> Result<()> {
        if let Some(file) = self.database.spilled()?.younger_than(image) {
            self.context.monitor.warn(&format!(
                "{} has embeddings in {file} of its spill folder that are younger than its last \
                 checkpoint. This backup has those that the log has; where a crash took commits out \
                 of the log, the engine may show theirs as well: a full backup after the next \
                 checkpoint has what it shows",
                self.database.path().display()
            ));
        }
        Ok(())
    }

    /// Says which captured commits the database does not have any more.
    pub(crate) fn warn_of_lost_log(&self, live: &Live) {
        let last = self.repository.timeline_at_end().point();
        let image = live.headers.checkpoint.epoch;
        self.context.monitor.warn(&format!(
            "the database is at epoch {image} of its image, and commits up to {last} are in the \
             repository: what lies between can be restored, and is not in this backup"
        ));
    }

    /// Says what an older engine's log does not: how many records stand after its last commit,
    /// where that is more than a write in flight, and that some before it may have been rolled
    /// back.
    ///
    /// # Errors
    ///
    /// [`CaptureError::WalDamaged`] where an engine has commits that cannot be reached in its log.
    pub(crate) fn warn_of_log(
        &self,
        engines: Engines,
        tail: &LogTail<'_>,
        captured: &CapturedTail,
    ) -> Result<()> {
        if let Some(damage) = captured.cut_off(tail)? {
            if self.database.is_being_written()? {
                return Err(damage);
            }
            self.context.monitor.warn(&format!(
                "{}; the engine cuts them off when it opens the database, and they are not in this \
                 backup",
                WithCauses(&damage)
            ));
        }
        let has_gaps = captured.state.transactions.ranges().len() > 1;
        if engines.may_commit_rolled_back() && has_gaps && !captured.is_empty() {
            self.context.monitor.warn(
                "some transactions of this process have no commit in the log. Before Grafeo 0.5.42 \
                 no log tells which of them were rolled back: what they wrote belongs to the commit \
                 after them there, also when the engine replays it",
            );
        }
        let (count, what) = match captured.waiting {
            0 => return Ok(()),
            1 => (1, "record"),
            count => (count, "records"),
        };
        if engines.may_log_before_commit() {
            let of_folder = if self.database.is_folder() {
                "; before 0.5.35 no query does, and the close of a folder database commits them"
            } else {
                ""
            };
            self.context.monitor.warn(&format!(
                "{count} {what} at the end of the log belong to no commit, and so to no backup. \
                 Before Grafeo 0.5.44 the direct API and changes of the schema log no commit: the \
                 next query that writes commits them too{of_folder}"
            ));
        }
        Ok(())
    }
}

//! The log after an image: where it begins, how much of it the image holds, and when it stands
//! still.

use std::time::SystemTime;

use apograph_format::{DatabaseHeaders, Generation, LogPosition, Point, Timeline};
use apograph_wal::{
    ImagePlace, LogFolder, LogTail, TimelineState, is_begun_anew, is_untouched, may_lead_to,
};

use crate::error::{CaptureError, Result};
use crate::image_copy::ImageCopy;
use crate::increment::CapturedTail;
use crate::job::Job;
use crate::live::is_of_checkpoint;
use crate::patience::{SETTLE_ATTEMPTS, wait_until_aged};

/// How much an image holds of the log after it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing: it is exactly the state at the start of the log.
    Nothing,
    /// Some of it, maybe.
    Some,
    /// All that was there when the image was written: the log is what a close left that was killed.
    Remains,
}

/// The log after an image, once it stands still.
pub(crate) struct LogAfter {
    pub(crate) log: LogFolder,
    pub(crate) start: LogPosition,
    /// How much of it the image holds.
    pub(crate) held: Held,
    /// Another process than the image's began the log.
    pub(crate) is_reopened: bool,
    /// Its commits, in timelines that are counted from the image on.
    pub(crate) captured: CapturedTail,
}

impl LogAfter {
    /// Whether the image is a point of the timeline that the chain has had so far; `end` is the
    /// timeline at its end.
    ///
    /// In generation 1 a process that went on in a log without a seal may have written the image
    /// before its first epoch: the image then counts from anew, and the chain does not know yet. In
    /// generation 2 epochs that the image has had may have been given out again after it: a chain
    /// that did not begin with this image has them as epochs of the same timeline.
    pub(crate) fn is_in_timeline(&self, end: &TimelineState) -> bool {
        match self.start.generation() {
            Generation::One if end.process_ended && !self.captured.state.process_ended => true,
            Generation::One => end.highest() == self.captured.state.highest(),
            Generation::Two => self.captured.state.timeline == Timeline::FIRST,
        }
    }
}

/// Whether an image holds all of the log there is. In generation 2 the engine has only just opened
/// the database, or the log ended in a crash and was checkpointed. In generation 1 a close was
/// killed that had removed the log file after the image first.
pub(crate) fn begins_after(log: &LogFolder, copy: &ImageCopy<'_>) -> bool {
    let end = log.files().last().map(|file| file.part().end());
    let recorded = log
        .checkpoint()
        .filter(|it| is_of_checkpoint(it, copy.image.checkpoint()));
    let recorded = recorded.map(|it| LogPosition::in_file(it.log_sequence, 0));
    let start = copy.log_start().or(recorded);
    start.is_some_and(|start| end.is_none_or(|end| end < start))
}

/// What is replayed onto an image that holds so much of its log.
pub(crate) fn replayed(log: &LogFolder, start: LogPosition, held: Held) -> Result<LogTail<'_>> {
    if held == Held::Remains {
        return Ok(log.all());
    }
    Ok(log.from(start)?)
}

/// The timeline after an image; whether another process than its began the log.
pub(crate) fn timeline_from(base: Point, is_reopened: bool) -> TimelineState {
    let mut state = TimelineState::at(base);
    if is_reopened {
        state.end_process();
    }
    state
}

impl Job<'_> {
    /// Waits until the log after a copy stands still: no write is in flight, and no commit that
    /// the image may hold is still to be logged. Where the database was closed meanwhile what is
    /// held of the log is all of it, after the image with which it was seen; with another image,
    /// `None`.
    pub(crate) fn log_after(
        &self,
        log: LogFolder,
        copy: &ImageCopy<'_>,
        is_seen: bool,
    ) -> Result<Option<LogAfter>> {
        // An image of generation 2 is exactly the state at a position of the log.
        let is_exact_by_format = copy.log_start().is_some();
        if !is_exact_by_format {
            wait_until_aged(copy.image.checkpoint().written_at, self.context.clock);
        }
        let iteration = copy.image.checkpoint().iteration;
        let mut log = log;
        let mut missing_before = None;
        for attempt in 0.. {
            let refreshed = if is_seen && !log.folder().is_in_place()? {
                Some(log.held()?)
            } else {
                log.refreshed(None)?
            };
            let Some(refreshed) = refreshed else {
                return Ok(None);
            };
            let headers = copy.image.headers();
            let written = self.database.written()?;
            let is_older = self
                .looking
                .is_older_than_image(&refreshed, headers, written)?;
            let ImagePlace { start, is_exact } =
                ImagePlace::find(&refreshed, headers, is_older, self.context.threads)?;
            let held = match is_exact {
                true => Held::Nothing,
                false if is_older => Held::Remains,
                false => Held::Some,
            };
            let tail = replayed(&refreshed, start, held)?;
            if is_older && self.may_be_closing(&refreshed, &tail, headers, written)? {
                return Err(CaptureError::Closing {
                    path: self.database.path().to_owned(),
                });
            }
            let may_be_reopened = is_exact && iteration > 0 && !is_exact_by_format;
            let is_reopened = may_be_reopened && is_begun_anew(&tail, copy.epoch())?;
            let base = Point::new(Timeline::FIRST, copy.epoch());
            let state = timeline_from(base, is_reopened);
            let captured = CapturedTail::read(&tail, start, state, self.context_again(attempt))?;
            drop(tail);
            let missing = if is_exact_by_format {
                Vec::new()
            } else {
                captured.missing_epochs(copy.epoch())
            };
            let is_settled = !captured.is_unsettled
                && (missing.is_empty() || missing_before.as_ref() == Some(&missing));
            if is_settled || attempt >= SETTLE_ATTEMPTS {
                return Ok(Some(LogAfter {
                    log: refreshed,
                    start,
                    held,
                    is_reopened,
                    captured,
                }));
            }
            missing_before = Some(missing);
            log = refreshed;
            self.pause()?;
        }
        Ok(None)
    }

    /// Whether an engine may still be removing a log that does not lead to the image: nothing tells
    /// that from an engine that has opened what such a close left, and committed nothing since.
    fn may_be_closing(
        &self,
        log: &LogFolder,
        tail: &LogTail<'_>,
        headers: &DatabaseHeaders,
        written: Option<SystemTime>,
    ) -> Result<bool> {
        let image = headers.checkpoint.epoch;
        Ok(is_untouched(log, headers, written)
            && self.database.is_being_written()?
            && !may_lead_to(tail, image, self.context.threads)?)
    }
}

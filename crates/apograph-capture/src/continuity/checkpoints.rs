//! Whether an image of generation 1 and a log are of one database still.
//!
//! Nothing in an image names a place of the log. But each checkpoint leaves something there:
//! engines from 0.5.44 on begin a log file, those before log a record. So the checkpoints that an
//! image has had since the newest publish are counted, and those that the log tells of; and an
//! image may hold no epoch that neither the chain nor the log has.

use apograph_format::{Epoch, LogPosition, LogSequence, RangeSet};
use apograph_manifest::{Evidence, LogEvidence};
use apograph_wal::{
    FULL_FILE_BYTES, LogFolder, LogPart, PlacedEvent, PlacedReader, begins_with_seal,
    logged_checkpoints,
};

use super::Search;
use super::proof::Proof;
use crate::chain_break::ChainBreak;
use crate::error::Result;
use crate::live::is_of_checkpoint;

impl Search<'_> {
    /// The image and `checkpoint.meta` are of one checkpoint, or neither has changed; and the image
    /// has had as many checkpoints since as the log tells of.
    pub(super) fn same_checkpoints(
        &self,
        log: &LogFolder,
        evidence: &Evidence,
        seen: &LogEvidence,
        end: LogPosition,
    ) -> Proof {
        let (before, now) = (&evidence.image, &self.live.image);
        let is_same = before == now;
        let recorded = log.checkpoint();
        let is_unchanged = recorded == seen.checkpoint.as_ref();
        if !is_same && now.iteration <= before.iteration {
            return Err(ChainBreak::ImageReplaced {
                before: before.iteration,
                now: now.iteration,
            }
            .into());
        }
        // Between its image and its `checkpoint.meta`, a checkpoint that is under way or was killed
        // has only the log file that it began.
        let is_under_way = is_unchanged && begun_file(log)?.is_some();
        if !(self.is_recorded(log) || is_under_way || is_unchanged && is_same) {
            return Err(ChainBreak::OtherCheckpoint.into());
        }
        let image = now.iteration.saturating_sub(before.iteration);
        let marks = marks_after(log, end)?.saturating_sub(seen.marks);
        // A checkpoint begins a file, installs its image and then writes `checkpoint.meta`. One
        // that was under way at the publish may have begun its file before.
        let begun = files_without_cause(log, seen.newest, LogSequence::new(u64::MAX))?;
        let most = begun.count.saturating_add(marks);
        let most = most.saturating_add(seen.pending);
        let up_to = recorded.map(|recorded| recorded.log_sequence);
        let finished = files_without_cause(log, seen.newest, up_to.unwrap_or_default())?;
        let least = finished.count.saturating_sub(finished.doubtful);
        let least = least.saturating_add(marks);
        // A backup of the engine's own begins a file too.
        let by_engine = self.live.cursor.as_ref().is_some_and(|it| !it.is_wide);
        let least = if by_engine { 0 } else { least };
        if (least..=most).contains(&image) {
            Ok(())
        } else {
            Err(ChainBreak::Checkpoints { image, least, most }.into())
        }
    }

    /// Whether `checkpoint.meta` is of the image.
    fn is_recorded(&self, log: &LogFolder) -> bool {
        let recorded = log.checkpoint();
        recorded.is_some_and(|it| is_of_checkpoint(it, &self.live.headers.checkpoint))
    }

    /// Where the image stands in a tail of the log: at the last checkpoint record; else where the
    /// file begins that its checkpoint began.
    fn image_place(&self, log: &LogFolder, parts: &[LogPart<'_>]) -> Result<LogPosition> {
        let marks = logged_checkpoints(parts)?;
        if let Some(mark) = marks.last().and_then(|mark| mark.place.position(parts)) {
            return Ok(mark);
        }
        let begun = begun_file(log)?.filter(|_| !self.is_recorded(log));
        let begun = begun.map(|sequence| LogPosition::in_file(sequence, 0));
        Ok(begun.unwrap_or_else(|| log.recovery_start(None)))
    }

    /// An image that was written since holds no epoch of its process that neither the chain nor the
    /// log has.
    pub(super) fn image_is_covered(&self, log: &LogFolder, end: LogPosition) -> Proof {
        if self.live.is_compacted {
            return Err(ChainBreak::Compacted.into());
        }
        let tail = log.from(end)?;
        let place = self.image_place(log, &tail.parts)?;
        let mut state = self.timeline();
        let (mut base, mut epochs) = (state.base, state.epochs.clone());
        let mut reader = PlacedReader::new(&tail.parts, &mut state);
        while let Some(event) = reader.next() {
            let PlacedEvent::Group(group, placement) = event? else {
                continue;
            };
            if placement.opens_timeline {
                // The process that wrote the image is the last one before its place.
                if group.start.position(&tail.parts) >= Some(place) {
                    break;
                }
                (base, epochs) = (reader.state().base, RangeSet::new());
            }
            epochs.insert(placement.point.epoch.get());
        }
        let image = self.live.headers.checkpoint.epoch;
        // An image before the base of the log's process is of another one, which counts from anew.
        let base = if image < base { Epoch::default() } else { base };
        let first = base.get().saturating_add(1);
        let missing = epochs.missing_in(first, image.get()).next();
        match missing {
            Some((missing, _)) => Err(ChainBreak::ImageAhead {
                image,
                missing: Epoch::new(missing),
            }
            .into()),
            None => Ok(()),
        }
    }
}

/// Log files that nothing but a checkpoint explains.
#[derive(Default)]
struct Unexplained {
    count: u64,
    /// Of these, those that another thread may have begun after a file that was full.
    doubtful: u64,
    last: Option<LogSequence>,
}

/// The log files after one and up to another that were begun without another cause: a seal begins a
/// file, and so does a group after a file that is full.
fn files_without_cause(
    log: &LogFolder,
    after: LogSequence,
    up_to: LogSequence,
) -> Result<Unexplained> {
    let size = |sequence: Option<LogSequence>| {
        let file = sequence.and_then(|sequence| log.file(sequence));
        file.map_or(0, |file| file.bytes().len())
    };
    let mut found = Unexplained::default();
    for (sequence, file) in log.numbered() {
        let before = sequence.previous();
        if sequence <= after || sequence > up_to {
            continue;
        }
        if size(before) >= FULL_FILE_BYTES || begins_with_seal(file)? {
            continue;
        }
        found.count = found.count.saturating_add(1);
        let second = before.and_then(LogSequence::previous);
        let is_doubtful = size(second) >= FULL_FILE_BYTES;
        found.doubtful = found.doubtful.saturating_add(u64::from(is_doubtful));
        found.last = Some(sequence);
    }
    Ok(found)
}

/// The log file that a checkpoint began which has not written `checkpoint.meta`.
fn begun_file(log: &LogFolder) -> Result<Option<LogSequence>> {
    let recorded = log.checkpoint().map(|recorded| recorded.log_sequence);
    let first = log.numbered().next().map(|(first, _)| first);
    let Some(after) = recorded.or(first) else {
        return Ok(None);
    };
    let begun = files_without_cause(log, after, LogSequence::new(u64::MAX))?;
    Ok(begun.last)
}

/// How many checkpoint records stand after a position.
pub(super) fn marks_after(log: &LogFolder, end: LogPosition) -> Result<u64> {
    let Ok(tail) = log.from(end) else {
        return Ok(0);
    };
    Ok(logged_checkpoints(&tail.parts)?.len() as u64)
}

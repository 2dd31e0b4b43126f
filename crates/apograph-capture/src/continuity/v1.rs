//! Where a chain of generation 1 goes on.
//!
//! A log of generation 1 has no id, no positions and no times, and the engine uses file names,
//! sequence numbers, epochs and, for the same statements, the very bytes again. So what the newest
//! publish wrote down is compared with what is there now (docs/decisions.md, "When does a chain go
//! on?"):
//!
//! 1. **the folder**: the marker's nonce. Only an image that the chain knows, with a log after it
//!    that no backup has seen yet, needs none;
//! 2. **the bytes**: the log file with the last captured byte has the same front, and no file from
//!    the image to the newest is missing, and those before it are as they were captured;
//! 3. **the image against the log**: the image has had as many checkpoints since as the log tells
//!    of, and holds no epoch that neither the chain nor the log has.
//!
//! After a segment that the engine captured nothing of that was written down. There the log itself
//! has to hold all of it, after what the newest publish of ours wrote down.

use apograph_format::{Epoch, LogPosition, LogSequence, RangeSet, log_file_name};
use apograph_io::{Bytes, sums};
use apograph_manifest::{ChainEntry, Evidence, FullOf, LogEvidence, SegmentContent};
use apograph_repository::{IncrementFile, SegmentDefect};
use apograph_wal::{LogFile, LogFolder, LogPart, PlacedEvent, PlacedReader, checkpoint_marks};

use super::proof::Proof;
use super::{ResumePoint, Search, counting, name_of, other_bytes};
use crate::chain_break::ChainBreak;
use crate::error::Result;
use crate::image_place::{FULL_FILE_BYTES, ImagePlace, begins_with_seal};
use crate::live::is_of_checkpoint;
use crate::remains::is_older_than_image;

impl Search<'_> {
    pub(super) fn after_last_v1(&self, log: &LogFolder) -> Proof<ResumePoint> {
        let broken = match counting(self.repository, self.beside, self.last) {
            Ok(evidence) => return Ok(ResumePoint::At(self.follows(log, evidence)?)),
            Err(broken) => broken,
        };
        if let Some(start) = self.begins_at_image(log)? {
            return Ok(ResumePoint::At(start));
        }
        match self.after_engine(log)? {
            Some(end) => Ok(ResumePoint::At(end)),
            None => Err(broken.into()),
        }
    }

    /// The start of a log that no backup has seen yet, after the image of the last full backup.
    fn begins_at_image(&self, log: &LogFolder) -> Result<Option<LogPosition>> {
        let Some(SegmentContent::Full(full)) = &self.last.content else {
            return Ok(None);
        };
        let begins = LogPosition::in_file(LogSequence::default(), 0);
        let is_known = full.log_start().is_none_or(|start| start == begins);
        let is_untouched = is_known && full.image == self.live.image && log.checkpoint().is_none();
        if !is_untouched
            || log
                .files()
                .first()
                .is_none_or(|first| first.start() != begins)
        {
            return Ok(None);
        }
        // Engines that keep their log may have led to the image with it.
        let (headers, written) = (&self.live.headers, self.live.written);
        let is_older = is_older_than_image(log, headers, written, self.repository, self.context)?;
        let place = ImagePlace::find(log, headers, is_older, self.context.threads)?;
        Ok(place.is_exact.then_some(begins))
    }

    /// Where the log goes on from what a publish wrote down.
    fn follows(&self, log: &LogFolder, evidence: &Evidence) -> Proof<LogPosition> {
        let (Some(end), Some(seen)) = (evidence.end, evidence.log) else {
            return Err(ChainBreak::Unmarked.into());
        };
        let (sequence, offset) = file_of(end);
        self.front_is_same(log, &seen, sequence, offset)?;
        let replayed = self.replayed_from(log);
        let first = replayed.map_or(sequence, |it| it.min(sequence));
        reaches(log, first, seen.newest)?;
        let first = LogPosition::in_file(first, 0);
        self.older_are_same(log, first, end, evidence.older_files)?;
        self.same_checkpoints(log, evidence, &seen, end)?;
        if self.live.image != evidence.image {
            self.image_is_covered(log, end)?;
        }
        Ok(end)
    }

    /// The log file from which on an engine replays the log over the image, where that is known. What
    /// lies between it and the end of the chain is captured, and a part of the database all the same.
    fn replayed_from(&self, log: &LogFolder) -> Option<LogSequence> {
        let recorded = log.checkpoint().map(|recorded| recorded.log_sequence);
        let begun = || match self.newest_full()?.of {
            FullOf::One { log_start } => Some(log_start?.sequence),
            FullOf::Two { .. } => None,
        };
        recorded.or_else(begun)
    }

    /// The log file with the last captured byte has the front that it had.
    fn front_is_same(
        &self,
        log: &LogFolder,
        seen: &LogEvidence,
        sequence: LogSequence,
        offset: u64,
    ) -> Proof {
        let Some(captured) = seen.file else {
            return Ok(());
        };
        let Some(file) = log.file(captured.sequence) else {
            // All of it was captured: the engine may have removed it.
            if sequence > captured.sequence {
                return Ok(());
            }
            return Err(missing(captured.sequence).into());
        };
        let (bytes, name) = (file.bytes(), || name_of(file));
        let length = usize::try_from(captured.length).unwrap_or(usize::MAX);
        if length > bytes.len() {
            return Err(ChainBreak::FileShortened { file: name() }.into());
        }
        if sums(bytes.slice(0..length), self.context)?.blake3 != captured.hash {
            let end = file.start().plus(captured.length);
            return Err(other_bytes(file, end, log.recovery_start(None))?.into());
        }
        let is_at_next = sequence > captured.sequence && offset == 0;
        if is_at_next && bytes.len() > length {
            return Err(ChainBreak::FileGrown { file: name() }.into());
        }
        Ok(())
    }

    /// The image and `checkpoint.meta` are of one checkpoint, or neither has changed; and the image
    /// has had as many checkpoints since as the log tells of.
    fn same_checkpoints(
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
        // Between its image and its `checkpoint.meta`, a checkpoint that is under way or was killed has
        // only the log file that it began.
        let is_under_way = is_unchanged && begun_file(log)?.is_some();
        if !(self.is_recorded(log) || is_under_way || is_unchanged && is_same) {
            return Err(ChainBreak::OtherCheckpoint.into());
        }
        let image = now.iteration.saturating_sub(before.iteration);
        let marks = marks_after(log, end)?.saturating_sub(seen.marks);
        // A checkpoint begins a file, installs its image and then writes `checkpoint.meta`. One that
        // was under way at the publish may have begun its file before.
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
        let marks = checkpoint_marks(parts)?;
        if let Some(mark) = marks.last().and_then(|mark| mark.place.position(parts)) {
            return Ok(mark);
        }
        let begun = begun_file(log)?.filter(|_| !self.is_recorded(log));
        let begun = begun.map(|sequence| LogPosition::in_file(sequence, 0));
        Ok(begun.unwrap_or_else(|| log.recovery_start(None)))
    }

    /// An image that was written since holds no epoch of its process that neither the chain nor the
    /// log has.
    fn image_is_covered(&self, log: &LogFolder, end: LogPosition) -> Proof {
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

    /// Where the log goes on after segments of the engine that follow one of ours: each of them
    /// stands, whole, in the log after what our publish wrote down. `None` where there is none of
    /// ours, or something else follows it.
    fn after_engine(&self, log: &LogFolder) -> Proof<Option<LogPosition>> {
        let known = self
            .entries
            .iter()
            .rposition(|entry| counting(self.repository, self.beside, entry).is_ok());
        let Some((ours, theirs)) = known.and_then(|at| self.entries.split_at_checked(at + 1))
        else {
            return Ok(None);
        };
        // One of ours says that it continues, and that it follows no counting publish is doubt.
        let is_of_engine = |entry: &ChainEntry| match &entry.content {
            Some(SegmentContent::Increment(increment)) => !increment.continues,
            _ => false,
        };
        let is_increment = |entry| is_of_engine(entry) && entry.unusable.is_none();
        let (Some(last), true) = (ours.last(), theirs.iter().all(is_increment)) else {
            return Ok(None);
        };
        let Ok(evidence) = counting(self.repository, self.beside, last) else {
            return Ok(None);
        };
        let before = Search {
            entries: ours,
            last,
            ..*self
        };
        let mut end = before.follows(log, evidence)?;
        for entry in theirs {
            let file = match IncrementFile::open(self.repository.file_of(&entry.segment)) {
                Ok(file) => file,
                Err(SegmentDefect::Io(error)) => return Err(error.into()),
                Err(SegmentDefect::Unusable(_)) => return Ok(None),
            };
            match end_of_files(log, file.body(), end)? {
                Some(after) => end = after,
                None => return Ok(None),
            }
        }
        Ok(Some(end))
    }
}

/// No file from one to the newest is missing, and the newest is no older one.
fn reaches(log: &LogFolder, first: LogSequence, newest: LogSequence) -> Proof {
    let start = LogPosition::in_file(first, 0);
    let mut expected = Some(first);
    for file in log.files().iter().filter(|file| file.start() >= start) {
        let (found, _) = file_of(file.start());
        match expected {
            Some(expected) if expected == found => {}
            Some(expected) => return Err(missing(expected).into()),
            None => {}
        }
        expected = found.next();
    }
    match log.files().last() {
        Some(last) if file_of(last.start()).0 < newest => Err(ChainBreak::LogWentBack {
            file: name_of(last),
        }
        .into()),
        Some(last) if last.start() >= start => Ok(()),
        _ => Err(missing(first).into()),
    }
}

fn missing(sequence: LogSequence) -> ChainBreak {
    ChainBreak::FileMissing {
        file: log_file_name(LogPosition::in_file(sequence, 0)),
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
    behind: LogSequence,
    up_to: LogSequence,
) -> Result<Unexplained> {
    let size = |sequence: Option<LogSequence>| {
        let file = sequence.and_then(|sequence| log.file(sequence));
        file.map_or(0, |file| file.bytes().len())
    };
    let mut found = Unexplained::default();
    for file in log.files() {
        let (sequence, _) = file_of(file.start());
        let before = sequence.previous();
        if sequence <= behind || sequence > up_to {
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
    let first = log.files().first().map(|first| file_of(first.start()).0);
    let Some(behind) = recorded.or(first) else {
        return Ok(None);
    };
    let begun = files_without_cause(log, behind, LogSequence::new(u64::MAX))?;
    Ok(begun.last)
}

/// How many checkpoint records stand after a position.
pub(crate) fn marks_after(log: &LogFolder, end: LogPosition) -> Result<u64> {
    let Ok(tail) = log.from(end) else {
        return Ok(0);
    };
    Ok(checkpoint_marks(&tail.parts)?.len() as u64)
}

/// Where a segment of the engine ends in the log: it holds whole log files, the first of which holds
/// the end of the chain so far or begins there.
fn end_of_files(
    log: &LogFolder,
    body: Bytes<'_>,
    from: LogPosition,
) -> Result<Option<LogPosition>> {
    let (sequence, _) = file_of(from);
    let holding = log.files().iter();
    let holding = holding.filter(|file| file_of(file.start()).0 <= sequence);
    // It may begin earlier, with files that the chain holds already.
    for first in holding.rev() {
        if let Some(end) = end_from(log, first, body)?.filter(|end| *end >= from) {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// The end of the log files from one on that a body holds, whole and one behind the other.
fn end_from(log: &LogFolder, first: &LogFile, body: Bytes<'_>) -> Result<Option<LogPosition>> {
    let mut taken = 0;
    let mut expected = Some(file_of(first.start()).0);
    let mut end = first.start();
    for file in log
        .files()
        .iter()
        .filter(|file| file.start() >= first.start())
    {
        if taken == body.len() {
            return Ok(Some(file.start()));
        }
        let (found, _) = file_of(file.start());
        let bytes = file.bytes();
        let behind = taken.saturating_add(bytes.len());
        if Some(found) != expected || behind > body.len() {
            return Ok(None);
        }
        if !body.slice(taken..behind).equal(bytes)? {
            return Ok(None);
        }
        (taken, expected, end) = (behind, found.next(), file.part().end());
    }
    Ok((taken == body.len()).then_some(end))
}

pub(crate) fn file_of(position: LogPosition) -> (LogSequence, u64) {
    match position {
        LogPosition::File(place) => (place.sequence, place.offset),
        LogPosition::Lsn(_) => (LogSequence::default(), 0),
    }
}

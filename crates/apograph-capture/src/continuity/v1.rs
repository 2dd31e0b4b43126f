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
//! The last is told in `checkpoints.rs`; a folder database has no image to compare. After a segment that the engine captured nothing of that
//! was written down: see `after_engine.rs`.

use apograph_format::{FilePosition, LogPosition, LogSequence, log_file_name};
use apograph_io::sums;
use apograph_manifest::{Evidence, FullOf, LogEvidence, SegmentContent};
use apograph_wal::{ImagePlace, LogFolder};

use super::proof::Proof;
use super::{ResumePoint, Search, counting, name_of, other_bytes};
use crate::chain_break::ChainBreak;
use crate::error::Result;
use crate::remains::is_older_than_image;

impl Search<'_> {
    pub(super) fn after_last_v1(&self, log: &LogFolder) -> Proof<ResumePoint> {
        let broken = match counting(self.repository, self.beside, self.last) {
            Ok(evidence) => return Ok(ResumePoint::At(self.follows(log, evidence)?.into())),
            Err(broken) => broken,
        };
        if let Some(start) = self.begins_at_image(log)? {
            return Ok(ResumePoint::At(start));
        }
        match self.after_engine(log)? {
            Some(end) => Ok(ResumePoint::At(end.into())),
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
    pub(super) fn follows(&self, log: &LogFolder, evidence: &Evidence) -> Proof<FilePosition> {
        let (Some(position @ LogPosition::File(end)), Some(seen)) = (evidence.end, evidence.log)
        else {
            return Err(ChainBreak::Unmarked.into());
        };
        self.front_is_same(log, &seen, end)?;
        let replayed = self.replayed_from(log);
        let first = replayed.map_or(end.sequence, |it| it.min(end.sequence));
        reaches(log, first, seen.newest)?;
        let first = LogPosition::in_file(first, 0);
        self.older_are_same(log, first, position, evidence.older_files)?;
        if self.live.is_folder {
            return Ok(end);
        }
        self.same_checkpoints(log, evidence, &seen, position)?;
        if self.live.image != evidence.image {
            self.image_is_covered(log, position)?;
        }
        Ok(end)
    }

    /// The log file from which on an engine replays the log over the image, where that is known.
    /// What lies between it and the end of the chain is captured, and a part of the database all
    /// the same.
    fn replayed_from(&self, log: &LogFolder) -> Option<LogSequence> {
        let recorded = log.checkpoint().map(|recorded| recorded.log_sequence);
        let begun = || match self.newest_full()?.of {
            FullOf::One { log_start } => Some(log_start?.sequence),
            FullOf::Two { .. } => None,
        };
        recorded.or_else(begun)
    }

    /// The log file with the last captured byte has the front that it had.
    fn front_is_same(&self, log: &LogFolder, seen: &LogEvidence, end: FilePosition) -> Proof {
        let Some(captured) = seen.file else {
            return Ok(());
        };
        let Some(file) = log.file(captured.sequence) else {
            // All of it was captured: the engine may have removed it.
            if end.sequence > captured.sequence {
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
        // The chain ends where the next one begins.
        if end.sequence > captured.sequence && bytes.len() > length {
            return Err(ChainBreak::FileGrown { file: name() }.into());
        }
        Ok(())
    }
}

/// No file from one to the newest is missing, and the newest is no older one.
fn reaches(log: &LogFolder, first: LogSequence, newest: LogSequence) -> Proof {
    let mut expected = Some(first);
    for (found, _) in log.numbered().filter(|(number, _)| *number >= first) {
        match expected {
            Some(expected) if expected == found => {}
            Some(expected) => return Err(missing(expected).into()),
            None => {}
        }
        expected = found.next();
    }
    match log.numbered().next_back() {
        Some((last, file)) if last < newest => Err(ChainBreak::LogWentBack {
            file: name_of(file),
        }
        .into()),
        Some((last, _)) if last >= first => Ok(()),
        _ => Err(missing(first).into()),
    }
}

fn missing(sequence: LogSequence) -> ChainBreak {
    ChainBreak::FileMissing {
        file: log_file_name(LogPosition::in_file(sequence, 0)),
    }
}

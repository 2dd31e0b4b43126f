//! The log files that the chain holds, before the one in which it ends.
//!
//! An engine replays them over its image, and writes to none of them any more. So a publish writes
//! down what tells these files from others, and from themselves once they were changed. Where that
//! is not the same any more (they were exchanged, changed, or copied to another place), their bytes
//! are compared with what the segments hold of them.

use apograph_format::{Blake3, LogPosition, UnixMillis};
use apograph_io::Bytes;
use apograph_manifest::{ChainEntry, FileStamp, SegmentContent, Unusable};
use apograph_repository::{IncrementFile, SegmentDefect};
use apograph_wal::{GroupReader, LogEvent, LogFile, LogFolder, LogPart, Runs};

use super::proof::Proof;
use super::{Search, other_bytes};
use crate::chain_break::ChainBreak;
use crate::error::Result;

/// What a publish writes down of the log files before the one that holds the last byte before
/// `end`. A change at `looked_at` or later has to show.
pub(crate) fn older_files_hash(
    log: &LogFolder,
    end: LogPosition,
    looked_at: UnixMillis,
) -> Option<Blake3> {
    let older = older_files(log, end);
    let are_settled = stamps(older).all(|stamp| stamp.is_settled(looked_at));
    are_settled.then(|| FileStamp::hash_of(stamps(older)))
}

fn stamps(files: &[LogFile]) -> impl Iterator<Item = FileStamp> {
    files.iter().map(|file| file.status().into())
}

fn older_files(log: &LogFolder, end: LogPosition) -> &[LogFile] {
    let files = log.files();
    let holding = log.holding(end).map(LogFile::start);
    let count = files.partition_point(|file| Some(file.start()) < holding);
    files.get(..count).unwrap_or_default()
}

impl Search<'_> {
    /// The log files from the one that holds `first` up to the one in which the chain ends are as
    /// they were captured; `seen` is what the newest publish wrote down of them.
    pub(super) fn older_are_same(
        &self,
        log: &LogFolder,
        first: LogPosition,
        end: LogPosition,
        seen: Option<Blake3>,
    ) -> Proof {
        let older = older_files(log, end);
        let begins = older.iter().rposition(|file| file.start() <= first);
        let needed = older.get(begins.unwrap_or_default()..).unwrap_or_default();
        if needed.is_empty() || seen == Some(FileStamp::hash_of(stamps(older))) {
            return Ok(());
        }
        tracing::debug!(files = needed.len(), "comparing captured log files");
        let other = match first {
            LogPosition::File(_) => self.other_run(log, needed, end)?,
            LogPosition::Lsn(_) => self.other_piece(needed)?,
        };
        match other {
            None => Ok(()),
            Some(file) => Err(other_bytes(file, file.part().end(), first)?.into()),
        }
    }

    /// Generation 1: the newest of the files whose frames are not those that the segments end with.
    ///
    /// A segment does not say where in the log it lies. But what the segments after a full backup
    /// hold goes on without a gap, and ends where the chain does.
    fn other_run<'l>(
        &self,
        log: &'l LogFolder,
        older: &'l [LogFile],
        end: LogPosition,
    ) -> Proof<Option<&'l LogFile>> {
        let holding = log.holding(end);
        let parts: Vec<_> = older.iter().chain(holding).map(LogFile::part).collect();
        let parts: Vec<_> = parts.into_iter().map(|part| until(part, end)).collect();
        let mut log_runs = runs_of(&parts)?;
        for entry in self.entries.iter().rev() {
            let Some(SegmentContent::Increment(increment)) = &entry.content else {
                break;
            };
            let increment_file = self.increment(entry)?;
            let captured = increment_file.parts(increment.overlap_bytes);
            for (_, bytes) in runs_of(&captured)?.into_iter().rev() {
                if let Some(part) = other_part(&mut log_runs, bytes)? {
                    let file = older.get(part);
                    // The file in which the chain ends was found to be the one that was captured.
                    return Ok(Some(file.ok_or_else(|| unusable(entry, None))?));
                }
            }
        }
        Ok(None)
    }

    /// Generation 2: one of the files that does not hold the bytes that a segment has of that
    /// place.
    fn other_piece<'l>(&self, older: &'l [LogFile]) -> Proof<Option<&'l LogFile>> {
        let first = older.first().map(LogFile::start);
        for entry in self.entries.iter().rev() {
            let increment = match &entry.content {
                Some(SegmentContent::Increment(increment)) => increment,
                Some(SegmentContent::Full(full)) if full.continues => continue,
                _ => break,
            };
            if increment.end() <= first {
                break;
            }
            let captured = self.increment(entry)?;
            for (index, part) in captured.parts(0).iter().enumerate() {
                let file = older.iter().rfind(|file| file.start() <= part.start());
                // What lies after them is the file in which the chain ends.
                let Some(file) = file.filter(|file| part.start() < file.part().end()) else {
                    continue;
                };
                let headers = file.header().zip(captured.wal_header(index));
                let is_same_file =
                    headers.is_some_and(|(live, known)| live.is_same_segment(&known));
                if !is_same_file || !holds(file, part)? {
                    return Ok(Some(file));
                }
            }
        }
        Ok(None)
    }

    /// The file of an increment.
    pub(super) fn opened(
        &self,
        entry: &ChainEntry,
    ) -> std::result::Result<IncrementFile, SegmentDefect> {
        IncrementFile::of(self.repository.stored(&entry.segment, self.context)?)
    }

    /// An increment, opened.
    pub(super) fn increment(&self, entry: &ChainEntry) -> Proof<IncrementFile> {
        self.opened(entry).map_err(|defect| match defect {
            SegmentDefect::Io(error) => error.into(),
            SegmentDefect::Unusable(reason) => unusable(entry, Some(reason)).into(),
        })
    }
}

fn unusable(entry: &ChainEntry, reason: Option<Unusable>) -> ChainBreak {
    let file = entry.segment.file.clone();
    ChainBreak::Increment { file, reason }
}

/// A part without what stands at a position or after it.
fn until(part: LogPart<'_>, end: LogPosition) -> LogPart<'_> {
    let length = end
        .distance_from(part.start())
        .and_then(|it| usize::try_from(it).ok());
    let bytes = part.bytes.slice(0..length.unwrap_or(usize::MAX));
    LogPart { bytes, ..part }
}

/// What is taken from a log into an increment, in its order: the part it lies in, and the bytes.
fn runs_of<'a>(parts: &[LogPart<'a>]) -> Result<Vec<(usize, Bytes<'a>)>> {
    let mut runs = Runs::default();
    for event in GroupReader::new(parts) {
        match event? {
            LogEvent::Group(group) => group.runs().for_each(|run| runs.push(run)),
            LogEvent::Seal { run }
            | LogEvent::LeadingEpoch { run, .. }
            | LogEvent::SyncMarker { run } => runs.push(run),
        }
    }
    let runs = runs.as_slice().iter();
    Ok(runs.map(|run| (run.part, run.bytes(parts))).collect())
}

/// Compares bytes with those that some runs end with, and takes them off: the part in which they
/// differ. Runs that are shorter are compared as far as they go.
fn other_part(runs: &mut Vec<(usize, Bytes<'_>)>, mut bytes: Bytes<'_>) -> Result<Option<usize>> {
    while !bytes.is_empty()
        && let Some((part, run)) = runs.pop()
    {
        let length = run.len().min(bytes.len());
        if !run.last(length).equal(bytes.last(length))? {
            return Ok(Some(part));
        }
        if length < run.len() {
            runs.push((part, run.slice(0..run.len() - length)));
        }
        bytes = bytes.slice(0..bytes.len() - length);
    }
    Ok(None)
}

/// Whether a log file of generation 2 holds the bytes of a part at the place that the part has.
fn holds(file: &LogFile, part: &LogPart<'_>) -> Result<bool> {
    let frames = file.part();
    let offset = part
        .start()
        .distance_from(frames.start())
        .and_then(|it| usize::try_from(it).ok());
    let Some(offset) = offset else {
        return Ok(false);
    };
    let there = frames.bytes.skip(offset).slice(0..part.bytes.len());
    Ok(there.equal(part.bytes)?)
}

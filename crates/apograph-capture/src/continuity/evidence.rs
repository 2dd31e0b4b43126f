//! What a publish writes down to prove the next time that the log is the same.

use apograph_format::{Blake3, LogPosition, UnixMillis};
use apograph_io::{Context, random, sums};
use apograph_manifest::{
    CapturedFile, Evidence, LogEvidence, Nonce, SegmentRecord, SegmentStamp, TailStamp,
};
use apograph_wal::LogFolder;

use super::PROOF_BYTES;
use super::checkpoints::marks_after;
use super::older_files::older_files_hash;
use crate::error::Result;
use crate::live::Moment;

/// The evidence of a publish whose last segment is `last`, with the end of the chain in the
/// database's log, where it has one. All that is captured of that was looked at after `looked_at`.
pub(crate) fn evidence_of(
    last: &SegmentRecord,
    end: Option<(Option<&LogFolder>, LogPosition)>,
    moment: &Moment,
    looked_at: UnixMillis,
    context: Context<'_>,
) -> Result<Evidence> {
    let log = end.and_then(|(log, position)| Some((log?, position)));
    let older_files = log.and_then(|(log, end)| older_files_hash(log, end, looked_at));
    let tail = log.map(|(log, end)| tail_stamp(log, end, context));
    let log = match (log, moment.newest) {
        (Some((log, position)), Some(newest)) => Some(LogEvidence {
            file: captured_file(log, position, context)?,
            checkpoint: moment.recorded,
            newest,
            pending: moment.pending,
            marks: marks_after(log, position)?,
            is_older: moment.is_older,
        }),
        _ => None,
    };
    Ok(Evidence {
        nonce: Nonce::new(random()?),
        segment: SegmentStamp {
            file: last.segment.file.clone(),
            hash: last.hash,
        },
        end: end.map(|(_, position)| position),
        image: moment.image,
        older_files,
        tail: tail.transpose()?.flatten(),
        log,
        folder: None,
    })
}

/// The last bytes before a position of a log of generation 2.
pub(super) fn tail_stamp(
    log: &LogFolder,
    end: LogPosition,
    context: Context<'_>,
) -> Result<Option<TailStamp>> {
    let Some((header, file)) = log
        .holding(end)
        .and_then(|file| Some((file.header()?, file)))
    else {
        return Ok(None);
    };
    let frames = file.part().bytes;
    let captured = end.distance_from(file.start());
    let captured = captured.and_then(|bytes| usize::try_from(bytes).ok());
    let Some(captured) = captured.filter(|length| *length <= frames.len()) else {
        return Ok(None);
    };
    let tail = frames.slice(0..captured).last(captured.min(PROOF_BYTES));
    context.monitor.go_on()?;
    let mut hashed = header.bytes().to_vec();
    hashed.extend_from_slice(&tail.read()?);
    Ok(Some(TailStamp {
        length: tail.len() as u64,
        hash: Blake3::of(&hashed),
    }))
}

/// The log file of generation 1 that holds the last byte before a position.
fn captured_file(
    log: &LogFolder,
    end: LogPosition,
    context: Context<'_>,
) -> Result<Option<CapturedFile>> {
    let holding = log.holding(end);
    let Some((sequence, file)) = holding.and_then(|file| Some((file.sequence()?, file))) else {
        return Ok(None);
    };
    let bytes = file.bytes();
    let captured = end.distance_from(file.start());
    let captured = captured.and_then(|bytes| usize::try_from(bytes).ok());
    let length = captured.map_or(bytes.len(), |captured| captured.min(bytes.len()));
    Ok(Some(CapturedFile {
        sequence,
        length: length as u64,
        hash: sums(bytes.slice(0..length), context)?.blake3,
    }))
}

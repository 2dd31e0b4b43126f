//! A log as the runs of bytes it is stored in.

use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Generation, LogPosition, LogSequence, Lsn};
use apograph_io::Bytes;

/// A run of log bytes: a log file, the rest of one, or what a segment has of one.
///
/// A log is a slice of parts in reading order, all of one generation. In generation 1 nothing is
/// said to lie between two of them; in generation 2 each begins at the LSN at which the one before
/// it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPart<'a> {
    /// Where in the log its first byte stands. In a segment of generation 1, in file 0.
    pub start: LogPosition,
    /// Where `bytes` begin in their file.
    pub file_offset: u64,
    /// The bytes: frames alone. They are in memory, or in a file that is read by the piece.
    pub bytes: Bytes<'a>,
    /// Generation 1: how many ends of log files lie inside, at unknown places. The engine's
    /// segments are log files one behind the other; a log file and a segment of ours have none.
    pub file_boundaries: u64,
    /// Generation 2: whether the records in it are encrypted.
    pub is_encrypted: bool,
    /// Generation 2: whether it must end with a whole group, also as the last part of a log.
    pub is_sealed: bool,
}

impl<'a> LogPart<'a> {
    /// A log file of generation 1, or the rest of one from `file_offset` on.
    pub fn of_file(sequence: LogSequence, file_offset: u64, bytes: impl Into<Bytes<'a>>) -> Self {
        Self {
            start: LogPosition::in_file(sequence, file_offset),
            file_offset,
            bytes: bytes.into(),
            file_boundaries: 0,
            is_encrypted: false,
            is_sealed: false,
        }
    }

    /// A log file of generation 2: the frames after its header.
    pub fn of_segment(header: &WalSegmentHeader, frames: impl Into<Bytes<'a>>) -> Self {
        Self {
            start: LogPosition::Lsn(header.first_lsn),
            file_offset: WAL_SEGMENT_HEADER_BYTES as u64,
            bytes: frames.into(),
            file_boundaries: 0,
            is_encrypted: header.is_encrypted,
            is_sealed: false,
        }
    }

    /// The same without its first bytes; empty where it has fewer.
    #[must_use]
    pub fn skipping(self, skipped: u64) -> Self {
        let start = usize::try_from(skipped)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        Self {
            start: self.position(start),
            file_offset: self.file_offset.saturating_add(start as u64),
            bytes: self.bytes.skip(start),
            ..self
        }
    }

    /// The generation of the log.
    pub const fn generation(&self) -> Generation {
        self.start.generation()
    }

    /// The position of a byte of this part in the log.
    pub const fn position(&self, offset: usize) -> LogPosition {
        self.start.plus(offset as u64)
    }

    /// The position after its last byte.
    pub const fn end(&self) -> LogPosition {
        self.position(self.bytes.len())
    }

    pub(crate) const fn lsn_at(&self, offset: usize) -> Option<Lsn> {
        match self.position(offset) {
            LogPosition::Lsn(lsn) => Some(lsn),
            LogPosition::File { .. } => None,
        }
    }
}

/// A place in a log: a part, and an offset in its bytes.
///
/// Places of one log are ordered as the log is. The end of a part and the start of the next one
/// are two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The index of the part.
    pub part: usize,
    /// The offset in its bytes.
    pub offset: usize,
}

impl Place {
    /// The position in the log.
    pub fn position(self, parts: &[LogPart<'_>]) -> Option<LogPosition> {
        parts.get(self.part).map(|part| part.position(self.offset))
    }

    pub(crate) const fn plus(self, bytes: usize) -> Self {
        Self {
            part: self.part,
            offset: self.offset.saturating_add(bytes),
        }
    }

    pub(crate) fn plus_u64(self, bytes: u64) -> Self {
        self.plus(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

/// A run of bytes inside of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The index of the part.
    pub part: usize,
    /// The first byte, as an offset in the part.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Run {
    /// How many bytes the run has.
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether the run has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the run.
    pub fn bytes<'a>(&self, parts: &[LogPart<'a>]) -> Bytes<'a> {
        let part = parts.get(self.part);
        part.map_or(Bytes::EMPTY, |part| part.bytes.slice(self.start..self.end))
    }

    pub(crate) const fn start(&self) -> Place {
        Place {
            part: self.part,
            offset: self.start,
        }
    }
}

/// Runs in log order, where neighbours are joined: what a copy of some groups consists of.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    runs: Vec<Run>,
    bytes: u64,
}

impl Runs {
    /// Adds a run after the last one.
    pub fn push(&mut self, run: Run) {
        if run.is_empty() {
            return;
        }
        self.bytes = self.bytes.saturating_add(run.len() as u64);
        match self.runs.last_mut() {
            Some(last) if last.part == run.part && last.end == run.start => last.end = run.end,
            _ => self.runs.push(run),
        }
    }

    /// The runs.
    pub fn as_slice(&self) -> &[Run] {
        &self.runs
    }

    /// The sum of their lengths in bytes.
    pub const fn total_bytes(&self) -> u64 {
        self.bytes
    }
}

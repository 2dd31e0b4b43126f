//! A log as the runs of bytes it is stored in.

use apograph_format::{LogPosition, LogSequence};

/// A run of log bytes: a log file, the rest of one, or the body of a segment.
///
/// A log is a slice of parts in reading order; nothing is said to lie between two of them.
#[derive(Debug, Clone, Copy)]
pub struct LogPart<'a> {
    /// The number of the log file. In the body of a segment, 0.
    pub sequence: LogSequence,
    /// Where `bytes` begin in their file.
    pub file_offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
    /// How many ends of log files lie inside, at unknown places. The engine's segments are log
    /// files one behind the other; a log file and a segment of ours have none.
    pub joints: u64,
}

impl<'a> LogPart<'a> {
    /// A log file, or the rest of one from `file_offset` on.
    pub const fn of_file(sequence: LogSequence, file_offset: u64, bytes: &'a [u8]) -> Self {
        Self {
            sequence,
            file_offset,
            bytes,
            joints: 0,
        }
    }

    /// The position of a byte of this part in its file.
    pub fn position(&self, offset: usize) -> LogPosition {
        LogPosition::in_file(
            self.sequence,
            self.file_offset.saturating_add(offset as u64),
        )
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
    /// The position in the log's files.
    pub fn position(self, parts: &[LogPart<'_>]) -> Option<LogPosition> {
        parts.get(self.part).map(|part| part.position(self.offset))
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
    pub fn bytes<'a>(&self, parts: &[LogPart<'a>]) -> &'a [u8] {
        parts
            .get(self.part)
            .and_then(|part| part.bytes.get(self.start..self.end))
            .unwrap_or_default()
    }
}

/// Runs in log order, where neighbours are joined: what a copy of some groups consists of.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    runs: Vec<Run>,
    bytes: u64,
}

impl Runs {
    /// Adds a run behind the last one.
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

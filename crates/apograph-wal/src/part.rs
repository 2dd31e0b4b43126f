//! A log as the runs of bytes it is stored in.

use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{
    FilePosition, Generation, LogPosition, LogSequence, Lsn, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use apograph_io::Bytes;

/// A run of log bytes: a log file, the rest of one, or what a segment has of one.
///
/// A log is a slice of parts in reading order, all of one generation. In generation 1 nothing is
/// said to lie between two of them; in generation 2 each begins at the LSN at which the one before
/// it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPart<'a> {
    /// Where in the log it lies, and what is said of it there.
    pub of: PartOf,
    /// Where `bytes` begin in their file.
    pub file_offset: u64,
    /// The bytes: frames alone. They are in memory, or in a file that is read by the piece.
    pub bytes: Bytes<'a>,
}

/// Where in a log of its generation a part lies, and what is said of it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartOf {
    /// Generation 1.
    One {
        /// Where in the log its first byte stands. In a segment, in file 0.
        start: FilePosition,
        /// How many ends of log files lie inside, at unknown places. The engine's segments are log
        /// files one after the other; a log file and a segment of ours have none.
        file_boundaries: u64,
    },
    /// Generation 2.
    Two {
        /// Where in the log its first byte stands.
        start: Lsn,
        /// Whether the records in it are encrypted.
        is_encrypted: bool,
        /// Whether it must end with a whole group, also as the last part of a log.
        is_sealed: bool,
    },
}

impl PartOf {
    /// The position of a byte that stands so many bytes after the first.
    const fn position(&self, bytes: u64) -> LogPosition {
        match self {
            Self::One { start, .. } => LogPosition::File(start.plus(bytes)),
            Self::Two { start, .. } => LogPosition::Lsn(start.plus(bytes)),
        }
    }

    /// The same for a part that begins so many bytes further on.
    const fn skipping(self, bytes: u64) -> Self {
        match self {
            Self::One {
                start,
                file_boundaries,
            } => Self::One {
                start: start.plus(bytes),
                file_boundaries,
            },
            Self::Two {
                start,
                is_encrypted,
                is_sealed,
            } => Self::Two {
                start: start.plus(bytes),
                is_encrypted,
                is_sealed,
            },
        }
    }
}

impl<'a> LogPart<'a> {
    /// A log file of generation 1, or the rest of one from `file_offset` on.
    pub fn of_file(sequence: LogSequence, file_offset: u64, bytes: impl Into<Bytes<'a>>) -> Self {
        Self {
            of: PartOf::One {
                start: FilePosition {
                    sequence,
                    offset: file_offset,
                },
                file_boundaries: 0,
            },
            file_offset,
            bytes: bytes.into(),
        }
    }

    /// The frames in a segment of generation 1, which stand after its header.
    pub fn of_body(header: &SegmentHeader, frames: impl Into<Bytes<'a>>) -> Self {
        Self {
            of: PartOf::One {
                start: FilePosition::default(),
                file_boundaries: header.file_boundaries(),
            },
            file_offset: SEGMENT_HEADER_BYTES as u64,
            bytes: frames.into(),
        }
    }

    /// A log file of generation 2: the frames after its header.
    pub fn of_segment(header: &WalSegmentHeader, frames: impl Into<Bytes<'a>>) -> Self {
        Self {
            of: PartOf::Two {
                start: header.first_lsn,
                is_encrypted: header.is_encrypted,
                is_sealed: false,
            },
            file_offset: WAL_SEGMENT_HEADER_BYTES as u64,
            bytes: frames.into(),
        }
    }

    /// A piece of a log file in a segment of generation 2, whose frames begin at `file_offset`. It
    /// ends with a whole group.
    pub fn of_piece(
        header: &WalSegmentHeader,
        file_offset: u64,
        frames: impl Into<Bytes<'a>>,
    ) -> Self {
        Self {
            of: PartOf::Two {
                start: header.first_lsn,
                is_encrypted: header.is_encrypted,
                is_sealed: true,
            },
            file_offset,
            bytes: frames.into(),
        }
    }

    /// The same without its first bytes; empty where it has fewer.
    #[must_use]
    pub fn skipping(self, skipped: u64) -> Self {
        let start = usize::try_from(skipped)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        Self {
            of: self.of.skipping(start as u64),
            file_offset: self.file_offset.saturating_add(start as u64),
            bytes: self.bytes.skip(start),
        }
    }

    /// The generation of the log.
    pub const fn generation(&self) -> Generation {
        match self.of {
            PartOf::One { .. } => Generation::One,
            PartOf::Two { .. } => Generation::Two,
        }
    }

    /// The position of its first byte in the log.
    pub const fn start(&self) -> LogPosition {
        self.of.position(0)
    }

    /// The position of a byte of this part in the log.
    pub const fn position(&self, offset: usize) -> LogPosition {
        self.of.position(offset as u64)
    }

    /// The position after its last byte.
    pub const fn end(&self) -> LogPosition {
        self.position(self.bytes.len())
    }

    /// Where a byte of a part of generation 2 stands.
    pub(crate) const fn lsn_at(&self, offset: usize) -> Option<Lsn> {
        self.position(offset).lsn()
    }

    /// Whether the engine's seals may stand anywhere in it.
    pub(crate) const fn may_hold_seals(&self) -> bool {
        matches!(self.of, PartOf::One { file_boundaries, .. } if file_boundaries > 0)
    }

    pub(crate) const fn is_encrypted(&self) -> bool {
        matches!(
            self.of,
            PartOf::Two {
                is_encrypted: true,
                ..
            }
        )
    }

    pub(crate) const fn is_sealed(&self) -> bool {
        matches!(
            self.of,
            PartOf::Two {
                is_sealed: true,
                ..
            }
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

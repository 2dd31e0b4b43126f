//! Reading a log of either generation on the caller's own thread.

use apograph_format::Generation;
use apograph_io::Result;

use crate::group::{LogEnd, LogEvent};
use crate::part::{LogPart, Place};
use crate::{v1, v2};

/// Reads a log group by group, as its generation does it: that of its first part.
#[derive(Debug)]
pub(crate) enum SequentialReader<'a> {
    One(v1::reader::Reader<'a>),
    Two(v2::reader::Reader<'a>),
}

impl<'a> SequentialReader<'a> {
    /// A reader at the end of a group, or at the start of the log.
    pub(crate) fn from(parts: &'a [LogPart<'a>], place: Place) -> Self {
        let generation = parts.first().map_or(Generation::One, LogPart::generation);
        match generation {
            Generation::One => Self::One(v1::reader::Reader::from(parts, place)),
            Generation::Two => Self::Two(v2::reader::Reader::from(parts, place)),
        }
    }

    /// After the last event.
    pub(crate) const fn place(&self) -> Place {
        match self {
            Self::One(reader) => reader.place(),
            Self::Two(reader) => reader.place(),
        }
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub(crate) const fn end(&self) -> Option<LogEnd> {
        match self {
            Self::One(reader) => reader.end(),
            Self::Two(reader) => reader.end(),
        }
    }
}

impl<'a> Iterator for SequentialReader<'a> {
    type Item = Result<LogEvent<'a>>;

    fn next(&mut self) -> Option<Result<LogEvent<'a>>> {
        match self {
            Self::One(reader) => reader.next(),
            Self::Two(reader) => reader.next(),
        }
    }
}

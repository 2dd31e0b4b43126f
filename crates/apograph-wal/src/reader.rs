//! Reading a log, group by group.

use apograph_format::Generation;
use apograph_io::{IoError, Result};

use crate::ahead::Ahead;
use crate::group::{LogEnd, LogEvent};
use crate::part::{LogPart, Place};

/// Reads a log from its start, group by group, checking every frame.
///
/// The log is of the generation of its first part. [`read_ahead`](crate::read_ahead) gives one
/// whose frames are checked on several threads, which are there as long as `'s`. Where the log cannot be read on, the error is the
/// last that it gives, and no [`end`](GroupReader::end) is known.
#[derive(Debug)]
pub struct GroupReader<'a, 's>(Source<'a, 's>);

#[derive(Debug)]
enum Source<'a, 's> {
    One(crate::v1::reader::Reader<'a>),
    Two(crate::v2::reader::Reader<'a>),
    Ahead(Ahead<'a, 's>),
}

impl<'a, 's> GroupReader<'a, 's> {
    /// A reader at the start of the log.
    pub fn new(parts: &'a [LogPart<'a>]) -> Self {
        Self::from(parts, Place::default())
    }

    /// A reader at the end of a group, or at the start of the log.
    pub(crate) fn from(parts: &'a [LogPart<'a>], place: Place) -> Self {
        let generation = parts.first().map_or(Generation::One, LogPart::generation);
        Self(match generation {
            Generation::One => Source::One(crate::v1::reader::Reader::from(parts, place)),
            Generation::Two => Source::Two(crate::v2::reader::Reader::from(parts, place)),
        })
    }

    pub(crate) const fn of(ahead: Ahead<'a, 's>) -> Self {
        Self(Source::Ahead(ahead))
    }

    /// After the last event.
    pub(crate) const fn place(&self) -> Place {
        match &self.0 {
            Source::One(reader) => reader.place(),
            Source::Two(reader) => reader.place(),
            Source::Ahead(ahead) => ahead.place(),
        }
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub const fn end(&self) -> Option<LogEnd> {
        match &self.0 {
            Source::One(reader) => reader.end(),
            Source::Two(reader) => reader.end(),
            Source::Ahead(ahead) => ahead.end(),
        }
    }

    /// Reads the rest of the log and tells where it ends.
    ///
    /// # Errors
    ///
    /// As [`apograph_io::Bytes::read`].
    pub fn finish(self) -> Result<Option<LogEnd>> {
        self.finish_seeing(|_| Ok(()))
    }

    /// The same, while whoever sees the events lets it go on.
    ///
    /// # Errors
    ///
    /// As [`GroupReader::finish`], and that of `see`.
    pub fn finish_seeing<E: From<IoError>>(
        mut self,
        mut see: impl FnMut(LogEvent<'a>) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<LogEnd>, E> {
        for event in self.by_ref() {
            see(event?)?;
        }
        Ok(self.end())
    }
}

impl<'a> Iterator for GroupReader<'a, '_> {
    type Item = Result<LogEvent<'a>>;

    fn next(&mut self) -> Option<Result<LogEvent<'a>>> {
        match &mut self.0 {
            Source::One(reader) => reader.next(),
            Source::Two(reader) => reader.next(),
            Source::Ahead(ahead) => ahead.next(),
        }
    }
}

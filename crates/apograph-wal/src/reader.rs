//! Reading a log, group by group.

use std::num::NonZero;

use apograph_io::{IoError, Result, Threads};

use crate::ahead::{Ahead, CHUNK_BYTES, LONG_CHUNK_BYTES, read_ahead_in};
use crate::group::{LogEnd, LogEvent};
use crate::part::{LogPart, Place};
use crate::sequential::SequentialReader;

/// Reads a log from its start, group by group, checking every frame.
///
/// The log is of the generation of its first part. [`read_ahead`] gives one whose frames are
/// checked on several threads, which are there as long as `'s`. Where the log cannot be read on,
/// the error is the last that it gives, and no [`end`](GroupReader::end) is known.
#[derive(Debug)]
pub struct GroupReader<'a, 's>(Source<'a, 's>);

#[derive(Debug)]
enum Source<'a, 's> {
    Sequential(SequentialReader<'a>),
    Ahead(Ahead<'a, 's>),
}

impl<'a, 's> GroupReader<'a, 's> {
    /// A reader at the start of the log.
    pub fn new(parts: &'a [LogPart<'a>]) -> Self {
        Self::from(parts, Place::default())
    }

    /// A reader at a place at which a group begins ([`next_group`](crate::next_group)).
    pub fn from(parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self(Source::Sequential(SequentialReader::from(parts, place)))
    }

    const fn of(ahead: Ahead<'a, 's>) -> Self {
        Self(Source::Ahead(ahead))
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub const fn end(&self) -> Option<LogEnd> {
        match &self.0 {
            Source::Sequential(reader) => reader.end(),
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
            Source::Sequential(reader) => reader.next(),
            Source::Ahead(ahead) => ahead.next(),
        }
    }
}

/// Reads a log group by group, where threads check frames ahead of the caller.
///
/// `read` gets a reader that is like [`GroupReader::new`] in all it says. Memory is bounded by the
/// number of threads, some MiB for each; it does not grow with the log.
pub fn read_ahead<'a, R>(
    parts: &'a [LogPart<'a>],
    threads: &Threads,
    read: impl FnOnce(GroupReader<'a, '_>) -> R,
) -> R {
    let bytes = parts.iter().map(|part| part.bytes.len());
    let bytes = bytes.fold(0, usize::saturating_add);
    if bytes <= CHUNK_BYTES.get() || threads.is_alone() {
        return read(GroupReader::new(parts));
    }
    read_ahead_in(parts, threads, CHUNK_BYTES..=LONG_CHUNK_BYTES, |ahead| {
        read(GroupReader::of(ahead))
    })
}

/// The same in chunks of another length than those which were found to be fast, however short
/// the log is.
pub fn read_chunks<'a, R>(
    parts: &'a [LogPart<'a>],
    threads: &Threads,
    chunk_bytes: NonZero<usize>,
    read: impl FnOnce(GroupReader<'a, '_>) -> R,
) -> R {
    read_ahead_in(parts, threads, chunk_bytes..=chunk_bytes, |ahead| {
        read(GroupReader::of(ahead))
    })
}

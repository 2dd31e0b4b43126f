//! Reading a log on several threads.
//!
//! Where a frame begins, only the frame before it tells for certain; but what the end of a group
//! looks like is known, and so one can be looked for from anywhere in a log. So the log is cut into
//! *chunks*. A thread looks for the first group that begins in a chunk, and reads on from
//! there, as any log is read, until a group ends at or after the end of the chunk. Whoever asked
//! gets the events of the chunks in the order of the log.
//!
//! What looks like a group need not be one. A chunk counts only if it was read from the very
//! place at which what comes before it ends, to its own end, with nothing but sound groups. Any
//! other is read again, from that place on, as if nothing had been read ahead: what a defect is,
//! and what stands after it, is told in one place alone.

mod chunks;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::ops::RangeInclusive;

use apograph_io::{Result, Threads};

use self::chunks::Chunks;
use crate::group::{LogEnd, LogEvent};
use crate::part::{LogPart, Place};
use crate::sequential::SequentialReader;

/// The fewest bytes of a chunk: they and the events of small groups stay in a core's own cache.
pub(crate) const CHUNK_BYTES: NonZero<usize> = NonZero::new(256 << 10).expect("not zero");
/// The most: what is searched for the first group, and what is read by two threads where one chunk
/// ends and the next begins, is little of it.
pub(crate) const LONG_CHUNK_BYTES: NonZero<usize> = NonZero::new(2 << 20).expect("not zero");
/// How many chunks for each thread are read and not yet asked for, at most.
const CHUNKS_PER_THREAD: usize = 3;

/// Lets `read` have the events of a log, which is read ahead in chunks of such lengths.
pub(crate) fn read_ahead_in<'a, R>(
    parts: &'a [LogPart<'a>],
    threads: &Threads,
    lengths: RangeInclusive<NonZero<usize>>,
    read: impl FnOnce(Ahead<'a, '_>) -> R,
) -> R {
    let most = threads.get().saturating_mul(CHUNKS_PER_THREAD);
    threads.scope(|tasks| {
        let chunks = Chunks::new(parts, lengths, most, tasks);
        read(Ahead::of(chunks))
    })
}

/// The events of a log that is read ahead.
#[derive(Debug)]
pub(crate) struct Ahead<'a, 's> {
    chunks: Chunks<'a, 's>,
    /// Those of a chunk, and how many of them were given out.
    events: Vec<LogEvent<'a>>,
    given: usize,
    /// After what was read so far.
    place: Place,
    /// Reads what could not be used, up to a place, or to the end of the log.
    again: Option<(Box<SequentialReader<'a>>, Option<Place>)>,
}

impl<'a, 's> Ahead<'a, 's> {
    fn of(chunks: Chunks<'a, 's>) -> Self {
        Self {
            chunks,
            events: Vec::new(),
            given: 0,
            place: Place::default(),
            again: None,
        }
    }

    pub(crate) const fn end(&self) -> Option<LogEnd> {
        match &self.again {
            Some((reader, _)) => reader.end(),
            None => None,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Result<LogEvent<'a>>> {
        loop {
            if let Some(event) = self.events.get(self.given) {
                self.given = self.given.saturating_add(1);
                return Some(Ok(*event));
            }
            if let Some((reader, limit)) = &mut self.again {
                self.place = reader.place();
                if reader.end().is_some() || limit.is_none_or(|limit| self.place < limit) {
                    return reader.next();
                }
                self.again = None;
            }
            self.go_on();
        }
    }

    /// Takes the next chunk.
    fn go_on(&mut self) {
        self.given = 0;
        let used = std::mem::take(&mut self.events);
        let Some(chunk) = self.chunks.take(used) else {
            self.read_again(None);
            return;
        };
        if self.place >= chunk.limit {
            return;
        }
        match chunk.sound {
            Some(sound) if sound.start == self.chunks.normal(self.place) => {
                self.place = sound.end;
                self.events = sound.events;
            }
            _ => self.read_again(Some(chunk.limit)),
        }
    }

    fn read_again(&mut self, limit: Option<Place>) {
        let reader = SequentialReader::from(self.chunks.parts(), self.place);
        self.again = Some((Box::new(reader), limit));
    }
}

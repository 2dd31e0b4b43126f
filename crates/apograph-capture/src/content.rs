//! What an increment's file consists of: bytes that are made for it, and runs of the live log.

use apograph_io::{Bytes, Context, DiskFile, IoError};
use apograph_wal::LogTail;

/// A piece of an increment's file.
pub(crate) enum Chunk {
    /// Bytes that are made for it.
    Made(Vec<u8>),
    /// Bytes of the log.
    Log {
        /// The index of the log file in the tail.
        file: usize,
        /// Where they begin in it.
        offset: u64,
        /// How many they are.
        length: u64,
    },
}

/// The pieces of an increment's file, side by side.
pub(crate) struct Content<'a> {
    pub(crate) tail: &'a LogTail<'a>,
    /// Each with where it begins.
    chunks: Vec<(usize, Chunk)>,
    /// How many bytes they have.
    pub(crate) length: usize,
}

impl<'a> Content<'a> {
    /// None so far; `tail` is the log.
    pub(crate) const fn of(tail: &'a LogTail<'a>) -> Self {
        Self {
            tail,
            chunks: Vec::new(),
            length: 0,
        }
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        let start = self.length;
        self.length = start.saturating_add(self.bytes(&chunk).len());
        self.chunks.push((start, chunk));
    }

    /// Writes all of it, by copies of the log.
    pub(crate) fn write(
        &self,
        file: &mut dyn DiskFile,
        context: Context<'_>,
    ) -> Result<(), IoError> {
        for (_, chunk) in &self.chunks {
            match chunk {
                Chunk::Made(bytes) => file.write(bytes)?,
                Chunk::Log {
                    file: index,
                    offset,
                    length,
                } => {
                    if let Some(source) = self.tail.files.get(*index) {
                        file.copy(source.file(), *offset, *length, context)?;
                    }
                    context.monitor.advance(*length);
                }
            }
        }
        Ok(())
    }

    /// Whether bytes are the ones from an offset on.
    pub(crate) fn is_at(&self, offset: usize, bytes: &[u8]) -> Result<bool, IoError> {
        let first = self.chunks.partition_point(|(start, _)| *start <= offset);
        let first = first.saturating_sub(1);
        let (mut offset, mut rest) = (offset, bytes);
        for (start, chunk) in self.chunks.get(first..).unwrap_or_default() {
            let expected = self.bytes(chunk).skip(offset.saturating_sub(*start));
            let (here, after) = rest.split_at(rest.len().min(expected.len()));
            if !expected.slice(0..here.len()).equal(here.into())? {
                return Ok(false);
            }
            offset = offset.saturating_add(here.len());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        Ok(rest.is_empty())
    }

    fn bytes<'b>(&'b self, chunk: &'b Chunk) -> Bytes<'b> {
        let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        match chunk {
            Chunk::Made(bytes) => bytes.into(),
            Chunk::Log {
                file,
                offset,
                length,
            } => {
                let file = self.tail.files.get(*file);
                file.map_or(Bytes::EMPTY, |file| {
                    let end = place(offset.saturating_add(*length));
                    file.bytes().slice(place(*offset)..end)
                })
            }
        }
    }
}

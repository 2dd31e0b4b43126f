//! Unwrapping from the front to the back, of bytes that come as a stream.

use std::io::Read;

use apograph_io::Context;

use crate::error::{Result, WrapError};
use crate::frame::{PACKED_MAX_BYTES, Unpacker, packed_length};
use crate::in_order::in_order;
use crate::spare::Spare;
use crate::trailer::{
    FOOTER_BYTES, FRONT_BYTES, FrameSize, decode_record, decode_table, record_length, table_bytes,
};

/// So much is read of the stream at a time.
const READ_BYTES: usize = 256 << 10;

/// Unwraps a segment by the threads of a context, hands its plain bytes on in order, and returns its
/// record. The seek table has to agree with the frames, and nothing stands behind it.
///
/// A thread holds a frame twice, packed and plain, and so do two that wait.
///
/// # Errors
///
/// [`WrapError::Damaged`], and nothing of a damaged frame is handed on; [`WrapError::Read`]; that of
/// `each`, which is [`WrapError::Write`] where it writes; [`WrapError::Io`] where the caller ends it.
pub fn unwrap(
    wrapped: impl Read,
    context: Context<'_>,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<Vec<u8>> {
    let mut stream = Stream::of(wrapped);
    let mut frames = Vec::new();
    let (unpackers, buffers) = (Spare::new(), Spare::new());
    let buffer = || buffers.take().unwrap_or_default();
    in_order(
        context.threads,
        || {
            context.monitor.go_on()?;
            stream.next_frame(buffer())
        },
        |(offset, packed): (u64, Vec<u8>)| -> Result<_> {
            let mut unpacker = unpackers.take().map_or_else(Unpacker::new, Ok)?;
            let mut plain = buffer();
            unpacker.unpack(&packed, offset, &mut plain)?;
            unpackers.give(unpacker);
            Ok((packed, plain))
        },
        |(packed, plain)| {
            let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            frames.push(FrameSize {
                packed: size(&packed),
                plain: size(&plain),
            });
            context.monitor.advance(plain.len() as u64);
            each(&plain)?;
            buffers.give(packed);
            buffers.give(plain);
            Ok(())
        },
    )?;
    stream.trailer(&frames)
}

/// Bytes that come from the front to the back, of which some are at hand.
struct Stream<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where in all of them the buffer begins.
    offset: u64,
    is_at_end: bool,
}

impl<R: Read> Stream<R> {
    const fn of(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            offset: 0,
            is_at_end: false,
        }
    }

    /// Reads on until so many bytes are at hand, or all that there are.
    fn fill(&mut self, least: usize) -> Result<()> {
        while self.buffer.len() < least && !self.is_at_end {
            let before = self.buffer.len();
            let want = READ_BYTES as u64;
            let read = self
                .reader
                .by_ref()
                .take(want)
                .read_to_end(&mut self.buffer);
            read.map_err(WrapError::Read)?;
            self.is_at_end = self.buffer.len() == before;
        }
        Ok(())
    }

    /// Takes bytes from the front, into a buffer.
    fn take(&mut self, length: usize, mut into: Vec<u8>) -> Vec<u8> {
        into.clear();
        into.extend(self.buffer.drain(..length.min(self.buffer.len())));
        self.offset += length as u64;
        into
    }

    /// The next frame, in a buffer, with where it begins; `None` where the record does.
    fn next_frame(&mut self, buffer: Vec<u8>) -> Result<Option<(u64, Vec<u8>)>> {
        self.fill(FRONT_BYTES)?;
        if record_length(&self.buffer).is_some() {
            return Ok(None);
        }
        loop {
            if let Some(length) = packed_length(&self.buffer) {
                let offset = self.offset;
                return Ok(Some((offset, self.take(length, buffer))));
            }
            let before = self.buffer.len();
            if before > PACKED_MAX_BYTES {
                return Err(WrapError::damaged(self.offset, "no frame of zstd"));
            }
            self.fill(before + READ_BYTES)?;
            if self.buffer.len() == before {
                return Err(WrapError::damaged(self.offset, "it ends within a frame"));
            }
        }
    }

    /// Reads what stands behind the frames; returns the record.
    fn trailer(mut self, frames: &[FrameSize]) -> Result<Vec<u8>> {
        let damaged = WrapError::damaged;
        let length = record_length(&self.buffer).unwrap_or(0);
        self.fill(length)?;
        let at = self.offset;
        let record = decode_record(&self.take(length, Vec::new()), at)?.to_vec();
        let longest = FRONT_BYTES + (frames.len() + 1) * 8 + FOOTER_BYTES;
        self.fill(longest + 1)?;
        let (offset, table) = (self.offset, self.buffer);
        let end = offset + table.len() as u64;
        let footer = table.last_chunk::<FOOTER_BYTES>();
        let footer = footer.ok_or_else(|| damaged(offset, "it ends within the seek table"))?;
        if table_bytes(footer, end)? != table.len() {
            return Err(damaged(offset, "a seek table of another length"));
        }
        let (found, of_record) = decode_table(&table, offset)?;
        if found != frames || of_record != length {
            return Err(damaged(offset, "a seek table of other frames"));
        }
        Ok(record)
    }
}

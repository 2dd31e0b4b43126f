//! A wrapped segment of which a part is read.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use crate::error::{Result, WrapError};
use crate::frame::Unpacker;
use crate::trailer::{FOOTER_BYTES, FrameSize, decode_record, decode_table, table_bytes};

/// A wrapped segment that is read from any place: its record, and ranges of its plain bytes.
#[derive(Debug)]
pub struct WrappedFile<R> {
    reader: R,
    record: Vec<u8>,
    frames: Vec<FrameAt>,
    plain_bytes: u64,
    /// The frame that was unpacked last.
    last: Option<(usize, Vec<u8>)>,
}

/// Where a frame is.
#[derive(Debug, Clone, Copy)]
struct FrameAt {
    packed: u64,
    plain: u64,
    size: FrameSize,
}

impl<R: Read + Seek> WrappedFile<R> {
    /// Reads the seek table and the record, at the end of the wrapped bytes.
    ///
    /// # Errors
    ///
    /// [`WrapError::Damaged`] and [`WrapError::Read`].
    pub fn open(mut reader: R) -> Result<Self> {
        let end = reader.seek(SeekFrom::End(0)).map_err(WrapError::Read)?;
        let damaged = |detail| WrapError::damaged(0, detail);
        let back = |length: u64| {
            let start = end.checked_sub(length);
            start.ok_or_else(|| damaged("it is shorter than its seek table"))
        };
        let footer = read_at(&mut reader, back(FOOTER_BYTES as u64)?..end)?;
        let table_at = back(table_bytes(&footer, end)? as u64)?;
        let table = read_at(&mut reader, table_at..end)?;
        let (sizes, record_bytes) = decode_table(&table, table_at)?;
        let (mut frames, mut packed, mut plain) = (Vec::with_capacity(sizes.len()), 0, 0);
        for size in sizes {
            frames.push(FrameAt {
                packed,
                plain,
                size,
            });
            packed += u64::from(size.packed);
            plain += u64::from(size.plain);
        }
        if packed + record_bytes as u64 != table_at {
            return Err(WrapError::damaged(table_at, "a seek table of other frames"));
        }
        let frame = read_at(&mut reader, packed..table_at)?;
        let record = decode_record(&frame, packed)?.to_vec();
        Ok(Self {
            reader,
            record,
            frames,
            plain_bytes: plain,
            last: None,
        })
    }

    /// The record of the segment.
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// How many plain bytes there are.
    pub const fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    /// Some plain bytes, as far as they are there: the frames that have them are unpacked.
    ///
    /// # Errors
    ///
    /// [`WrapError::Damaged`] and [`WrapError::Read`].
    pub fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>> {
        let end = range.end.min(self.plain_bytes);
        let mut read = Vec::new();
        let mut at = range.start;
        while at < end {
            let index = self.frames.partition_point(|frame| frame.plain <= at) - 1;
            let start = self.frames.get(index).map_or(0, |frame| frame.plain);
            let plain = self.frame(index)?;
            let place = |offset: u64| usize::try_from(offset - start).unwrap_or(usize::MAX);
            let until = plain.len().min(place(end));
            let found = plain.get(place(at)..until).unwrap_or_default();
            read.extend_from_slice(found);
            at += found.len() as u64;
        }
        Ok(read)
    }

    fn frame(&mut self, index: usize) -> Result<&[u8]> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != index) {
            let frame = self.frames[index];
            let end = frame.packed + u64::from(frame.size.packed);
            let packed = read_at(&mut self.reader, frame.packed..end)?;
            let mut plain = Vec::new();
            Unpacker::new()?.unpack(&packed, frame.packed, &mut plain)?;
            if plain.len() != frame.size.plain as usize {
                let detail = "a frame of another length than the seek table says";
                return Err(WrapError::damaged(frame.packed, detail));
            }
            self.last = Some((index, plain));
        }
        Ok(self.last.as_ref().map_or(&[], |(_, plain)| plain))
    }
}

fn read_at(reader: &mut (impl Read + Seek), range: Range<u64>) -> Result<Vec<u8>> {
    reader
        .seek(SeekFrom::Start(range.start))
        .map_err(WrapError::Read)?;
    let length = range.end - range.start;
    let mut bytes = Vec::new();
    let read = reader.by_ref().take(length).read_to_end(&mut bytes);
    read.map_err(WrapError::Read)?;
    if bytes.len() as u64 != length {
        return Err(WrapError::damaged(range.end, "it ends before this"));
    }
    Ok(bytes)
}

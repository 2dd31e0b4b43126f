//! What stands behind the frames: the record of the segment, and the seek table.
//!
//! Both are skippable frames (RFC 8878, section 3.1.2), which `zstd -d` passes over. The seek table
//! is that of the [seekable format], in which the record is one more frame, without content.
//!
//! ```text
//! record   magic 0x184D2A50 u32 | length u32 | "APORECD1" | its CRC-32 u32 | the record
//! table    magic 0x184D2A5E u32 | length u32 | (packed u32 | plain u32) for each frame
//!          | frames u32 | 0 u8 | 0x8F92EAB1 u32
//! ```
//!
//! Numbers are little-endian.
//!
//! [seekable format]: https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md

use apograph_format::Crc32;

use crate::error::{Result, WrapError};
use crate::frame::{FRAME_BYTES, PACKED_MAX_BYTES};

const RECORD_MAGIC: u32 = 0x184D_2A50;
const TABLE_MAGIC: u32 = 0x184D_2A5E;
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
const TAG: &[u8; 8] = b"APORECD1";
/// What stands before the record in its frame.
const RECORD_FRONT_BYTES: usize = TAG.len() + 4;

/// A skippable frame begins with its magic and its length.
pub(crate) const FRONT_BYTES: usize = 8;
/// What stands at the end of the wrapped bytes.
pub(crate) const FOOTER_BYTES: usize = 9;
const ENTRY_BYTES: usize = 8;

/// The most bytes that a record may have.
pub const RECORD_MAX_BYTES: usize = 16 << 20;
/// The most frames that a segment may have: 4 TiB of plain bytes.
const FRAMES_MAX: usize = 1 << 20;

/// How long a frame is, packed and plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameSize {
    pub(crate) packed: u32,
    pub(crate) plain: u32,
}

/// The record and the seek table behind some frames; `None` for a record, or a number of frames, that
/// would not be read.
pub(crate) fn encode(frames: &[FrameSize], record: &[u8]) -> Option<Vec<u8>> {
    if record.len() > RECORD_MAX_BYTES || frames.len() > FRAMES_MAX {
        return None;
    }
    let mut bytes = skippable(RECORD_MAGIC, RECORD_FRONT_BYTES + record.len())?;
    bytes.extend_from_slice(TAG);
    bytes.extend_from_slice(&Crc32::of(record).get().to_le_bytes());
    bytes.extend_from_slice(record);
    let of_record = FrameSize {
        packed: u32::try_from(bytes.len()).ok()?,
        plain: 0,
    };
    let count = frames.len() + 1;
    bytes.extend(skippable(TABLE_MAGIC, count * ENTRY_BYTES + FOOTER_BYTES)?);
    for frame in frames.iter().chain([&of_record]) {
        bytes.extend_from_slice(&frame.packed.to_le_bytes());
        bytes.extend_from_slice(&frame.plain.to_le_bytes());
    }
    bytes.extend_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&SEEKABLE_MAGIC.to_le_bytes());
    Some(bytes)
}

fn skippable(magic: u32, length: usize) -> Option<Vec<u8>> {
    let length = u32::try_from(length).ok()?;
    Some([magic.to_le_bytes(), length.to_le_bytes()].concat())
}

/// How long the seek table is that ends with a footer: how many bytes before the end of the wrapped
/// bytes it begins.
pub(crate) fn table_bytes(footer: &[u8], end: u64) -> Result<usize> {
    let damaged =
        |detail: &str| WrapError::damaged(end.saturating_sub(FOOTER_BYTES as u64), detail);
    let (count, rest) = split_u32(footer).ok_or_else(|| damaged("no seek table"))?;
    match rest {
        [0, magic @ ..] if *magic == SEEKABLE_MAGIC.to_le_bytes() => {}
        [_, magic @ ..] if *magic == SEEKABLE_MAGIC.to_le_bytes() => {
            return Err(damaged("a seek table of another kind"));
        }
        _ => return Err(damaged("no seek table")),
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > FRAMES_MAX + 1 {
        return Err(damaged("a seek table of too many frames"));
    }
    Ok(FRONT_BYTES + count * ENTRY_BYTES + FOOTER_BYTES)
}

/// Reads a whole seek table, which begins at an offset: the sizes of the frames, and how long the
/// record behind them is.
pub(crate) fn decode_table(table: &[u8], offset: u64) -> Result<(Vec<FrameSize>, usize)> {
    let damaged = |detail: &str| WrapError::damaged(offset, detail);
    let end = offset.saturating_add(table.len() as u64);
    let footer = table.split_last_chunk::<FOOTER_BYTES>();
    let (rest, footer) = footer.ok_or_else(|| damaged("no seek table"))?;
    if table_bytes(footer, end)? != table.len() {
        return Err(damaged("a seek table of another length"));
    }
    let entries = content(rest, TABLE_MAGIC, table.len() - FRONT_BYTES);
    let entries = entries.ok_or_else(|| damaged("no seek table"))?;
    let mut frames = Vec::with_capacity(entries.len() / ENTRY_BYTES);
    for entry in entries.chunks_exact(ENTRY_BYTES) {
        let (packed, plain) = split_u32(entry).ok_or_else(|| damaged("no entry"))?;
        let (plain, _) = split_u32(plain).ok_or_else(|| damaged("no entry"))?;
        frames.push(FrameSize { packed, plain });
    }
    let record = frames.pop().filter(|record| record.plain == 0);
    let record = record.ok_or_else(|| damaged("a seek table without a record"))?;
    let is_possible = |frame: &FrameSize| {
        frame.plain as usize <= FRAME_BYTES && frame.packed as usize <= PACKED_MAX_BYTES
    };
    let record = record.packed as usize;
    let least = FRONT_BYTES + RECORD_FRONT_BYTES;
    if !frames.iter().all(is_possible) || !(least..=least + RECORD_MAX_BYTES).contains(&record) {
        return Err(damaged("a seek table with a frame that cannot be"));
    }
    Ok((frames, record))
}

/// The record in its frame, which begins at an offset.
pub(crate) fn decode_record(frame: &[u8], offset: u64) -> Result<&[u8]> {
    let length = frame.len().saturating_sub(FRONT_BYTES);
    let content = content(frame, RECORD_MAGIC, length);
    let record = content.and_then(|content| split_u32(content.strip_prefix(TAG)?));
    match record {
        None => Err(WrapError::damaged(offset, "no record")),
        Some((crc32, record)) if crc32 == Crc32::of(record).get() => Ok(record),
        Some(_) => Err(WrapError::damaged(offset, "a record with another checksum")),
    }
}

/// The content of a skippable frame that is `length` bytes long, as far as it is there.
fn content(frame: &[u8], magic: u32, length: usize) -> Option<&[u8]> {
    let (found, rest) = split_u32(frame)?;
    let (said, content) = split_u32(rest)?;
    (found == magic && usize::try_from(said).ok()? == length).then_some(content)
}

/// How long the skippable frame of the record is, by its front; `None` where that is no record.
pub(crate) fn record_length(front: &[u8]) -> Option<usize> {
    let (magic, rest) = split_u32(front)?;
    let (length, _) = split_u32(rest)?;
    let length = usize::try_from(length).ok()?;
    let is_record = magic == RECORD_MAGIC && length <= RECORD_FRONT_BYTES + RECORD_MAX_BYTES;
    is_record.then_some(FRONT_BYTES + length)
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (front, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*front), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [FrameSize; 2] = [
        FrameSize {
            packed: 1000,
            plain: 4 << 20,
        },
        FrameSize {
            packed: 30,
            plain: 17,
        },
    ];

    #[test]
    fn a_trailer_is_read_from_its_end() {
        let trailer = encode(&FRAMES, b"a record").expect("encoded");
        let table_at = trailer.len() - table_bytes(&trailer[trailer.len() - 9..], 0).expect("long");
        let (frames, record) = decode_table(&trailer[table_at..], 0).expect("a table");
        assert_eq!((&frames[..], record), (&FRAMES[..], table_at));
        assert_eq!(record_length(&trailer), Some(table_at));
        let record = decode_record(&trailer[..table_at], 0).expect("a record");
        assert_eq!(record, b"a record");
    }

    #[test]
    fn a_table_is_laid_out_as_the_seekable_format_has_it() {
        let trailer = encode(&FRAMES, b"").expect("encoded");
        let expected = [
            &[0x50, 0x2A, 0x4D, 0x18, 12, 0, 0, 0][..],
            b"APORECD1",
            &[0; 4],
            &[0x5E, 0x2A, 0x4D, 0x18, 33, 0, 0, 0],
            &[0xE8, 3, 0, 0, 0, 0, 0x40, 0],
            &[30, 0, 0, 0, 17, 0, 0, 0],
            &[20, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 0],
            &[0xB1, 0xEA, 0x92, 0x8F],
        ];
        assert_eq!(trailer, expected.concat());
    }

    #[test]
    fn a_table_with_any_byte_of_its_frame_changed_is_refused_or_another_one() {
        let trailer = encode(&FRAMES, b"").expect("encoded");
        let table = &trailer[20..];
        for place in 0..table.len() {
            let mut damaged = table.to_vec();
            damaged[place] ^= 0x80;
            match decode_table(&damaged, 0) {
                Err(_) => {}
                Ok((frames, record)) => assert_ne!((&frames[..], record), (&FRAMES[..], 20)),
            }
        }
        for length in 0..table.len() {
            decode_table(&table[..length], 0).expect_err("cut");
        }
    }

    #[test]
    fn what_would_not_be_read_is_not_written() {
        assert_eq!(encode(&[], &vec![0; RECORD_MAX_BYTES + 1]), None);
        assert_eq!(encode(&vec![FRAMES[0]; FRAMES_MAX + 1], b""), None);
    }
}

//! The directory of a database file of generation 2 (FORMAT.md, "Directory block").
//!
//! A chain of blocks, of which the active slot names the first:
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 4 | magic `GDIR` |
//! | 4 | 4 | N, the number of entries |
//! | 8 | 16 | pointer to the next block: offset (8), length (4), CRC-32 (4); length 0 at the end |
//! | 24 | 8 | reserved |
//! | 32 | 48 N | entries |
//!
//! A copy takes every chunk for bytes with a checksum. It asks neither whether it knows the
//! section, which a newer engine may have added, nor whether the entries of one section agree.
//!
//! A directory cannot make its reader work for more than the file is worth: no page is used twice,
//! so that blocks, entries and what is kept of them are bounded by the pages of the file, and a
//! chain that comes back to a block ends there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::bytes::{u8_at, u32_at, u64_at};
use crate::crc32::Crc32;
use crate::database_headers::{DATABASE_HEADERS_BYTES, PAGE_BYTES};
use crate::error::{FormatError, Result};
use crate::extent::{Extent, ExtentContent};
use crate::v2::database::{BlockPointer, Slot};

const BLOCK_MAGIC: [u8; 4] = *b"GDIR";
const BLOCK_MAX_BYTES: usize = 64 * 1024;
const COUNT_OFFSET: usize = 4;
const NEXT_OFFSET: usize = COUNT_OFFSET + 4;
const RESERVED_OFFSET: usize = NEXT_OFFSET + BlockPointer::BYTES;
const ENTRIES_OFFSET: usize = RESERVED_OFFSET + 8;
const _: () = assert!(ENTRIES_OFFSET == 32);

const ENTRY_BYTES: usize = 48;
const ENTRY_TYPE_OFFSET: usize = 0;
const ENTRY_OFFSET_OFFSET: usize = 24;
const ENTRY_LENGTH_OFFSET: usize = 32;
const ENTRY_CHECKSUM_OFFSET: usize = 40;
const ENTRY_FLAGS_OFFSET: usize = 44;
const _: () = assert!(ENTRY_FLAGS_OFFSET + 4 == ENTRY_BYTES);

const INCOMPATIBLE_FLAGS: u8 = 0x0f;
const FLAG_SECTION_OPTIONAL: u8 = 1;
const FLAG_CHUNK_OPTIONAL: u8 = 2;

const BLOCK: &str = "directory block";

/// The chunks of the image that a slot names, each inside of the file, in directory order.
///
/// Chunks without bytes are left out. For a file that is not encrypted: the blocks of an encrypted
/// one cannot be read without its key, so its caller must not ask.
///
/// # Errors
///
/// [`FormatError::ChecksumMismatch`] for a block, [`FormatError::TooShort`] where the file ends
/// before a block or a chunk does, [`FormatError::UnsupportedFeature`] for an unknown flag of an
/// entry, [`FormatError::Malformed`] for a directory that contradicts itself.
pub(crate) fn extents<'a, E: From<FormatError>>(
    slot: &Slot,
    file_bytes: u64,
    mut read: impl FnMut(Range<u64>) -> std::result::Result<Cow<'a, [u8]>, E>,
) -> std::result::Result<Vec<Extent>, E> {
    let mut pages = Pages::default();
    let mut extents = Vec::new();
    let mut pointer = slot.root;
    while pointer.length > 0 {
        let malformed = |detail: String| FormatError::Malformed {
            what: BLOCK,
            offset: pointer.offset,
            detail,
        };
        pages
            .claim(pointer.offset, pointer.length.into(), file_bytes)
            .map_err(|refusal| refusal.at(pointer.offset, "block", pointer.offset))?;
        block_bytes(pointer)?;
        let end = pointer.offset.saturating_add(pointer.length.into());
        let bytes = read(pointer.offset..end)?;
        let block = block(pointer, &bytes, file_bytes)?;
        let entries = block.get(ENTRIES_OFFSET..).unwrap_or_default();
        for entry in entries.chunks_exact(ENTRY_BYTES) {
            let flags = u8_at(entry, ENTRY_FLAGS_OFFSET).unwrap_or_default();
            let unknown =
                flags & INCOMPATIBLE_FLAGS & !FLAG_SECTION_OPTIONAL & !FLAG_CHUNK_OPTIONAL;
            if unknown != 0 {
                return Err(FormatError::UnsupportedFeature {
                    what: BLOCK,
                    detail: format!("an entry with the flags {unknown:#04x}"),
                }
                .into());
            }
            let extent =
                chunk(entry).ok_or_else(|| malformed("an entry that cannot be read".to_owned()))?;
            if extent.length > 0 {
                pages
                    .claim(extent.offset, extent.length, file_bytes)
                    .map_err(|refusal| refusal.at(pointer.offset, extent.content, extent.offset))?;
                extents.push(extent);
            }
        }
        pointer = BlockPointer::decode(block, NEXT_OFFSET)
            .ok_or_else(|| malformed("no pointer to the next block".to_owned()))?;
    }
    Ok(extents)
}

/// The length of a block, which has room for whole entries.
fn block_bytes(pointer: BlockPointer) -> Result<usize> {
    let shape = || FormatError::Malformed {
        what: BLOCK,
        offset: pointer.offset,
        detail: format!("a length of {} bytes", pointer.length),
    };
    let block_bytes = usize::try_from(pointer.length).map_err(|_| shape())?;
    let entries_bytes = block_bytes.checked_sub(ENTRIES_OFFSET).ok_or_else(shape)?;
    if block_bytes > BLOCK_MAX_BYTES || !entries_bytes.is_multiple_of(ENTRY_BYTES) {
        return Err(shape());
    }
    Ok(block_bytes)
}

/// The bytes of a block, compared with the pointer to it.
fn block(pointer: BlockPointer, bytes: &[u8], file_bytes: u64) -> Result<&[u8]> {
    let malformed = |detail: String| FormatError::Malformed {
        what: BLOCK,
        offset: pointer.offset,
        detail,
    };
    let block_bytes = block_bytes(pointer)?;
    let block = bytes.get(..block_bytes).ok_or(FormatError::TooShort {
        what: "database file",
        need: pointer.offset.saturating_add(pointer.length.into()),
        have: file_bytes,
    })?;
    let found = Crc32::of(block);
    if found != pointer.checksum {
        return Err(FormatError::ChecksumMismatch {
            what: BLOCK,
            offset: pointer.offset,
            expected: pointer.checksum,
            found,
        });
    }
    if block.first_chunk() != Some(&BLOCK_MAGIC) {
        return Err(malformed("not its magic number".to_owned()));
    }
    let count = u32_at(block, COUNT_OFFSET).unwrap_or_default();
    let entries_bytes = block_bytes.saturating_sub(ENTRIES_OFFSET);
    if usize::try_from(count) != Ok(entries_bytes / ENTRY_BYTES) {
        return Err(malformed(format!("{count} entries in {block_bytes} bytes")));
    }
    Ok(block)
}

fn chunk(entry: &[u8]) -> Option<Extent> {
    Some(Extent {
        content: ExtentContent::Chunk(u8_at(entry, ENTRY_TYPE_OFFSET)?),
        offset: u64_at(entry, ENTRY_OFFSET_OFFSET)?,
        length: u64_at(entry, ENTRY_LENGTH_OFFSET)?,
        checksum: Crc32::new(u32_at(entry, ENTRY_CHECKSUM_OFFSET)?),
    })
}

/// Why a run of bytes cannot be where an entry or a pointer says.
enum Refusal {
    /// Not at the start of a page after the headers.
    Misplaced,
    /// On a page that another run has.
    Shared,
    /// Past the end of the file.
    PastEnd { need: u64, have: u64 },
}

impl Refusal {
    fn at(&self, block: u64, content: impl std::fmt::Display, offset: u64) -> FormatError {
        let detail = match *self {
            Self::PastEnd { need, have } => {
                return FormatError::TooShort {
                    what: "database file",
                    need,
                    have,
                };
            }
            Self::Misplaced => format!("a {content} at byte {offset}"),
            Self::Shared => format!("a {content} at byte {offset}, on a page that is in use"),
        };
        FormatError::Malformed {
            what: BLOCK,
            offset: block,
            detail,
        }
    }
}

/// The pages that are in use: the first byte of each run, and the first byte after its last page.
#[derive(Default)]
struct Pages {
    runs: BTreeMap<u64, u64>,
}

impl Pages {
    fn claim(
        &mut self,
        offset: u64,
        length_bytes: u64,
        file_bytes: u64,
    ) -> std::result::Result<(), Refusal> {
        if !offset.is_multiple_of(PAGE_BYTES as u64) || offset < DATABASE_HEADERS_BYTES as u64 {
            return Err(Refusal::Misplaced);
        }
        let past_end = || Refusal::PastEnd {
            need: offset.saturating_add(length_bytes),
            have: file_bytes,
        };
        let end = offset
            .checked_add(length_bytes)
            .filter(|&end| end <= file_bytes)
            .and_then(|end| end.checked_next_multiple_of(PAGE_BYTES as u64))
            .ok_or_else(past_end)?;
        let before = self.runs.range(..end).next_back();
        if before.is_some_and(|(_, &end)| end > offset) {
            return Err(Refusal::Shared);
        }
        self.runs.insert(offset, end);
        Ok(())
    }
}

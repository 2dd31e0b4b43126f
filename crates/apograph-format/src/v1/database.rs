//! The database file of generation 1 (FORMAT.md, "Database file").
//!
//! | offset | size | content |
//! | --- | --- | --- |
//! | 0 | 4096 | file header, bincode, zero padded |
//! | 4096 | 4096 | slot 0, bincode, zero padded |
//! | 8192 | 4096 | slot 1 |
//! | 12288 | 4096 | section directory, or the start of an old snapshot |
//! | 16384 | | sections, each on a page boundary |
//!
//! A checkpoint writes the inactive slot with the iteration of the active one plus 1, so the slot
//! with the higher iteration is active. Its checksum covers the directory page, and the directory
//! has a checksum of each section: together they cover every data byte. Neither the file header
//! nor the slots have a checksum of their own. That is why a live copy reads the slots twice, and
//! why a segment's own checksum in the manifest covers the whole file.

use std::borrow::Cow;
use std::ops::Range;

use crate::bytes::{bincode_prefix, length, u8_at, u32_at, u64_at};
use crate::crc32::Crc32;
use crate::database_headers::{
    self, Checkpoint, DATABASE_HEADERS_BYTES, DATABASE_MAGIC, PAGE_BYTES,
};
use crate::error::{FormatError, Result};
use crate::extent::{Extent, ExtentContent};
use crate::generation::Generation;
use crate::numbers::{Epoch, TransactionId, UnixMillis};

/// The version of the database file that generation 1 writes.
pub const DATABASE_VERSION: u32 = 1;

const SLOT_0_OFFSET: usize = PAGE_BYTES;
const SLOT_1_OFFSET: usize = SLOT_0_OFFSET + PAGE_BYTES;
const DIRECTORY_OFFSET: usize = SLOT_1_OFFSET + PAGE_BYTES;
/// Where the first section of a database file can begin, in bytes.
pub const SECTIONS_OFFSET: usize = DIRECTORY_OFFSET + PAGE_BYTES;
const _: () = assert!(DIRECTORY_OFFSET == DATABASE_HEADERS_BYTES && SECTIONS_OFFSET == 16384);

const ENTRIES_OFFSET: usize = 8;
const ENTRY_BYTES: usize = 32;
const ENTRY_TYPE_OFFSET: usize = 0;
const ENTRY_OFFSET_OFFSET: usize = 8;
const ENTRY_LENGTH_OFFSET: usize = 16;
const ENTRY_CHECKSUM_OFFSET: usize = 24;
const MAX_ENTRIES: u32 = 127;
const _: () = assert!(ENTRIES_OFFSET + MAX_ENTRIES as usize * ENTRY_BYTES <= PAGE_BYTES);

/// The header of a database file, written once when the database is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHeader {
    /// When the database was created. Copies and restored databases keep it.
    pub created_at: UnixMillis,
    /// The engine's version that created it.
    pub creator: String,
}

/// One of the two slots: what a checkpoint recorded about the image it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Decode)]
pub struct Slot {
    /// How many checkpoints the file has had; 0 in a slot that was never written.
    pub iteration: u64,
    /// Checksum of the directory page, or of the snapshot.
    pub checksum: Crc32,
    /// Length of an old snapshot in bytes, 0 where the file has sections.
    pub snapshot_bytes: u64,
    /// The epoch read just before the image was made.
    pub epoch: Epoch,
    /// The last transaction id assigned by then.
    pub transaction: TransactionId,
    /// Nodes in the default graph.
    pub node_count: u64,
    /// Edges in the default graph.
    pub edge_count: u64,
    /// Wall clock of the checkpoint.
    pub written_at: UnixMillis,
}

#[derive(bincode::Decode)]
struct RawFileHeader {
    magic: [u8; 4],
    version: u32,
    page_bytes: u32,
    created_at: UnixMillis,
    creator: [u8; 32],
}

impl FileHeader {
    /// Reads the file header at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooShort`] under one page, [`FormatError::WrongMagic`],
    /// [`FormatError::UnsupportedVersion`] for every version but 1 (generation 2 writes 3),
    /// [`FormatError::Malformed`] for another page size than 4096.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "database file header";
        let page: &[u8; PAGE_BYTES] = bytes.first_chunk().ok_or(FormatError::TooShort {
            what: WHAT,
            need: PAGE_BYTES as u64,
            have: length(bytes),
        })?;
        let magic = page.first_chunk().copied().unwrap_or_default();
        if magic != DATABASE_MAGIC {
            return Err(FormatError::WrongMagic {
                what: WHAT,
                found: magic,
            });
        }
        let version = u8_at(page, DATABASE_MAGIC.len()).unwrap_or_default();
        if u32::from(version) != DATABASE_VERSION {
            return Err(FormatError::UnsupportedVersion {
                what: WHAT,
                found: version.into(),
                known: DATABASE_VERSION.into(),
            });
        }
        let (raw, _) = bincode_prefix::<RawFileHeader>(WHAT, page)?;
        if (raw.magic, raw.version) != (DATABASE_MAGIC, DATABASE_VERSION)
            || usize::try_from(raw.page_bytes) != Ok(PAGE_BYTES)
        {
            return Err(FormatError::Malformed {
                what: WHAT,
                offset: 0,
                detail: format!("a page size of {} bytes", raw.page_bytes),
            });
        }
        let creator = String::from_utf8_lossy(&raw.creator);
        Ok(Self {
            created_at: raw.created_at,
            creator: creator.trim_end_matches('\0').to_owned(),
        })
    }
}

/// The headers of a database file: the file header and both slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseHeaders {
    /// The file header.
    pub file: FileHeader,
    /// Slot 0 and slot 1.
    pub slots: [Slot; 2],
}

impl DatabaseHeaders {
    /// Reads the first [`DATABASE_HEADERS_BYTES`] of a database file.
    ///
    /// # Errors
    ///
    /// As [`FileHeader::decode`], and [`FormatError::Malformed`] for a slot that cannot be read.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "database slot";
        let file = FileHeader::decode(bytes)?;
        let slot = |offset: usize| {
            let page = bytes
                .get(offset..)
                .and_then(<[u8]>::first_chunk::<PAGE_BYTES>);
            let page = page.ok_or(FormatError::TooShort {
                what: "database file",
                need: DATABASE_HEADERS_BYTES as u64,
                have: length(bytes),
            })?;
            bincode_prefix::<Slot>(WHAT, page)
                .map(|(slot, _)| slot)
                .map_err(|error| error.shifted(u64::try_from(offset).unwrap_or(u64::MAX)))
        };
        Ok(Self {
            file,
            slots: [slot(SLOT_0_OFFSET)?, slot(SLOT_1_OFFSET)?],
        })
    }

    /// What both generations say.
    pub(crate) fn summary(&self) -> database_headers::DatabaseHeaders {
        let slot = self.active();
        database_headers::DatabaseHeaders {
            file: database_headers::FileHeader {
                generation: Generation::One,
                created_at: self.file.created_at,
                creator: self.file.creator.clone(),
                id: None,
                is_encrypted: false,
            },
            checkpoint: Checkpoint {
                iteration: slot.iteration,
                checksum: slot.checksum,
                epoch: slot.epoch,
                transaction: slot.transaction,
                node_count: slot.node_count,
                edge_count: slot.edge_count,
                written_at: slot.written_at,
                is_snapshot: slot.snapshot_bytes > 0,
                log_start: None,
            },
            has_damaged_slot: false,
        }
    }

    /// The slot with the higher iteration; on a tie, slot 0.
    pub const fn active(&self) -> &Slot {
        let [first, second] = &self.slots;
        if second.iteration > first.iteration {
            second
        } else {
            first
        }
    }
}

/// Whether the directory in the first [`SECTIONS_OFFSET`] bytes of a database file names a section
/// of a type. A directory that is not the active slot's, or an older layout, names none.
pub fn has_section(front: &[u8], section: u32) -> bool {
    let page = front
        .get(DIRECTORY_OFFSET..)
        .and_then(<[u8]>::first_chunk::<PAGE_BYTES>);
    let (Some(page), Ok(headers)) = (page, DatabaseHeaders::decode(front)) else {
        return false;
    };
    let active = headers.active();
    if active.iteration == 0 || active.snapshot_bytes > 0 || Crc32::of(page) != active.checksum {
        return false;
    }
    let count = usize::try_from(u32_at(page, 0).unwrap_or_default()).unwrap_or_default();
    let entries = page.get(ENTRIES_OFFSET..).unwrap_or_default();
    let mut entries = entries.chunks_exact(ENTRY_BYTES).take(count);
    entries.any(|entry| u32_at(entry, ENTRY_TYPE_OFFSET) == Some(section))
}

/// The runs of data that a slot names, each inside of the file.
pub(crate) fn extents<'a, E: From<FormatError>>(
    active: &Slot,
    file_bytes: u64,
    mut read: impl FnMut(Range<u64>) -> std::result::Result<Cow<'a, [u8]>, E>,
) -> std::result::Result<Vec<Extent>, E> {
    if active.iteration == 0 {
        Ok(Vec::new())
    } else if active.snapshot_bytes > 0 {
        Ok(vec![snapshot_extent(active, file_bytes)?])
    } else {
        let page = read(DIRECTORY_OFFSET as u64..SECTIONS_OFFSET as u64)?;
        Ok(section_extents(active, &page, file_bytes)?)
    }
}

fn snapshot_extent(slot: &Slot, file_bytes: u64) -> Result<Extent> {
    let extent = Extent {
        content: ExtentContent::Snapshot,
        offset: DIRECTORY_OFFSET as u64,
        length: slot.snapshot_bytes,
        checksum: slot.checksum,
    };
    within(
        &extent,
        file_bytes,
        extent.offset.checked_add(extent.length),
    )?;
    Ok(extent)
}

fn section_extents(slot: &Slot, page: &[u8], file_bytes: u64) -> Result<Vec<Extent>> {
    const WHAT: &str = "section directory";
    let page = page
        .first_chunk::<PAGE_BYTES>()
        .ok_or(FormatError::TooShort {
            what: WHAT,
            need: SECTIONS_OFFSET as u64,
            have: file_bytes,
        })?;
    let found = Crc32::of(page);
    if found != slot.checksum {
        return Err(FormatError::ChecksumMismatch {
            what: WHAT,
            offset: DIRECTORY_OFFSET as u64,
            expected: slot.checksum,
            found,
        });
    }
    let malformed = |detail: String| FormatError::Malformed {
        what: WHAT,
        offset: DIRECTORY_OFFSET as u64,
        detail,
    };
    let count = u32_at(page, 0).unwrap_or_default();
    if count > MAX_ENTRIES {
        return Err(malformed(format!(
            "{count} entries where at most {MAX_ENTRIES} fit"
        )));
    }
    let entries = page
        .get(ENTRIES_OFFSET..)
        .unwrap_or_default()
        .chunks_exact(ENTRY_BYTES);
    let count = usize::try_from(count).unwrap_or_default();
    let mut extents = Vec::with_capacity(count);
    for entry in entries.take(count) {
        let extent = section_extent(entry)
            .ok_or_else(|| malformed("an entry that cannot be read".to_owned()))?;
        if !extent.offset.is_multiple_of(PAGE_BYTES as u64)
            || extent.offset < SECTIONS_OFFSET as u64
        {
            return Err(malformed(format!(
                "a {} at byte {}",
                extent.content, extent.offset
            )));
        }
        let end = extent.offset.checked_add(extent.length);
        within(
            &extent,
            file_bytes,
            end.and_then(|end| end.checked_next_multiple_of(PAGE_BYTES as u64)),
        )?;
        extents.push(extent);
    }
    Ok(extents)
}

fn section_extent(entry: &[u8]) -> Option<Extent> {
    Some(Extent {
        content: ExtentContent::Section(u32_at(entry, ENTRY_TYPE_OFFSET)?),
        offset: u64_at(entry, ENTRY_OFFSET_OFFSET)?,
        length: u64_at(entry, ENTRY_LENGTH_OFFSET)?,
        checksum: Crc32::new(u32_at(entry, ENTRY_CHECKSUM_OFFSET)?),
    })
}

fn within(extent: &Extent, file_bytes: u64, end: Option<u64>) -> Result<()> {
    match end {
        Some(end) if end <= file_bytes => Ok(()),
        _ => Err(FormatError::TooShort {
            what: "database file",
            need: end.unwrap_or(extent.length),
            have: file_bytes,
        }),
    }
}

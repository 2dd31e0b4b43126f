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

use std::fmt;
use std::ops::Range;

use crate::bytes::{bincode_prefix, length, u8_at, u32_at, u64_at};
use crate::error::{FormatError, Result};
use crate::words::{Crc32, Epoch, TransactionId, UnixMillis};

/// The size of a page in bytes.
pub const PAGE_BYTES: usize = 4096;
/// The first four bytes of a database file.
pub const DATABASE_MAGIC: [u8; 4] = *b"GRAF";
/// The version of the database file that generation 1 writes.
pub const DATABASE_VERSION: u32 = 1;

const SLOT_0_OFFSET: usize = PAGE_BYTES;
const SLOT_1_OFFSET: usize = SLOT_0_OFFSET + PAGE_BYTES;
const DIRECTORY_OFFSET: usize = SLOT_1_OFFSET + PAGE_BYTES;
const SECTIONS_OFFSET: usize = DIRECTORY_OFFSET + PAGE_BYTES;
const _: () = assert!(DIRECTORY_OFFSET == DATABASE_HEADERS_BYTES && SECTIONS_OFFSET == 16384);

const ENTRIES_OFFSET: usize = 8;
const ENTRY_BYTES: usize = 32;
const ENTRY_TYPE_OFFSET: usize = 0;
const ENTRY_OFFSET_OFFSET: usize = 8;
const ENTRY_LENGTH_OFFSET: usize = 16;
const ENTRY_CHECKSUM_OFFSET: usize = 24;
const MAX_ENTRIES: u32 = 127;
const _: () = assert!(ENTRIES_OFFSET + MAX_ENTRIES as usize * ENTRY_BYTES <= PAGE_BYTES);

/// The size of the file header and both slots, in bytes.
pub const DATABASE_HEADERS_BYTES: usize = 3 * PAGE_BYTES;

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

/// A run of bytes of the file with the checksum recorded for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// What the bytes are.
    pub content: ExtentContent,
    /// Where they begin in the file.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
    /// Their checksum.
    pub checksum: Crc32,
}

/// What an [`Extent`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtentContent {
    /// A snapshot of the layout before sections.
    Snapshot,
    /// A section, by the number of its type.
    Section(u32),
}

impl fmt::Display for ExtentContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Snapshot => "snapshot",
            Self::Section(1) => "catalog section",
            Self::Section(2) => "graph section",
            Self::Section(3) => "RDF section",
            Self::Section(4) => "compact graph section",
            Self::Section(5) => "overlay deletions section",
            Self::Section(10) => "vector section",
            Self::Section(11) => "text index section",
            Self::Section(12) => "RDF ring section",
            Self::Section(20) => "property index section",
            Self::Section(number) => return write!(f, "section of type {number}"),
        };
        f.write_str(name)
    }
}

/// A complete database file whose structure has been checked, and whose bytes have not.
///
/// [`Image::check`] compares the bytes; a caller with several cores compares
/// [`Image::extents`] itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    headers: DatabaseHeaders,
    extents: Vec<Extent>,
}

impl Image {
    /// Reads the structure of a whole database file.
    ///
    /// The directory page is compared with the active slot's checksum, and every extent lies
    /// inside of the file.
    ///
    /// # Errors
    ///
    /// As [`DatabaseHeaders::decode`]; [`FormatError::TooShort`] where the file ends before an
    /// extent does; [`FormatError::ChecksumMismatch`] for the directory page;
    /// [`FormatError::Malformed`] for a directory that contradicts itself.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let headers = DatabaseHeaders::decode(file)?;
        let active = headers.active();
        let extents = if active.iteration == 0 {
            Vec::new()
        } else if active.snapshot_bytes > 0 {
            vec![snapshot_extent(active, file)?]
        } else {
            section_extents(active, file)?
        };
        Ok(Self { headers, extents })
    }

    /// The headers.
    pub const fn headers(&self) -> &DatabaseHeaders {
        &self.headers
    }

    /// The checkpoint that wrote the image.
    pub const fn checkpoint(&self) -> &Slot {
        self.headers.active()
    }

    /// Every run of data bytes with its checksum, in the order of the directory; empty for a
    /// database that never had a checkpoint.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Compares every data byte with its checksum.
    ///
    /// # Errors
    ///
    /// [`FormatError::ChecksumMismatch`] for the first extent that differs.
    pub fn check(&self, file: &[u8]) -> Result<()> {
        self.extents
            .iter()
            .try_for_each(|extent| extent.check(file))
    }
}

impl Extent {
    /// The place of the extent in the file.
    pub fn range(&self) -> Option<Range<usize>> {
        let start = usize::try_from(self.offset).ok()?;
        let end = start.checked_add(usize::try_from(self.length).ok()?)?;
        Some(start..end)
    }

    /// Compares the extent's bytes in `file` with its checksum.
    ///
    /// # Errors
    ///
    /// [`FormatError::ChecksumMismatch`], or [`FormatError::TooShort`] where the file ends before
    /// the extent.
    pub fn check(&self, file: &[u8]) -> Result<()> {
        const WHAT: &str = "database file";
        let bytes =
            self.range()
                .and_then(|range| file.get(range))
                .ok_or(FormatError::TooShort {
                    what: WHAT,
                    need: self.offset.saturating_add(self.length),
                    have: length(file),
                })?;
        let found = Crc32::of(bytes);
        if found == self.checksum {
            return Ok(());
        }
        Err(FormatError::ChecksumMismatch {
            what: WHAT,
            offset: self.offset,
            expected: self.checksum,
            found,
        })
    }
}

fn snapshot_extent(slot: &Slot, file: &[u8]) -> Result<Extent> {
    let extent = Extent {
        content: ExtentContent::Snapshot,
        offset: DIRECTORY_OFFSET as u64,
        length: slot.snapshot_bytes,
        checksum: slot.checksum,
    };
    within(&extent, file, extent.offset.checked_add(extent.length))?;
    Ok(extent)
}

fn section_extents(slot: &Slot, file: &[u8]) -> Result<Vec<Extent>> {
    const WHAT: &str = "section directory";
    let page = file
        .get(DIRECTORY_OFFSET..)
        .and_then(<[u8]>::first_chunk::<PAGE_BYTES>);
    let page = page.ok_or(FormatError::TooShort {
        what: WHAT,
        need: SECTIONS_OFFSET as u64,
        have: length(file),
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
            file,
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

fn within(extent: &Extent, file: &[u8], end: Option<u64>) -> Result<()> {
    match end {
        Some(end) if end <= length(file) => Ok(()),
        _ => Err(FormatError::TooShort {
            what: "database file",
            need: end.unwrap_or(extent.length),
            have: length(file),
        }),
    }
}

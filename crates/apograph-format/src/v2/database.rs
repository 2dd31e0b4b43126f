//! The database file of generation 2 (FORMAT.md, "Database file, generation 2").
//!
//! | offset | size | content |
//! | --- | --- | --- |
//! | 0 | 4096 | file header, zero padded |
//! | 4096 | 4096 | slot 0, zero padded |
//! | 8192 | 4096 | slot 1 |
//! | 12288 | | chunks and directory blocks, each on a page boundary |
//!
//! A checkpoint writes its image to pages that the active slot's image does not use, and then the
//! inactive slot with the iteration of the active one plus 1. Header and slots have checksums of
//! their own, a slot has that of the first block of the [directory](super::directory), and that has
//! those of all else, so a copy of a live file proves itself. Its slot says exactly which part of
//! the log it holds.
//!
//! A damaged slot is passed over for the other one, whose image may be older or gone: nothing in
//! the file tells a slot that a crash tore from one that rotted later.

use crate::bytes::{length, u32_at, u64_at};
use crate::crc32::Crc32;
use crate::database_headers::{
    self, Checkpoint, DATABASE_HEADERS_BYTES, DATABASE_MAGIC, PAGE_BYTES,
};
use crate::error::{FormatError, Result};
use crate::generation::Generation;
use crate::numbers::{DatabaseId, Epoch, Lsn, TransactionId, UnixMillis};

/// The version of the database file that generation 2 writes.
pub const DATABASE_VERSION: u32 = 3;

const SLOT_0_OFFSET: usize = PAGE_BYTES;
const SLOT_1_OFFSET: usize = SLOT_0_OFFSET + PAGE_BYTES;
const _: () = assert!(SLOT_1_OFFSET + PAGE_BYTES == DATABASE_HEADERS_BYTES);

const VERSION_OFFSET: usize = 4;
const PAGE_SIZE_OFFSET: usize = VERSION_OFFSET + 4;
const FLAGS_OFFSET: usize = PAGE_SIZE_OFFSET + 4;
const ID_OFFSET: usize = FLAGS_OFFSET + 4;
const CREATED_AT_OFFSET: usize = ID_OFFSET + 16;
const CREATOR_OFFSET: usize = CREATED_AT_OFFSET + 8;
const FILE_CHECKSUM_OFFSET: usize = CREATOR_OFFSET + 32;
const _: () = assert!(FILE_CHECKSUM_OFFSET == 72);

const INCOMPATIBLE_FLAGS: u32 = 0xffff;
const FLAG_ENCRYPTED: u32 = 1;

const SLOT_MAGIC: [u8; 4] = *b"GDBH";
const SLOT_REVISION: u32 = 1;
const REVISION_OFFSET: usize = 4;
const ITERATION_OFFSET: usize = REVISION_OFFSET + 4;
const LOG_START_OFFSET: usize = ITERATION_OFFSET + 8;
const EPOCH_OFFSET: usize = LOG_START_OFFSET + 8;
const TRANSACTION_OFFSET: usize = EPOCH_OFFSET + 8;
const ROOT_OFFSET: usize = TRANSACTION_OFFSET + 8;
const NODE_COUNT_OFFSET: usize = ROOT_OFFSET + BlockPointer::BYTES;
const EDGE_COUNT_OFFSET: usize = NODE_COUNT_OFFSET + 8;
const WRITTEN_AT_OFFSET: usize = EDGE_COUNT_OFFSET + 8;
const SLOT_CHECKSUM_OFFSET: usize = WRITTEN_AT_OFFSET + 8;
const _: () = assert!(SLOT_CHECKSUM_OFFSET == 80);

const SLOT: &str = "database slot";

/// The header of a database file, written once when the database is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHeader {
    /// The id that the log of the database repeats. Copies and restored databases keep it.
    pub id: DatabaseId,
    /// Whether chunks and directory blocks are encrypted.
    pub is_encrypted: bool,
    /// When the file was created: for a full backup, when the backup was taken.
    pub created_at: UnixMillis,
    /// The engine's version that created it.
    pub creator: String,
}

impl FileHeader {
    /// Reads the file header at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooShort`] under one page, [`FormatError::WrongMagic`],
    /// [`FormatError::UnsupportedVersion`] for every version but 3 (generation 1 writes 1),
    /// [`FormatError::ChecksumMismatch`], [`FormatError::Malformed`] for another page size than
    /// 4096, [`FormatError::UnsupportedFeature`] for an unknown flag that a reader must know.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "database file header";
        let short = || FormatError::TooShort {
            what: WHAT,
            need: PAGE_BYTES as u64,
            have: length(bytes),
        };
        let page: &[u8; PAGE_BYTES] = bytes.first_chunk().ok_or_else(short)?;
        let magic = page.first_chunk().copied().unwrap_or_default();
        if magic != DATABASE_MAGIC {
            return Err(FormatError::WrongMagic {
                what: WHAT,
                found: magic,
            });
        }
        let field = |offset| u32_at(page, offset).ok_or_else(short);
        let version = field(VERSION_OFFSET)?;
        if version != DATABASE_VERSION {
            return Err(FormatError::UnsupportedVersion {
                what: WHAT,
                found: version.into(),
                known: DATABASE_VERSION.into(),
            });
        }
        let expected = Crc32::new(field(FILE_CHECKSUM_OFFSET)?);
        let found = Crc32::of(page.get(..FILE_CHECKSUM_OFFSET).unwrap_or_default());
        if found != expected {
            return Err(FormatError::ChecksumMismatch {
                what: WHAT,
                offset: 0,
                expected,
                found,
            });
        }
        let page_bytes = field(PAGE_SIZE_OFFSET)?;
        if usize::try_from(page_bytes) != Ok(PAGE_BYTES) {
            return Err(FormatError::Malformed {
                what: WHAT,
                offset: PAGE_SIZE_OFFSET as u64,
                detail: format!("a page size of {page_bytes} bytes"),
            });
        }
        let flags = field(FLAGS_OFFSET)?;
        let unknown = flags & INCOMPATIBLE_FLAGS & !FLAG_ENCRYPTED;
        if unknown != 0 {
            return Err(FormatError::UnsupportedFeature {
                what: WHAT,
                detail: format!("the flags {unknown:#06x}"),
            });
        }
        let id = page.get(ID_OFFSET..).and_then(<[u8]>::first_chunk);
        let creator = page.get(CREATOR_OFFSET..FILE_CHECKSUM_OFFSET);
        let creator = String::from_utf8_lossy(creator.unwrap_or_default());
        Ok(Self {
            id: DatabaseId::new(u128::from_le_bytes(*id.ok_or_else(short)?)),
            is_encrypted: flags & FLAG_ENCRYPTED != 0,
            created_at: UnixMillis::new(u64_at(page, CREATED_AT_OFFSET).ok_or_else(short)?),
            creator: creator.trim_end_matches('\0').to_owned(),
        })
    }
}

/// Where a directory block is, and its checksum, which is kept only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPointer {
    /// Where the block begins in the file.
    pub offset: u64,
    /// How many bytes it has before it is encrypted; 0 where there is no block.
    pub length: u32,
    /// The checksum of those bytes.
    pub checksum: Crc32,
}

impl BlockPointer {
    /// The size of a pointer in a slot and in a block, in bytes.
    pub(super) const BYTES: usize = 8 + 4 + 4;

    pub(super) fn decode(bytes: &[u8], offset: usize) -> Option<Self> {
        let bytes = bytes.get(offset..)?;
        Some(Self {
            offset: u64_at(bytes, 0)?,
            length: u32_at(bytes, 8)?,
            checksum: Crc32::new(u32_at(bytes, 12)?),
        })
    }
}

/// What a checkpoint recorded about the image it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which additions to the layout the image may use; see [`DatabaseHeaders::active`].
    pub revision: u32,
    /// How many checkpoints the file has had; 0 in the slot that a new file begins with.
    pub iteration: u64,
    /// Every group before this position is in the image, and none from it on.
    pub log_start: Lsn,
    /// The epoch of the image.
    pub epoch: Epoch,
    /// The last transaction id assigned by then.
    pub transaction: TransactionId,
    /// The first block of the directory.
    pub root: BlockPointer,
    /// Nodes in the default graph.
    pub node_count: u64,
    /// Edges in the default graph.
    pub edge_count: u64,
    /// Wall clock of the checkpoint.
    pub written_at: UnixMillis,
}

impl Slot {
    /// A slot with the right magic and checksum.
    fn decode(page: &[u8; PAGE_BYTES]) -> Option<Self> {
        let checksum = Crc32::of(page.get(..SLOT_CHECKSUM_OFFSET)?);
        if page.first_chunk() != Some(&SLOT_MAGIC)
            || u32_at(page, SLOT_CHECKSUM_OFFSET) != Some(checksum.get())
        {
            return None;
        }
        Some(Self {
            revision: u32_at(page, REVISION_OFFSET)?,
            iteration: u64_at(page, ITERATION_OFFSET)?,
            log_start: Lsn::new(u64_at(page, LOG_START_OFFSET)?),
            epoch: Epoch::new(u64_at(page, EPOCH_OFFSET)?),
            transaction: TransactionId::new(u64_at(page, TRANSACTION_OFFSET)?),
            root: BlockPointer::decode(page, ROOT_OFFSET)?,
            node_count: u64_at(page, NODE_COUNT_OFFSET)?,
            edge_count: u64_at(page, EDGE_COUNT_OFFSET)?,
            written_at: UnixMillis::new(u64_at(page, WRITTEN_AT_OFFSET)?),
        })
    }
}

/// What stands in the page of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// Only zeros: the slot was never written.
    Empty,
    /// Neither zeros nor a slot: a write was torn, or bytes changed later.
    Damaged,
    /// A slot with the right magic and checksum, of whatever revision.
    Valid(Slot),
}

impl SlotState {
    /// Reads the page of a slot.
    pub fn decode(page: &[u8; PAGE_BYTES]) -> Self {
        if page.iter().all(|&byte| byte == 0) {
            return Self::Empty;
        }
        Slot::decode(page).map_or(Self::Damaged, Self::Valid)
    }

    /// The slot, where it is valid.
    pub const fn valid(&self) -> Option<&Slot> {
        match self {
            Self::Valid(slot) => Some(slot),
            Self::Empty | Self::Damaged => None,
        }
    }
}

/// The headers of a database file: the file header and both slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseHeaders {
    /// The file header.
    pub file: FileHeader,
    /// Slot 0 and slot 1.
    pub slots: [SlotState; 2],
}

impl DatabaseHeaders {
    /// Reads the first [`DATABASE_HEADERS_BYTES`] of a database file.
    ///
    /// # Errors
    ///
    /// As [`FileHeader::decode`], and [`FormatError::TooShort`]. A damaged slot is none.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let file = FileHeader::decode(bytes)?;
        let slot = |offset: usize| {
            let page = bytes.get(offset..).and_then(<[u8]>::first_chunk);
            page.map(SlotState::decode).ok_or(FormatError::TooShort {
                what: "database file",
                need: DATABASE_HEADERS_BYTES as u64,
                have: length(bytes),
            })
        };
        Ok(Self {
            file,
            slots: [slot(SLOT_0_OFFSET)?, slot(SLOT_1_OFFSET)?],
        })
    }

    /// The valid slot with the higher iteration; on a tie, slot 0.
    ///
    /// # Errors
    ///
    /// [`FormatError::Malformed`] where no slot is valid; [`FormatError::UnsupportedVersion`] where
    /// the active slot is of another revision than 1. 0 is that of a build that was never released.
    pub fn active(&self) -> Result<&Slot> {
        let [first, second] = &self.slots;
        let active = match (first.valid(), second.valid()) {
            (Some(first), Some(second)) if second.iteration > first.iteration => second,
            (Some(first), _) => first,
            (None, Some(second)) => second,
            (None, None) => {
                let (offset, detail) = match (first, second) {
                    (SlotState::Empty, SlotState::Empty) => (SLOT_0_OFFSET, "both are empty"),
                    (SlotState::Empty, _) => (SLOT_1_OFFSET, "damaged, and the other is empty"),
                    (_, SlotState::Empty) => (SLOT_0_OFFSET, "damaged, and the other is empty"),
                    _ => (SLOT_0_OFFSET, "both are damaged"),
                };
                return Err(FormatError::Malformed {
                    what: SLOT,
                    offset: offset as u64,
                    detail: detail.to_owned(),
                });
            }
        };
        if active.revision != SLOT_REVISION {
            return Err(FormatError::UnsupportedVersion {
                what: SLOT,
                found: active.revision.into(),
                known: SLOT_REVISION.into(),
            });
        }
        Ok(active)
    }

    /// What both generations say.
    ///
    /// # Errors
    ///
    /// As [`DatabaseHeaders::active`].
    pub(crate) fn summary(&self) -> Result<database_headers::DatabaseHeaders> {
        let slot = self.active()?;
        Ok(database_headers::DatabaseHeaders {
            file: database_headers::FileHeader {
                generation: Generation::Two,
                created_at: self.file.created_at,
                creator: self.file.creator.clone(),
                id: Some(self.file.id),
                is_encrypted: self.file.is_encrypted,
            },
            checkpoint: Checkpoint {
                iteration: slot.iteration,
                checksum: slot.root.checksum,
                epoch: slot.epoch,
                transaction: slot.transaction,
                node_count: slot.node_count,
                edge_count: slot.edge_count,
                written_at: slot.written_at,
                is_snapshot: false,
                log_start: Some(slot.log_start),
            },
            has_damaged_slot: self.slots.contains(&SlotState::Damaged),
        })
    }
}

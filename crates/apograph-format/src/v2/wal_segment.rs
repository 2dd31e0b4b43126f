//! The header of a log file of generation 2 (FORMAT.md, "WAL segment").
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 8 | magic `GRAFWAL\0` |
//! | 8 | 2 | version, 2 |
//! | 10 | 2 | length of the header, 128 |
//! | 12 | 4 | flags: bit 0 encrypted; unknown bits 0 to 15 are refused, 16 to 31 ignored |
//! | 16 | 16 | database id |
//! | 32 | 8 | LSN of the first frame, as in the file's name |
//! | 40 | 8 | when the segment was created, in milliseconds |
//! | 48 | 32 | salt, 0 in a plain segment |
//! | 80 | 28 | key check, 0 in a plain segment |
//! | 108 | 16 | reserved |
//! | 124 | 4 | CRC-32 of bytes 0..124 |
//!
//! LSNs count the bytes of the frames alone: the frame with LSN x stands at offset
//! 128 + (x - first LSN) of its segment.

use crate::bytes::{length, u32_at, u64_at};
use crate::crc32::Crc32;
use crate::error::{FormatError, Result};
use crate::numbers::{DatabaseId, Lsn, UnixMillis};

/// The size of the header in bytes.
pub const WAL_SEGMENT_HEADER_BYTES: usize = 128;
/// The first eight bytes of a log file.
pub const WAL_SEGMENT_MAGIC: [u8; 8] = *b"GRAFWAL\0";

const WHAT: &str = "WAL segment header";
const VERSION: u16 = 2;
const VERSION_OFFSET: usize = 8;
const HEADER_LENGTH_OFFSET: usize = 10;
const FLAGS_OFFSET: usize = 12;
const DATABASE_OFFSET: usize = 16;
const FIRST_LSN_OFFSET: usize = 32;
const CREATED_OFFSET: usize = 40;
const CHECKSUM_OFFSET: usize = 124;
const _: () = assert!(CHECKSUM_OFFSET + 4 == WAL_SEGMENT_HEADER_BYTES);

const ENCRYPTED: u32 = 1;
const INCOMPATIBLE: u32 = 0xffff;

/// The header of a log file, with the bytes that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalSegmentHeader {
    bytes: [u8; WAL_SEGMENT_HEADER_BYTES],
    /// Whether the payloads of the frames are encrypted.
    pub is_encrypted: bool,
    /// The database that the log is of.
    pub database: DatabaseId,
    /// The LSN of the first frame.
    pub first_lsn: Lsn,
    /// When the segment was created.
    pub created_at: UnixMillis,
}

impl WalSegmentHeader {
    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooShort`], [`FormatError::WrongMagic`],
    /// [`FormatError::UnsupportedVersion`] past version 2, [`FormatError::ChecksumMismatch`],
    /// [`FormatError::Malformed`] for a version under 2 or another length of the header,
    /// [`FormatError::UnsupportedFeature`] for an unknown incompatible flag.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let short = || FormatError::TooShort {
            what: WHAT,
            need: WAL_SEGMENT_HEADER_BYTES as u64,
            have: length(bytes),
        };
        let malformed = |offset: usize, detail: String| FormatError::Malformed {
            what: WHAT,
            offset: offset as u64,
            detail,
        };
        let header: &[u8; WAL_SEGMENT_HEADER_BYTES] = bytes.first_chunk().ok_or_else(short)?;
        if header.first_chunk() != Some(&WAL_SEGMENT_MAGIC) {
            return Err(FormatError::WrongMagic {
                what: WHAT,
                found: header.first_chunk().copied().unwrap_or_default(),
            });
        }
        let version = u16_at(header, VERSION_OFFSET).ok_or_else(short)?;
        if version > VERSION {
            return Err(FormatError::UnsupportedVersion {
                what: WHAT,
                found: version.into(),
                known: VERSION.into(),
            });
        }
        if version < VERSION {
            return Err(malformed(VERSION_OFFSET, format!("version {version}")));
        }
        let expected = Crc32::new(u32_at(header, CHECKSUM_OFFSET).ok_or_else(short)?);
        let found = Crc32::of(header.get(..CHECKSUM_OFFSET).unwrap_or_default());
        if expected != found {
            return Err(FormatError::ChecksumMismatch {
                what: WHAT,
                offset: 0,
                expected,
                found,
            });
        }
        let header_length = u16_at(header, HEADER_LENGTH_OFFSET).ok_or_else(short)?;
        if usize::from(header_length) != WAL_SEGMENT_HEADER_BYTES {
            let detail = format!("a header of {header_length} bytes");
            return Err(malformed(HEADER_LENGTH_OFFSET, detail));
        }
        let flags = u32_at(header, FLAGS_OFFSET).ok_or_else(short)?;
        let unknown = flags & INCOMPATIBLE & !ENCRYPTED;
        if unknown != 0 {
            return Err(FormatError::UnsupportedFeature {
                what: WHAT,
                detail: format!("the flags {unknown:#06x}"),
            });
        }
        let database = header.get(DATABASE_OFFSET..).and_then(<[u8]>::first_chunk);
        let database = database.map(|id| DatabaseId::new(u128::from_le_bytes(*id)));
        Ok(Self {
            bytes: *header,
            is_encrypted: flags & ENCRYPTED != 0,
            database: database.ok_or_else(short)?,
            first_lsn: Lsn::new(u64_at(header, FIRST_LSN_OFFSET).ok_or_else(short)?),
            created_at: UnixMillis::new(u64_at(header, CREATED_OFFSET).ok_or_else(short)?),
        })
    }

    /// The 128 bytes of the header.
    pub const fn bytes(&self) -> &[u8; WAL_SEGMENT_HEADER_BYTES] {
        &self.bytes
    }

    /// The header of the same segment, had it begun at another position.
    ///
    /// The key check of an encrypted segment covers the position: such a header is for a plain
    /// segment only.
    #[must_use]
    pub fn beginning_at(self, first_lsn: Lsn) -> Self {
        self.with(first_lsn, self.created_at)
    }

    /// The same header with another creation time. For a plain segment only, as
    /// [`WalSegmentHeader::beginning_at`].
    #[must_use]
    pub fn created(self, created_at: UnixMillis) -> Self {
        self.with(self.first_lsn, created_at)
    }

    fn with(mut self, first_lsn: Lsn, created_at: UnixMillis) -> Self {
        self.first_lsn = first_lsn;
        self.created_at = created_at;
        put(
            &mut self.bytes,
            FIRST_LSN_OFFSET,
            &first_lsn.get().to_le_bytes(),
        );
        put(
            &mut self.bytes,
            CREATED_OFFSET,
            &created_at.get().to_le_bytes(),
        );
        let checksum = Crc32::of(self.bytes.get(..CHECKSUM_OFFSET).unwrap_or_default());
        put(
            &mut self.bytes,
            CHECKSUM_OFFSET,
            &checksum.get().to_le_bytes(),
        );
        self
    }

    /// Whether both are headers of one segment, wherever its frames begin in either.
    pub fn is_same_segment(&self, other: &Self) -> bool {
        self.beginning_at(Lsn::default()).bytes == other.beginning_at(Lsn::default()).bytes
    }

    /// Whether a log file holds no header yet: the engine was cut off while it created it.
    ///
    /// Such a file is shorter than a header, or zero from its first byte to its last. A header of
    /// zeros with anything after it is damaged: a header is durable before the first frame.
    pub fn is_unfinished(file: &[u8]) -> bool {
        file.len() < WAL_SEGMENT_HEADER_BYTES || file.iter().all(|&byte| byte == 0)
    }
}

fn put(header: &mut [u8; WAL_SEGMENT_HEADER_BYTES], offset: usize, field: &[u8]) {
    let places = header.iter_mut().skip(offset);
    places.zip(field).for_each(|(place, byte)| *place = *byte);
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes
        .get(offset..)?
        .first_chunk()
        .map(|chunk| u16::from_le_bytes(*chunk))
}

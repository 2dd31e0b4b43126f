//! A log frame of generation 2 (FORMAT.md, "Log frame, generation 2").
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 4 | length L of the payload, at most 2^30 |
//! | 4 | 4 | CRC-32 of bytes 0..4, 8..25 and the payload |
//! | 8 | 8 | LSN of the frame |
//! | 16 | 8 | transaction id, the same in all frames of a group |
//! | 24 | 1 | flags: 1 first of its group, 2 last of its group |
//! | 25 | L | payload: whole records; encrypted, a nonce (12), ciphertext and a tag (16) |
//!
//! The payload of a first frame begins with the group's prologue, the LSN up to which the log was
//! durable when the group began. All numbers are little-endian. Where a frame is
//! ([`RawFrame::parse`]) is told apart from whether its bytes are right ([`RawFrame::check`]), as
//! in generation 1.

use crate::bytes::{length, u8_at, u32_at, u64_at};
use crate::code::Code;
use crate::crc32::Crc32;
use crate::numbers::{Lsn, TransactionId};

/// Bytes in front of the payload.
pub const FRAME_HEADER_BYTES: usize = 25;
/// The longest payload in bytes.
pub const FRAME_PAYLOAD_MAX_BYTES: u32 = 1 << 30;
/// Bytes of the prologue at the front of a group's first payload.
pub const PROLOGUE_BYTES: usize = 8;
/// Bytes that encryption adds to a payload: the nonce of 12 and the tag of 16.
pub const SEALED_OVERHEAD_BYTES: usize = 28;

const CHECKSUM_OFFSET: usize = 4;
const LSN_OFFSET: usize = CHECKSUM_OFFSET + 4;
const TRANSACTION_OFFSET: usize = LSN_OFFSET + 8;
const FLAGS_OFFSET: usize = TRANSACTION_OFFSET + 8;
const _: () = assert!(FLAGS_OFFSET + 1 == FRAME_HEADER_BYTES);

/// Why no frame begins at some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameDefect {
    /// The bytes end inside of the frame.
    #[error("the frame needs {need} bytes and {have} remain")]
    Truncated {
        /// Bytes that the frame takes, as far as its length is known.
        need: u64,
        /// Bytes that there are.
        have: u64,
    },
    /// The payload is longer than any.
    #[error("the frame claims a payload of {length} bytes, at most {FRAME_PAYLOAD_MAX_BYTES} fit")]
    TooLong {
        /// The length that it claims.
        length: u32,
    },
    /// The frame is of another place in the log.
    #[error("the frame has LSN {found} and stands at {expected}")]
    Misplaced {
        /// The LSN of the place.
        expected: Lsn,
        /// The LSN in the frame.
        found: Lsn,
    },
    /// The bytes are not what the checksum was made of.
    #[error("the frame's checksum is {expected}, its bytes have {found}")]
    ChecksumMismatch {
        /// The recorded checksum.
        expected: Crc32,
        /// The checksum of the bytes.
        found: Crc32,
    },
    /// The frame is whole and has a flag that is not known here.
    #[error("the frame has the flags {bits:#04x}, of which some are not known here")]
    UnknownFlags {
        /// All its flags.
        bits: u8,
    },
}

impl FrameDefect {
    /// The kind of the defect, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Truncated { .. } => Code::TooShort,
            Self::TooLong { .. } | Self::Misplaced { .. } => Code::Malformed,
            Self::ChecksumMismatch { .. } => Code::ChecksumMismatch,
            Self::UnknownFlags { .. } => Code::UnsupportedVersion,
        }
    }
}

/// Where a frame stands in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameFlags(u8);

impl FrameFlags {
    const FIRST: u8 = 1;
    const LAST: u8 = 2;

    /// The flags as they are stored.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Whether the frame begins a group.
    pub const fn is_first(self) -> bool {
        self.0 & Self::FIRST != 0
    }

    /// Whether the frame ends a group, and so commits it.
    pub const fn is_last(self) -> bool {
        self.0 & Self::LAST != 0
    }

    const fn is_known(self) -> bool {
        self.0 & !Self::FIRST & !Self::LAST == 0
    }
}

/// The header of a frame: what is known of it without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// How many bytes the payload has.
    pub payload_bytes: u32,
    /// Where the frame stands in the log.
    pub lsn: Lsn,
    /// The transaction whose group the frame belongs to.
    pub transaction: TransactionId,
    /// Where the frame stands in its group.
    pub flags: FrameFlags,
    checksum: Crc32,
}

impl FrameHead {
    /// Reads the header of a frame that stands at `lsn` in the log, with `have` bytes from there
    /// on.
    ///
    /// # Errors
    ///
    /// As [`RawFrame::parse`].
    pub fn parse(front: &[u8], lsn: Lsn, have: u64) -> Result<Self, FrameDefect> {
        let short = FrameDefect::Truncated {
            need: FRAME_HEADER_BYTES as u64,
            have,
        };
        let header: &[u8; FRAME_HEADER_BYTES] = front.first_chunk().ok_or(short)?;
        let payload_bytes = u32_at(header, 0).ok_or(short)?;
        let found = Lsn::new(u64_at(header, LSN_OFFSET).ok_or(short)?);
        if payload_bytes > FRAME_PAYLOAD_MAX_BYTES {
            return Err(FrameDefect::TooLong {
                length: payload_bytes,
            });
        }
        if found != lsn {
            return Err(FrameDefect::Misplaced {
                expected: lsn,
                found,
            });
        }
        let head = Self {
            payload_bytes,
            lsn,
            transaction: TransactionId::new(u64_at(header, TRANSACTION_OFFSET).ok_or(short)?),
            flags: FrameFlags::from_bits(u8_at(header, FLAGS_OFFSET).ok_or(short)?),
            checksum: Crc32::new(u32_at(header, CHECKSUM_OFFSET).ok_or(short)?),
        };
        let need = head.frame_bytes();
        if need > have {
            return Err(FrameDefect::Truncated { need, have });
        }
        Ok(head)
    }

    /// How many bytes the frame has.
    pub const fn frame_bytes(self) -> u64 {
        // 32 bits and a constant.
        (self.payload_bytes as u64).saturating_add(FRAME_HEADER_BYTES as u64)
    }

    /// Compares a sum that was made of all the frame's bytes with its checksum, and then looks at
    /// its flags.
    ///
    /// # Errors
    ///
    /// As [`RawFrame::check`].
    pub fn check(self, sum: FrameSum) -> Result<(), FrameDefect> {
        let found = Crc32::new(sum.hasher.finalize());
        if found != self.checksum {
            return Err(FrameDefect::ChecksumMismatch {
                expected: self.checksum,
                found,
            });
        }
        if !self.flags.is_known() {
            return Err(FrameDefect::UnknownFlags { bits: self.flags.0 });
        }
        Ok(())
    }
}

/// The checksum of a frame's bytes, piece by piece, of which the first has the whole header.
#[derive(Debug, Clone, Default)]
pub struct FrameSum {
    hasher: crc32fast::Hasher,
    is_begun: bool,
}

impl FrameSum {
    /// Adds the next piece.
    pub fn add(&mut self, piece: &[u8]) {
        if self.is_begun {
            self.hasher.update(piece);
            return;
        }
        self.is_begun = true;
        self.hasher
            .update(piece.get(..CHECKSUM_OFFSET).unwrap_or_default());
        self.hasher
            .update(piece.get(LSN_OFFSET..).unwrap_or_default());
    }
}

/// A frame whose bounds and LSN are known and whose checksum has not been compared yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFrame<'a> {
    bytes: &'a [u8],
    payload: &'a [u8],
    head: FrameHead,
}

impl<'a> RawFrame<'a> {
    /// Where in `bytes`, which stand at `lsn` in the log, a frame can begin: at every place that is
    /// named where a frame would name it.
    pub fn places(bytes: &'a [u8], lsn: Lsn) -> impl Iterator<Item = usize> + use<'a> {
        let named = bytes.get(LSN_OFFSET..).unwrap_or_default().windows(8);
        let is_named = move |(offset, named): &(usize, &[u8])| {
            let named = named.first_chunk().copied().map(u64::from_le_bytes);
            named == Some(lsn.plus(*offset as u64).get())
        };
        named.enumerate().filter(is_named).map(|(offset, _)| offset)
    }

    /// Finds the bounds of the frame at the front of `bytes`, which stand at `lsn` in the log.
    ///
    /// # Errors
    ///
    /// [`FrameDefect::Truncated`], [`FrameDefect::TooLong`] or [`FrameDefect::Misplaced`].
    pub fn parse(bytes: &'a [u8], lsn: Lsn) -> Result<Self, FrameDefect> {
        let have = length(bytes);
        let head = FrameHead::parse(bytes, lsn, have)?;
        let need = head.frame_bytes();
        let truncated = FrameDefect::Truncated { need, have };
        let frame = usize::try_from(need)
            .ok()
            .and_then(|need| bytes.get(..need));
        let frame = frame.ok_or(truncated)?;
        Ok(Self {
            bytes: frame,
            payload: frame.get(FRAME_HEADER_BYTES..).ok_or(truncated)?,
            head,
        })
    }

    /// The whole frame: header and payload.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the header.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Where the frame stands in the log.
    pub const fn lsn(&self) -> Lsn {
        self.head.lsn
    }

    /// The transaction whose group the frame belongs to.
    pub const fn transaction(&self) -> TransactionId {
        self.head.transaction
    }

    /// Where the frame stands in its group.
    pub const fn flags(&self) -> FrameFlags {
        self.head.flags
    }

    /// The LSN after the frame.
    pub const fn end(&self) -> Lsn {
        self.head.lsn.plus(self.bytes.len() as u64)
    }

    /// How far the log was durable when the group began; in a first frame that is not encrypted.
    pub fn synced_lsn(&self) -> Option<Lsn> {
        u64_at(self.payload, 0).map(Lsn::new)
    }

    /// Compares the frame with its checksum, and then looks at its flags.
    ///
    /// # Errors
    ///
    /// [`FrameDefect::ChecksumMismatch`] or [`FrameDefect::UnknownFlags`].
    pub fn check(&self) -> Result<(), FrameDefect> {
        let mut sum = FrameSum::default();
        sum.add(self.bytes);
        self.head.check(sum)
    }
}

//! A log frame of generation 1 (FORMAT.md, "Log frame").
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 4 | length L of the payload, little-endian |
//! | 4 | L | payload: one record |
//! | 4 + L | 4 | CRC-32 of the payload |
//!
//! The checksum does not cover the length, there is no position and no time, and nothing marks
//! the end of a log. So a frame is found by walking from one to the next, and [`RawFrame::parse`]
//! (where is it?) is separate from [`RawFrame::is_intact`] (are these its bytes?): the walk is
//! cheap and sequential, the checking can be spread over all cores.

use crate::bytes::{length, u8_at, u32_at};
use crate::code::Code;
use crate::crc32::Crc32;
use crate::v1::record_kind::RecordKind;

/// Bytes in front of the payload.
pub const FRAME_LENGTH_BYTES: usize = 4;
/// Bytes after the payload.
pub const FRAME_CHECKSUM_BYTES: usize = 4;
/// Bytes of a frame that are not payload.
pub const FRAME_OVERHEAD_BYTES: usize = FRAME_LENGTH_BYTES + FRAME_CHECKSUM_BYTES;

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
    /// A payload of no bytes holds no record.
    #[error("the frame has an empty payload")]
    Empty,
    /// The first byte of the payload is no known record.
    #[error("the frame holds a record of the unknown kind {tag}")]
    UnknownRecord {
        /// The byte.
        tag: u8,
    },
    /// The payload is not what its checksum was made of.
    #[error("the frame's checksum is {expected}, its payload has {found}")]
    ChecksumMismatch {
        /// The recorded checksum.
        expected: Crc32,
        /// The checksum of the payload.
        found: Crc32,
    },
    /// The payload of a control record is not its tag and one number.
    #[error("the frame's {kind} record is malformed")]
    MalformedRecord {
        /// The kind of the record.
        kind: RecordKind,
    },
}

impl FrameDefect {
    /// The kind of the defect, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::Truncated { .. } => Code::TooShort,
            Self::Empty | Self::UnknownRecord { .. } | Self::MalformedRecord { .. } => {
                Code::Malformed
            }
            Self::ChecksumMismatch { .. } => Code::ChecksumMismatch,
        }
    }
}

/// The front of a frame: what is known of it without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// How many bytes the payload has.
    pub payload_bytes: u32,
    /// The kind of the record, by its first byte alone.
    pub kind: RecordKind,
}

impl FrameHead {
    /// Reads the first bytes of a frame, in front of which `have` bytes lie: one more than
    /// [`FRAME_LENGTH_BYTES`] are enough.
    ///
    /// # Errors
    ///
    /// As [`RawFrame::parse`].
    #[inline]
    pub fn parse(front: &[u8], have: u64) -> Result<Self, FrameDefect> {
        let truncated = |need: u64| FrameDefect::Truncated { need, have };
        let payload_bytes = u32_at(front, 0).ok_or(truncated(FRAME_LENGTH_BYTES as u64))?;
        if payload_bytes == 0 {
            return Err(FrameDefect::Empty);
        }
        let need = u64::from(payload_bytes).saturating_add(FRAME_OVERHEAD_BYTES as u64);
        if need > have {
            return Err(truncated(need));
        }
        let tag = u8_at(front, FRAME_LENGTH_BYTES).ok_or(truncated(need))?;
        let kind = RecordKind::from_tag(tag).ok_or(FrameDefect::UnknownRecord { tag })?;
        Ok(Self {
            payload_bytes,
            kind,
        })
    }

    /// How many bytes the frame has.
    #[inline]
    pub const fn frame_bytes(self) -> u64 {
        // 32 bits and a constant.
        (self.payload_bytes as u64).saturating_add(FRAME_OVERHEAD_BYTES as u64)
    }
}

/// A frame whose bounds are known and whose checksum has not been compared yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFrame<'a> {
    bytes: &'a [u8],
    payload: &'a [u8],
    kind: RecordKind,
    checksum: Crc32,
}

impl<'a> RawFrame<'a> {
    /// Finds the bounds of the frame at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`FrameDefect::Truncated`], [`FrameDefect::Empty`] or [`FrameDefect::UnknownRecord`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameDefect> {
        let have = length(bytes);
        let head = FrameHead::parse(bytes, have)?;
        let need = head.frame_bytes();
        let truncated = FrameDefect::Truncated { need, have };
        let frame = usize::try_from(need)
            .ok()
            .and_then(|need| bytes.get(..need))
            .ok_or(truncated)?;
        let (payload, checksum) = frame
            .get(FRAME_LENGTH_BYTES..)
            .and_then(<[u8]>::split_last_chunk::<FRAME_CHECKSUM_BYTES>)
            .ok_or(truncated)?;
        Ok(Self {
            bytes: frame,
            payload,
            kind: head.kind,
            checksum: Crc32::new(u32::from_le_bytes(*checksum)),
        })
    }

    /// The whole frame: length, payload, checksum.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The record.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The kind of the record, by its first byte alone.
    pub const fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The recorded checksum of the payload.
    pub const fn checksum(&self) -> Crc32 {
        self.checksum
    }

    /// Compares the payload with its checksum.
    ///
    /// # Errors
    ///
    /// [`FrameDefect::ChecksumMismatch`].
    #[inline]
    pub fn check(&self) -> Result<(), FrameDefect> {
        let found = Crc32::of(self.payload);
        if found == self.checksum {
            return Ok(());
        }
        Err(FrameDefect::ChecksumMismatch {
            expected: self.checksum,
            found,
        })
    }

    /// Whether the payload has the recorded checksum.
    pub fn is_intact(&self) -> bool {
        self.check().is_ok()
    }
}

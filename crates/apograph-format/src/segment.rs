//! The GBAK header of an incremental segment (FORMAT.md, "Incremental segment").
//!
//! Version 1 is 32 bytes, little-endian, followed by bare log frames up to the end of the file:
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 4 | magic `GBAK` |
//! | 4 | 4 | version, 1 |
//! | 8 | 8 | first epoch: the end of the segment before, plus 1 |
//! | 16 | 8 | last epoch: the epoch that was current at the end |
//! | 24 | 8 | number of log files the body was read from (bits 0..48), and our [`SegmentFlags`] |
//!
//! The engine writes the number of log files into the last field and never reads it. apograph
//! keeps in its top bits what a capture knows and the body cannot show, so that a repository can
//! be understood from its segments alone. Both epochs are hints: across a crash `7..2` occurs.

use crate::bytes::{length, u32_at, u64_at};
use crate::error::{FormatError, Result};
use crate::words::Epoch;

const MAGIC_OFFSET: usize = 0;
const VERSION_OFFSET: usize = MAGIC_OFFSET + 4;
const START_EPOCH_OFFSET: usize = VERSION_OFFSET + 4;
const END_EPOCH_OFFSET: usize = START_EPOCH_OFFSET + 8;
const FILES_OFFSET: usize = END_EPOCH_OFFSET + 8;
const _: () = assert!(FILES_OFFSET + 8 == SEGMENT_HEADER_BYTES);

const WHAT: &str = "segment header";
const FILES_MASK: u64 = (1 << 48) - 1;

/// The size of the GBAK header in bytes.
pub const SEGMENT_HEADER_BYTES: usize = 32;
/// The first four bytes of an incremental segment.
pub const SEGMENT_MAGIC: [u8; 4] = *b"GBAK";
/// The version of the header that generation 1 writes.
pub const SEGMENT_VERSION: u32 = 1;

/// What a capture by apograph knew about the segment, in the top bits of the last header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent bits of a file"
)]
pub struct SegmentFlags {
    /// The body repeats commits that the chain holds already before the full backup in front of
    /// this segment: only a restore from that full backup reads it. (bit 63)
    pub repeats: bool,
    /// The image in front of this segment may hold some of its commits: no state before the end
    /// of the segment can be restored from that image. (bit 62)
    pub catches_up: bool,
    /// Another process than the image's began this log: epochs count from 0 anew. (bit 61)
    pub reopened: bool,
    /// The body begins exactly where the log before it ended, proved when it was captured. The
    /// engine's segments never say so: they may repeat the end of the one before. (bit 60)
    pub continues: bool,
}

impl SegmentFlags {
    const REPEATS: u64 = 1 << 63;
    const CATCHES_UP: u64 = 1 << 62;
    const REOPENED: u64 = 1 << 61;
    const CONTINUES: u64 = 1 << 60;

    const fn from_bits(bits: u64) -> Self {
        Self {
            repeats: bits & Self::REPEATS != 0,
            catches_up: bits & Self::CATCHES_UP != 0,
            reopened: bits & Self::REOPENED != 0,
            continues: bits & Self::CONTINUES != 0,
        }
    }

    const fn bits(self) -> u64 {
        (if self.repeats { Self::REPEATS } else { 0 })
            | (if self.catches_up { Self::CATCHES_UP } else { 0 })
            | (if self.reopened { Self::REOPENED } else { 0 })
            | (if self.continues { Self::CONTINUES } else { 0 })
    }
}

/// The header of an incremental segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The end of the segment before, plus 1.
    pub start_epoch: Epoch,
    /// The epoch that was current at the end of the segment.
    pub end_epoch: Epoch,
    /// How many log files the body was read from; at most 2^48 - 1.
    pub log_files: u64,
    /// What apograph's capture knew; all false in a segment that the engine wrote.
    pub flags: SegmentFlags,
}

impl SegmentHeader {
    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooShort`] under 32 bytes, [`FormatError::WrongMagic`] where they do not
    /// begin with `GBAK`, [`FormatError::UnsupportedVersion`] for every version but 1.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let short = || FormatError::TooShort {
            what: WHAT,
            need: SEGMENT_HEADER_BYTES as u64,
            have: length(bytes),
        };
        let header: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk().ok_or_else(short)?;
        let magic: [u8; 4] = *header.first_chunk().ok_or_else(short)?;
        if magic != SEGMENT_MAGIC {
            return Err(FormatError::WrongMagic {
                what: WHAT,
                found: magic,
            });
        }
        let version = u32_at(header, VERSION_OFFSET).ok_or_else(short)?;
        if version != SEGMENT_VERSION {
            return Err(FormatError::UnsupportedVersion {
                what: WHAT,
                found: version.into(),
                known: SEGMENT_VERSION.into(),
            });
        }
        let field = |offset| u64_at(header, offset).ok_or_else(short);
        let files = field(FILES_OFFSET)?;
        Ok(Self {
            start_epoch: Epoch::new(field(START_EPOCH_OFFSET)?),
            end_epoch: Epoch::new(field(END_EPOCH_OFFSET)?),
            log_files: files & FILES_MASK,
            flags: SegmentFlags::from_bits(files),
        })
    }

    /// How many ends of log files lie inside the body, at places that nothing tells.
    ///
    /// The engine lays whole log files side by side, torn ends and all. apograph captures whole
    /// groups, so that in its segments no such end can be seen.
    pub const fn joints(&self) -> u64 {
        let flags = self.flags;
        let is_ours = flags.continues || flags.repeats || flags.catches_up;
        if is_ours {
            0
        } else {
            self.log_files.saturating_sub(1)
        }
    }

    /// The 32 bytes of the header.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let files = (self.log_files & FILES_MASK) | self.flags.bits();
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let fields = SEGMENT_MAGIC
            .into_iter()
            .chain(SEGMENT_VERSION.to_le_bytes())
            .chain(self.start_epoch.get().to_le_bytes())
            .chain(self.end_epoch.get().to_le_bytes())
            .chain(files.to_le_bytes());
        for (byte, value) in bytes.iter_mut().zip(fields) {
            *byte = value;
        }
        bytes
    }
}

//! The GBAK header of an incremental segment (FORMAT.md, "Incremental segment").
//!
//! 32 bytes, little-endian, followed by the body up to the end of the file: bare log frames in
//! version 1, pieces of log files ([`v2::Pieces`](crate::v2::Pieces)) in version 2.
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 4 | magic `GBAK` |
//! | 4 | 4 | version, that of the generation |
//! | 8 | 8 | first epoch |
//! | 16 | 8 | last epoch: the epoch that was current at the end |
//! | 24 | 8 | a count (bits 0..48), and our [`SegmentFlags`] |
//!
//! The engine writes a count into the last field and never reads it: of log files in version 1, of
//! commit groups in version 2. apograph keeps in its top bits what a capture knows and the body
//! cannot show, so that a repository can be understood from its segments alone. Both epochs are
//! hints: across a crash `7..2` occurs in version 1.

use crate::bytes::{length, u32_at, u64_at};
use crate::error::{FormatError, Result};
use crate::generation::Generation;
use crate::numbers::Epoch;

const MAGIC_OFFSET: usize = 0;
const VERSION_OFFSET: usize = MAGIC_OFFSET + 4;
const START_EPOCH_OFFSET: usize = VERSION_OFFSET + 4;
const END_EPOCH_OFFSET: usize = START_EPOCH_OFFSET + 8;
const COUNT_OFFSET: usize = END_EPOCH_OFFSET + 8;
const _: () = assert!(COUNT_OFFSET + 8 == SEGMENT_HEADER_BYTES);

const WHAT: &str = "segment header";
const COUNT_MASK: u64 = (1 << 48) - 1;

/// The size of the GBAK header in bytes.
#[doc(alias = "BACKUP_HEADER_SIZE")]
pub const SEGMENT_HEADER_BYTES: usize = 32;
/// The first four bytes of an incremental segment.
#[doc(alias = "BACKUP_MAGIC")]
pub const SEGMENT_MAGIC: [u8; 4] = *b"GBAK";

/// What a capture by apograph knew about the segment, in the top bits of the last header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent bits of a file")]
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
    /// Generation 2: the body begins where the log before the full backup in front of it ended, and
    /// goes on past the position of that backup, which so is of the same log. (bit 59)
    pub spans: bool,
}

impl SegmentFlags {
    const REPEATS: u64 = 1 << 63;
    const CATCHES_UP: u64 = 1 << 62;
    const REOPENED: u64 = 1 << 61;
    const CONTINUES: u64 = 1 << 60;
    const SPANS: u64 = 1 << 59;

    const fn from_bits(bits: u64) -> Self {
        Self {
            repeats: bits & Self::REPEATS != 0,
            catches_up: bits & Self::CATCHES_UP != 0,
            reopened: bits & Self::REOPENED != 0,
            continues: bits & Self::CONTINUES != 0,
            spans: bits & Self::SPANS != 0,
        }
    }

    fn bits(self) -> u64 {
        let flags = [
            (self.repeats, Self::REPEATS),
            (self.catches_up, Self::CATCHES_UP),
            (self.reopened, Self::REOPENED),
            (self.continues, Self::CONTINUES),
            (self.spans, Self::SPANS),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set);
        set.map(|(_, bit)| bit).sum()
    }
}

/// The header of an incremental segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The generation of the log in the body.
    pub generation: Generation,
    /// The end of the segment before, plus 1. In apograph's segments of generation 2, the epoch of
    /// its first commit, which can be the end of the segment before.
    pub start_epoch: Epoch,
    /// The epoch that was current at the end of the segment.
    pub end_epoch: Epoch,
    /// Generation 1: how many log files the body was read from. Generation 2: how many commit
    /// groups it has. At most 2^48 - 1.
    pub count: u64,
    /// What apograph's capture knew; all false in a segment that the engine wrote.
    pub flags: SegmentFlags,
}

impl SegmentHeader {
    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooShort`] under 32 bytes, [`FormatError::WrongMagic`] where they do not
    /// begin with `GBAK`, [`FormatError::UnsupportedVersion`] for every version but 1 and 2.
    #[doc(alias = "read_backup_header")]
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
        let generation = match version {
            1 => Generation::One,
            2 => Generation::Two,
            other => {
                return Err(FormatError::UnsupportedVersion {
                    what: WHAT,
                    found: other.into(),
                    known: Generation::Two.number().into(),
                });
            }
        };
        let field = |offset| u64_at(header, offset).ok_or_else(short);
        let count = field(COUNT_OFFSET)?;
        Ok(Self {
            generation,
            start_epoch: Epoch::new(field(START_EPOCH_OFFSET)?),
            end_epoch: Epoch::new(field(END_EPOCH_OFFSET)?),
            count: count & COUNT_MASK,
            flags: SegmentFlags::from_bits(count),
        })
    }

    /// How many ends of log files lie inside the body, at places that nothing tells.
    ///
    /// In generation 1 the engine lays whole log files side by side, torn ends and all. apograph
    /// captures whole groups, so that in its segments no such end can be seen.
    pub const fn file_boundaries(&self) -> u64 {
        let flags = self.flags;
        let is_ours = flags.continues || flags.repeats || flags.catches_up;
        match self.generation {
            Generation::One if !is_ours => self.count.saturating_sub(1),
            _ => 0,
        }
    }

    /// The 32 bytes of the header.
    #[doc(alias = "write_backup_header")]
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let version = u32::from(self.generation.number());
        let count = (self.count & COUNT_MASK) | self.flags.bits();
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let fields = SEGMENT_MAGIC
            .into_iter()
            .chain(version.to_le_bytes())
            .chain(self.start_epoch.get().to_le_bytes())
            .chain(self.end_epoch.get().to_le_bytes())
            .chain(count.to_le_bytes());
        for (byte, value) in bytes.iter_mut().zip(fields) {
            *byte = value;
        }
        bytes
    }
}

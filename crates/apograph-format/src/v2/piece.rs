//! The body of an incremental segment of generation 2 (FORMAT.md, "Incremental segment").
//!
//! After the GBAK header stand pieces of log files up to the end of the file, each its length (8
//! bytes, little-endian) and then a log file: a header and frames. Each begins at the LSN at which
//! the one before it ends.

use std::ops::Range;

use crate::bytes::{length, u64_at};
use crate::error::{FormatError, Result};
use crate::numbers::Lsn;
use crate::v2::wal_segment::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};

/// Bytes of the length in front of a piece.
pub const PIECE_LENGTH_BYTES: usize = 8;
/// Bytes in front of the frames of a piece.
pub const PIECE_FRONT_BYTES: usize = PIECE_LENGTH_BYTES + WAL_SEGMENT_HEADER_BYTES;

const WHAT: &str = "incremental segment";

/// A piece of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The header of the log file.
    pub header: WalSegmentHeader,
    /// Where its frames begin in the body, in bytes.
    pub offset: u64,
    /// Its frames.
    pub frames: &'a [u8],
}

impl Piece<'_> {
    /// The LSN after its last frame.
    pub const fn end(&self) -> Lsn {
        self.header.first_lsn.plus(self.frames.len() as u64)
    }
}

/// Where a piece of a log file is in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceAt {
    /// The header of the log file.
    pub header: WalSegmentHeader,
    /// Where its frames begin in the body, in bytes.
    pub offset: u64,
    /// How many bytes of frames it has.
    pub frames_bytes: u64,
}

/// A walk over the pieces of a body that is not in memory, from front to front.
#[derive(Debug, Clone)]
pub struct PieceWalk {
    body_bytes: u64,
    offset: u64,
    before: Option<WalSegmentHeader>,
    end: Lsn,
}

impl PieceWalk {
    /// A walk over a body of so many bytes.
    pub const fn new(body_bytes: u64) -> Self {
        Self {
            body_bytes,
            offset: 0,
            before: None,
            end: Lsn::new(0),
        }
    }

    /// Where the front of the next piece is, of [`PIECE_FRONT_BYTES`] or as many as there are;
    /// `None` at the end of the body.
    pub fn front(&self) -> Option<Range<u64>> {
        let end = self.offset.saturating_add(PIECE_FRONT_BYTES as u64);
        let front = self.offset..end.min(self.body_bytes);
        (!front.is_empty()).then_some(front)
    }

    /// Reads the front of the next piece, and goes after that.
    ///
    /// # Errors
    ///
    /// [`FormatError::TooShort`] where the body ends before the piece does; as
    /// [`WalSegmentHeader::decode`]; [`FormatError::Malformed`] where the piece does not go on from
    /// the one before it.
    pub fn take(&mut self, front: &[u8]) -> Result<PieceAt> {
        let truncated = |need: u64| FormatError::TooShort {
            what: WHAT,
            need: self.offset.saturating_add(need),
            have: self.body_bytes,
        };
        let claimed = u64_at(front, 0).ok_or(truncated(PIECE_LENGTH_BYTES as u64))?;
        let need = claimed.saturating_add(PIECE_LENGTH_BYTES as u64);
        if need > self.body_bytes.saturating_sub(self.offset) {
            return Err(truncated(need));
        }
        let start = self.offset.saturating_add(PIECE_LENGTH_BYTES as u64);
        let file = front.get(PIECE_LENGTH_BYTES..).unwrap_or_default();
        let file =
            usize::try_from(claimed).map_or(file, |claimed| file.get(..claimed).unwrap_or(file));
        let header = WalSegmentHeader::decode(file).map_err(|error| error.shifted(start))?;
        if let Some(before) = &self.before {
            let malformed = |detail: String| FormatError::Malformed {
                what: WHAT,
                offset: start,
                detail,
            };
            if header.first_lsn != self.end {
                let (found, end) = (header.first_lsn, self.end);
                return Err(malformed(format!(
                    "a piece begins at LSN {found}, the one before it ends at {end}"
                )));
            }
            if (header.database, header.is_encrypted) != (before.database, before.is_encrypted) {
                return Err(malformed("a piece is of another database".to_owned()));
            }
        }
        let frames_bytes = claimed.saturating_sub(WAL_SEGMENT_HEADER_BYTES as u64);
        let piece = PieceAt {
            header,
            offset: start.saturating_add(WAL_SEGMENT_HEADER_BYTES as u64),
            frames_bytes,
        };
        self.offset = self.offset.saturating_add(need);
        self.before = Some(header);
        self.end = header.first_lsn.plus(frames_bytes);
        Ok(piece)
    }
}

/// The pieces in the body of an incremental segment, in order.
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    body: &'a [u8],
    walk: Option<PieceWalk>,
}

impl<'a> Pieces<'a> {
    /// The pieces in `body`, what follows the GBAK header.
    pub fn new(body: &'a [u8]) -> Self {
        let walk = Some(PieceWalk::new(length(body)));
        Self { body, walk }
    }

    fn part(&self, start: u64, end: u64) -> &'a [u8] {
        let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        self.body.get(place(start)..place(end)).unwrap_or_default()
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>>;

    fn next(&mut self) -> Option<Result<Piece<'a>>> {
        let mut walk = self.walk.take()?;
        let front = walk.front()?;
        let piece = walk
            .take(self.part(front.start, front.end))
            .map(|piece| Piece {
                header: piece.header,
                offset: piece.offset,
                frames: self.part(
                    piece.offset,
                    piece.offset.saturating_add(piece.frames_bytes),
                ),
            });
        self.walk = piece.is_ok().then_some(walk);
        Some(piece)
    }
}

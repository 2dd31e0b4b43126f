//! The body of an incremental segment of generation 2 (FORMAT.md, "Incremental segment").
//!
//! Behind the GBAK header stand pieces of log files up to the end of the file, each its length (8
//! bytes, little-endian) and then a log file: a header and frames. Each begins at the LSN at which
//! the one before it ends.

use crate::bytes::{length, u64_at};
use crate::error::{FormatError, Result};
use crate::v2::wal_segment::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use crate::words::Lsn;

/// Bytes of the length in front of a piece.
pub const PIECE_LENGTH_BYTES: usize = 8;

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
    /// The LSN behind its last frame.
    pub const fn end(&self) -> Lsn {
        self.header.first_lsn.plus(self.frames.len() as u64)
    }
}

/// The pieces in the body of an incremental segment, in order.
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    offset: u64,
    before: Option<WalSegmentHeader>,
    end: Lsn,
}

impl<'a> Pieces<'a> {
    /// The pieces in `body`, what follows the GBAK header.
    pub const fn new(body: &'a [u8]) -> Self {
        Self {
            rest: body,
            offset: 0,
            before: None,
            end: Lsn::new(0),
        }
    }

    fn take(&mut self) -> Result<Piece<'a>> {
        let truncated = |need: u64| FormatError::TooShort {
            what: WHAT,
            need: self.offset.saturating_add(need),
            have: self.offset.saturating_add(length(self.rest)),
        };
        let claimed = u64_at(self.rest, 0).ok_or(truncated(PIECE_LENGTH_BYTES as u64))?;
        let need = claimed.saturating_add(PIECE_LENGTH_BYTES as u64);
        let piece = usize::try_from(need).ok();
        let (piece, rest) = piece
            .and_then(|need| self.rest.split_at_checked(need))
            .ok_or(truncated(need))?;
        let start = self.offset.saturating_add(PIECE_LENGTH_BYTES as u64);
        let file = piece.get(PIECE_LENGTH_BYTES..).unwrap_or_default();
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
        let piece = Piece {
            header,
            offset: start.saturating_add(WAL_SEGMENT_HEADER_BYTES as u64),
            frames: file.get(WAL_SEGMENT_HEADER_BYTES..).unwrap_or_default(),
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(need);
        self.before = Some(header);
        self.end = piece.end();
        Ok(piece)
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>>;

    fn next(&mut self) -> Option<Result<Piece<'a>>> {
        if self.rest.is_empty() {
            return None;
        }
        let piece = self.take();
        if piece.is_err() {
            self.rest = &[];
        }
        Some(piece)
    }
}

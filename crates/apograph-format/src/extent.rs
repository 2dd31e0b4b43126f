//! Runs of a database file that have a checksum of their own.

use std::fmt;
use std::ops::Range;

use crate::bytes::length;
use crate::crc32::Crc32;
use crate::error::{FormatError, Result};

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
    /// A section of generation 1, by the number of its type.
    Section(u32),
    /// A chunk of a section of generation 2, by the number of the section's type.
    Chunk(u8),
}

impl fmt::Display for ExtentContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, number) = match *self {
            Self::Snapshot => return f.write_str("snapshot"),
            Self::Section(number) => ("section", number),
            Self::Chunk(number) => ("chunk", number.into()),
        };
        let section = match number {
            1 => "catalog",
            2 => "graph",
            3 => "RDF",
            4 => "compact graph",
            5 => "overlay deletions",
            10 => "vector",
            11 => "text index",
            12 => "RDF ring",
            20 => "property index",
            number => return write!(f, "{unit} of type {number}"),
        };
        write!(f, "{section} {unit}")
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
        self.check_by(length(file), |range| {
            Ok(Crc32::of(file.get(range).unwrap_or_default()))
        })
    }

    /// The same with another way to compute the CRC-32 of a range of the file.
    ///
    /// # Errors
    ///
    /// As [`Extent::check`], and that of `crc32`.
    pub fn check_by<E: From<FormatError>>(
        &self,
        file_bytes: u64,
        crc32: impl FnOnce(Range<usize>) -> std::result::Result<Crc32, E>,
    ) -> std::result::Result<(), E> {
        const WHAT: &str = "database file";
        let range = self.range().filter(|range| range.end as u64 <= file_bytes);
        let range = range.ok_or(FormatError::TooShort {
            what: WHAT,
            need: self.offset.saturating_add(self.length),
            have: file_bytes,
        })?;
        let found = crc32(range)?;
        if found == self.checksum {
            return Ok(());
        }
        let mismatch = FormatError::ChecksumMismatch {
            what: WHAT,
            offset: self.offset,
            expected: self.checksum,
            found,
        };
        Err(mismatch.into())
    }
}

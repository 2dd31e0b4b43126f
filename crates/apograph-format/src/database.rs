//! The database file of either generation, and the image in it.
//!
//! The layouts are those of [`v1`] and [`v2`]; a reader finds the generation from the file's
//! version.

use std::borrow::Cow;
use std::ops::Range;

use crate::bytes::{length, u32_at};
use crate::crc32::Crc32;
use crate::database_headers::{
    Checkpoint, DATABASE_HEADERS_BYTES, DATABASE_MAGIC, DatabaseHeaders, PAGE_BYTES,
};
use crate::error::{FormatError, Result};
use crate::extent::Extent;
use crate::generation::Generation;
use crate::{v1, v2};

const VERSION_OFFSET: usize = DATABASE_MAGIC.len();

impl DatabaseHeaders {
    /// Reads the first [`DATABASE_HEADERS_BYTES`] of a database file.
    ///
    /// # Errors
    ///
    /// [`FormatError::UnsupportedVersion`] for every version but 1 and 3; as
    /// [`v1::DatabaseHeaders::decode`] and [`v2::DatabaseHeaders::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        match generation_of(bytes)? {
            Generation::One => Ok(v1::DatabaseHeaders::decode(bytes)?.summary()),
            Generation::Two => v2::DatabaseHeaders::decode(bytes)?.summary(),
        }
    }
}

/// Which generation wrote a database file, by the magic number and the version at its front.
///
/// # Errors
///
/// [`FormatError::TooShort`] under 8 bytes, [`FormatError::WrongMagic`],
/// [`FormatError::UnsupportedVersion`] for every version but 1 and 3.
pub fn generation_of(bytes: &[u8]) -> Result<Generation> {
    const WHAT: &str = "database file header";
    let magic = bytes.first_chunk().copied();
    let version = u32_at(bytes, VERSION_OFFSET);
    let (Some(magic), Some(version)) = (magic, version) else {
        return Err(FormatError::TooShort {
            what: WHAT,
            need: PAGE_BYTES as u64,
            have: length(bytes),
        });
    };
    if magic != DATABASE_MAGIC {
        return Err(FormatError::WrongMagic {
            what: WHAT,
            found: magic,
        });
    }
    // Generation 1 writes the version as one byte, and the page size right after it.
    match version {
        v2::DATABASE_VERSION => Ok(Generation::Two),
        other if other & 0xff == v1::DATABASE_VERSION => Ok(Generation::One),
        other => Err(FormatError::UnsupportedVersion {
            what: WHAT,
            found: other.into(),
            known: v2::DATABASE_VERSION.into(),
        }),
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
    /// The directory is compared with the active slot's checksum, and every extent lies inside of
    /// the file.
    ///
    /// # Errors
    ///
    /// As [`DatabaseHeaders::decode`]; [`FormatError::TooShort`] where the file ends before an
    /// extent does; [`FormatError::ChecksumMismatch`] for the directory;
    /// [`FormatError::Malformed`] for a directory that contradicts itself.
    pub fn parse(file: &[u8]) -> Result<Self> {
        Self::parse_by(length(file), |range| {
            let place =
                |offset| usize::try_from(offset).map_or(file.len(), |it| it.min(file.len()));
            let place = place(range.start)..place(range.end);
            Ok::<_, FormatError>(file.get(place).unwrap_or_default().into())
        })
    }

    /// The same of a file that is not in memory: `read` gives the bytes of a range, as far as the
    /// file has them.
    ///
    /// # Errors
    ///
    /// As [`Image::parse`], and those of `read`.
    pub fn parse_by<'a, E: From<FormatError>>(
        file_bytes: u64,
        mut read: impl FnMut(Range<u64>) -> std::result::Result<Cow<'a, [u8]>, E>,
    ) -> std::result::Result<Self, E> {
        let front = read(0..DATABASE_HEADERS_BYTES as u64)?;
        let (headers, extents) = match generation_of(&front)? {
            Generation::One => {
                let headers = v1::DatabaseHeaders::decode(&front)?;
                let extents = v1::extents(headers.active(), file_bytes, read)?;
                (headers.summary(), extents)
            }
            Generation::Two => {
                let headers = v2::DatabaseHeaders::decode(&front)?;
                let extents = if headers.file.is_encrypted {
                    Vec::new()
                } else {
                    v2::extents(headers.active()?, file_bytes, read)?
                };
                (headers.summary()?, extents)
            }
        };
        Ok(Self { headers, extents })
    }

    /// The headers.
    pub const fn headers(&self) -> &DatabaseHeaders {
        &self.headers
    }

    /// The checkpoint that wrote the image.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.headers.checkpoint
    }

    /// Every run of data bytes with its checksum, in the order of the directory. Empty for a
    /// database that never had a checkpoint, and for an encrypted one, whose directory is sealed.
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

    /// The same with another way to compute the CRC-32 of a range of the file, such as one on all
    /// cores.
    ///
    /// # Errors
    ///
    /// As [`Image::check`], and that of `crc32`.
    pub fn check_by<E: From<FormatError>>(
        &self,
        file_bytes: u64,
        mut crc32: impl FnMut(Range<usize>) -> std::result::Result<Crc32, E>,
    ) -> std::result::Result<(), E> {
        let mut extents = self.extents.iter();
        extents.try_for_each(|extent| extent.check_by(file_bytes, &mut crc32))
    }
}

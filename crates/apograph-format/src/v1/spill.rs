//! Spilled vectors after the image in a full backup (FORMAT.md, "Spilled vectors").
//!
//! Engines of generation 1 move the embeddings of a vector index to `vectors_*.bin` in `DB.spill/`,
//! and the next image has them no more. A full backup has those files after the image that they
//! belong to: their bytes, one after the other, then this table of them, then a footer of 32 bytes.
//! The engine looks at no byte after the image, and the checksum of the segment covers all.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use crate::bytes::{length, u32_at, u64_at};
use crate::crc32::Crc32;
use crate::error::{FormatError, Result};

/// The footer, which ends the file, in bytes.
pub const SPILL_FOOTER_BYTES: usize = 32;

const WHAT: &str = "table of spilled vectors";
const MAGIC: [u8; 8] = *b"APGSPILL";
const VERSION: u32 = 1;
const VERSION_OFFSET: usize = 0;
const COUNT_OFFSET: usize = VERSION_OFFSET + 4;
const TABLE_BYTES_OFFSET: usize = COUNT_OFFSET + 4;
const CHECKSUM_OFFSET: usize = TABLE_BYTES_OFFSET + 4;
const TOTAL_BYTES_OFFSET: usize = CHECKSUM_OFFSET + 4;
const MAGIC_OFFSET: usize = TOTAL_BYTES_OFFSET + 8;
const _: () = assert!(MAGIC_OFFSET + MAGIC.len() == SPILL_FOOTER_BYTES);

/// The length of a name and of a file, and the file's checksum.
const ENTRY_BYTES: usize = 16;
const NAME_MAX_BYTES: usize = 255;
/// Of more files than an engine has indexes.
const TABLE_MAX_BYTES: u32 = 16 << 20;

/// Whether a name in the spill folder is that of a file of embeddings, which an engine reads.
pub fn is_spilled_vectors(name: &str) -> bool {
    let extension = Path::new(name).extension();
    let has_its_form = name.starts_with("vectors_")
        && extension.is_some_and(|extension| extension.eq_ignore_ascii_case("bin"));
    has_its_form && name.len() <= NAME_MAX_BYTES && !name.contains(['/', '\0'])
}

/// How many bytes at the end of a file are spilled vectors with their table, by its last
/// [`SPILL_FOOTER_BYTES`] bytes; 0 where that is no footer.
pub fn spill_bytes(footer: &[u8]) -> u64 {
    match u64_at(footer, TOTAL_BYTES_OFFSET) {
        Some(total) if footer.get(MAGIC_OFFSET..) == Some(&MAGIC[..]) => total,
        _ => 0,
    }
}

/// A file of embeddings, as it is called in the spill folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpilledFile {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub size_bytes: u64,
    /// Of its bytes.
    pub checksum: Crc32,
}

/// What the files after an image are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpillTable {
    /// The files, in the order of their bytes.
    pub files: Vec<SpilledFile>,
}

impl SpillTable {
    /// The table and the footer, which follow the bytes of the files.
    pub fn encode(&self) -> Vec<u8> {
        // Names have at most 255 bytes, and a folder has no 2^24 of them.
        let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = Vec::new();
        for file in &self.files {
            bytes.extend(short(file.name.len()));
            bytes.extend(file.size_bytes.to_le_bytes());
            bytes.extend(file.checksum.get().to_le_bytes());
            bytes.extend(file.name.as_bytes());
        }
        let table_bytes = bytes.len();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(short(self.files.len()));
        bytes.extend(short(table_bytes));
        let checksum = Crc32::of(&bytes);
        bytes.extend(checksum.get().to_le_bytes());
        let footer_rest = length(&MAGIC).saturating_add(8);
        let total = self.files.iter().map(|file| file.size_bytes).fold(
            length(&bytes).saturating_add(footer_rest),
            u64::saturating_add,
        );
        bytes.extend(total.to_le_bytes());
        bytes.extend(MAGIC);
        bytes
    }

    /// The table at the end of a full backup, and where the image before the files ends; `None`
    /// where nothing was spilled.
    ///
    /// # Errors
    ///
    /// [`FormatError`] for a footer whose table contradicts it or the file.
    pub fn decode(file: &[u8]) -> Result<Option<(Self, u64)>> {
        Self::decode_by(length(file), |range| {
            let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
            let bytes = file.get(place(range.start)..place(range.end));
            Ok::<_, FormatError>(bytes.unwrap_or_default().into())
        })
    }

    /// The same of a file that is not in memory: `read` gives the bytes of a range within it.
    ///
    /// # Errors
    ///
    /// As [`SpillTable::decode`], and those of `read`.
    pub fn decode_by<'a, E: From<FormatError>>(
        file_bytes: u64,
        mut read: impl FnMut(Range<u64>) -> std::result::Result<Cow<'a, [u8]>, E>,
    ) -> std::result::Result<Option<(Self, u64)>, E> {
        let footer_start = file_bytes.saturating_sub(SPILL_FOOTER_BYTES as u64);
        let footer = read(footer_start..file_bytes)?;
        let total = spill_bytes(&footer);
        if total == 0 {
            return Ok(None);
        }
        let version = u32_at(&footer, VERSION_OFFSET).unwrap_or_default();
        if version != VERSION {
            return Err(E::from(FormatError::UnsupportedVersion {
                what: WHAT,
                found: version.into(),
                known: VERSION.into(),
            }));
        }
        let number = |offset| u32_at(&footer, offset).unwrap_or_default();
        let table_bytes = number(TABLE_BYTES_OFFSET);
        if table_bytes > TABLE_MAX_BYTES {
            return Err(malformed("longer than any").into());
        }
        let table_start = footer_start.checked_sub(table_bytes.into());
        let table_start = table_start.ok_or_else(|| malformed("longer than the file"))?;
        let table = read(table_start..footer_start)?;
        let covered = footer.get(..CHECKSUM_OFFSET).unwrap_or_default();
        let found = Crc32::of(&table).followed_by(covered);
        let expected = Crc32::new(number(CHECKSUM_OFFSET));
        if expected != found {
            return Err(E::from(FormatError::ChecksumMismatch {
                what: WHAT,
                offset: table_start,
                expected,
                found,
            }));
        }
        Ok(Some(Self::of_table(
            &table,
            number(COUNT_OFFSET),
            total,
            file_bytes,
        )?))
    }

    fn of_table(table: &[u8], count: u32, total: u64, file_bytes: u64) -> Result<(Self, u64)> {
        let files = entries(table, count)?;
        let contents = files
            .iter()
            .try_fold(0_u64, |sum, file| sum.checked_add(file.size_bytes));
        let overhead = length(table).saturating_add(SPILL_FOOTER_BYTES as u64);
        let image_bytes = contents
            .filter(|contents| contents.checked_add(overhead) == Some(total))
            .and_then(|_| file_bytes.checked_sub(total));
        match image_bytes {
            Some(image_bytes) => Ok((Self { files }, image_bytes)),
            None => Err(malformed("other lengths than the file has")),
        }
    }

    /// Where the bytes of each file are, after an image of so many bytes.
    pub fn ranges(&self, image_bytes: u64) -> impl Iterator<Item = (&SpilledFile, Range<u64>)> {
        self.files.iter().scan(image_bytes, |start, file| {
            let end = start.saturating_add(file.size_bytes);
            let range = *start..end;
            *start = end;
            Some((file, range))
        })
    }
}

fn entries(table: &[u8], count: u32) -> Result<Vec<SpilledFile>> {
    let cut_off = || malformed("cut off");
    let mut rest = table;
    let mut files: Vec<SpilledFile> = Vec::new();
    for _ in 0..count {
        let name_bytes = u32_at(rest, 0).ok_or_else(cut_off)?;
        let size_bytes = u64_at(rest, 4).ok_or_else(cut_off)?;
        let checksum = Crc32::new(u32_at(rest, 12).ok_or_else(cut_off)?);
        let name_end = usize::try_from(name_bytes)
            .ok()
            .and_then(|length| length.checked_add(ENTRY_BYTES))
            .ok_or_else(cut_off)?;
        let name = rest.get(ENTRY_BYTES..name_end).ok_or_else(cut_off)?;
        let name = std::str::from_utf8(name)
            .ok()
            .filter(|it| is_spilled_vectors(it));
        let name = name.ok_or_else(|| malformed("a name that is none"))?;
        if files.iter().any(|file| file.name == name) {
            return Err(malformed("a name that is there twice"));
        }
        files.push(SpilledFile {
            name: name.to_owned(),
            size_bytes,
            checksum,
        });
        rest = rest.get(name_end..).unwrap_or_default();
    }
    if rest.is_empty() {
        Ok(files)
    } else {
        Err(malformed("longer than its entries"))
    }
}

fn malformed(detail: &str) -> FormatError {
    FormatError::Malformed {
        what: WHAT,
        offset: 0,
        detail: detail.to_owned(),
    }
}

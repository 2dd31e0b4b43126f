//! The comparison of a segment's file with what the manifest says of it, and of a log's end with
//! what an increment's must be.

use apograph_format::{Blake3, Crc32};
use apograph_io::{Reading, TrailingCrc32, read_crc32};
use apograph_manifest::{ChainEntry, HISTORY_FILE_NAME, Segment, Unusable};
use apograph_wal::{LogEnd, LogEndCause, LogPart, Run};

use crate::segment::SegmentDefect;

/// What a segment's file has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// What the manifest says of it.
    pub segment: &'a Segment,
    /// The hash in its record, where it has one.
    pub hash: Option<Blake3>,
}

impl<'a> From<&'a ChainEntry> for Expected<'a> {
    fn from(entry: &'a ChainEntry) -> Self {
        Self {
            segment: &entry.segment,
            hash: entry.hash,
        }
    }
}

/// Compares a segment's bytes with the size and the checksum in the manifest, and with the hash in
/// its record.
///
/// # Errors
///
/// [`SegmentDefect`].
pub fn check_file(
    bytes: &[u8],
    expected: Expected<'_>,
    reading: Reading<'_>,
) -> Result<(), SegmentDefect> {
    check_size(bytes.len() as u64, expected.segment)?;
    check_checksum(read_crc32(bytes, reading)?, expected.segment)?;
    Ok(check_hash(bytes, expected)?)
}

/// Compares a segment's size with the one in the manifest.
///
/// # Errors
///
/// [`Unusable::Damaged`].
pub fn check_size(size_bytes: u64, segment: &Segment) -> Result<(), Unusable> {
    if size_bytes == segment.size_bytes {
        return Ok(());
    }
    let expected = segment.size_bytes;
    Err(Unusable::Damaged {
        offset: size_bytes.min(expected),
        detail: format!("it has {size_bytes} bytes, the manifest says {expected}"),
    })
}

/// Compares the checksum of a segment's file with the one in the manifest.
///
/// # Errors
///
/// [`Unusable::Damaged`].
pub(crate) fn check_checksum(found: Crc32, segment: &Segment) -> Result<(), Unusable> {
    let expected = segment.checksum;
    if found == expected {
        return Ok(());
    }
    let detail = format!("its checksum is {found}, the manifest says {expected}");
    Err(Unusable::Damaged { offset: 0, detail })
}

/// Compares the hash of a segment's file with the one in its record, where it has one.
///
/// # Errors
///
/// [`Unusable::Damaged`].
pub(crate) fn check_hash(bytes: &[u8], expected: Expected<'_>) -> Result<(), Unusable> {
    if expected.hash.is_none_or(|hash| Blake3::of(bytes) == hash) {
        return Ok(());
    }
    let detail = format!("its hash is another one than {HISTORY_FILE_NAME} says: it was replaced");
    Err(Unusable::Damaged { offset: 0, detail })
}

/// The comparison of an increment's file with the manifest and its record, beside the reading of its log.
#[derive(Debug)]
pub struct FileCheck<'a> {
    expected: Expected<'a>,
    bytes: &'a [u8],
    crc32: FileCrc32<'a>,
}

#[derive(Debug)]
enum FileCrc32<'a> {
    Read(Crc32),
    Trailing(TrailingCrc32<'a>),
}

impl<'a> FileCheck<'a> {
    /// The check of a file that is read now.
    ///
    /// # Errors
    ///
    /// [`IoError::Interrupted`](apograph_io::IoError::Interrupted).
    pub fn first(
        bytes: &'a [u8],
        expected: Expected<'a>,
        reading: Reading<'_>,
    ) -> apograph_io::Result<Self> {
        Ok(Self {
            expected,
            bytes,
            crc32: FileCrc32::Read(read_crc32(bytes, reading)?),
        })
    }

    /// The check of a file whose log is about to be read: each byte of it is read once for both.
    pub fn trailing(bytes: &'a [u8], expected: Expected<'a>) -> Self {
        Self {
            expected,
            bytes,
            crc32: FileCrc32::Trailing(TrailingCrc32::of(bytes)),
        }
    }

    /// A run of a part of the log was read, and all of the file before it.
    pub fn passed(&mut self, run: Run, parts: &[LogPart<'_>]) {
        if let (FileCrc32::Trailing(crc32), Some(part)) = (&mut self.crc32, parts.get(run.part)) {
            let end = part.file_offset.saturating_add(run.end as u64);
            crc32.read_to(usize::try_from(end).unwrap_or(usize::MAX));
        }
    }

    /// Whether the file was read, and is the one that the manifest means.
    pub fn is_known_sound(&self) -> bool {
        match self.crc32 {
            FileCrc32::Read(found) => self.compare(found).is_ok(),
            FileCrc32::Trailing(_) => false,
        }
    }

    /// What the file is, once the rest of it was read too.
    ///
    /// # Errors
    ///
    /// [`Unusable::Damaged`].
    pub fn finish(mut self) -> Result<(), Unusable> {
        let found = match &mut self.crc32 {
            FileCrc32::Read(found) => *found,
            FileCrc32::Trailing(crc32) => crc32.finish(),
        };
        self.compare(found)
    }

    fn compare(&self, found: Crc32) -> Result<(), Unusable> {
        check_size(self.bytes.len() as u64, self.expected.segment)?;
        check_checksum(found, self.expected.segment)?;
        check_hash(self.bytes, self.expected)
    }
}

/// Tells whether the log in an increment ends as it must: with a whole group, at its end.
///
/// # Errors
///
/// [`Unusable::Damaged`] with the place in the file.
pub fn check_end(end: LogEnd, parts: &[LogPart<'_>]) -> Result<(), Unusable> {
    let (place, detail) = match end.cause {
        LogEndCause::Clean => return Ok(()),
        LogEndCause::Damage { defect, .. } if defect.is_unsupported() => {
            let detail = defect.to_string();
            return Err(Unusable::Unsupported { detail });
        }
        LogEndCause::Damage { place, defect } => (place, defect.to_string()),
        _ => (end.place, "it ends within a commit group".to_owned()),
    };
    let part = parts.get(place.part);
    let offset = part.map_or(0, |part| {
        part.file_offset.saturating_add(place.offset as u64)
    });
    Err(Unusable::Damaged { offset, detail })
}

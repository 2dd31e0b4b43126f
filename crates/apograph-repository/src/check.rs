//! The comparison of a segment's file with what the manifest says of it, and of a log's end with
//! what an increment's must be.

use apograph_format::{Blake3, Detail};
use apograph_io::{Bytes, Context, IoError, Sums, SumsBehind, sums, sums_behind};
use apograph_manifest::{ChainEntry, HISTORY_FILE_NAME, Segment, Unusable};
use apograph_wal::{LogEnd, LogEndCause, LogPart, Run};

use crate::segment_defect::SegmentDefect;

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

impl Expected<'_> {
    /// Compares what was found of a file with the size and the checksum in the manifest, and with
    /// the hash in its record.
    ///
    /// # Errors
    ///
    /// [`Unusable::Damaged`].
    pub fn check(&self, size_bytes: usize, found: Sums) -> Result<(), Unusable> {
        check_size(size_bytes as u64, self.segment)?;
        let expected = self.segment.checksum;
        let detail = if found.crc32 != expected {
            let found = found.crc32;
            format!("its checksum is {found}, the manifest says {expected}")
        } else if self.hash.is_some_and(|hash| hash != found.blake3) {
            format!("its hash is another one than {HISTORY_FILE_NAME} says: it was replaced")
        } else {
            return Ok(());
        };
        Err(Unusable::damaged(0, detail))
    }
}

/// Compares a segment's bytes with the size and the checksum in the manifest, and with the hash in
/// its record; tells both sums.
///
/// # Errors
///
/// [`SegmentDefect`].
pub fn check_file(
    bytes: Bytes<'_>,
    expected: Expected<'_>,
    context: Context<'_>,
) -> Result<Sums, SegmentDefect> {
    check_size(bytes.len() as u64, expected.segment)?;
    let found = sums(bytes, context)?;
    expected.check(bytes.len(), found)?;
    Ok(found)
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
    let detail = format!("it has {size_bytes} bytes, the manifest says {expected}");
    Err(Unusable::damaged(size_bytes.min(expected), detail))
}

/// The comparison of an increment's file with the manifest and its record, beside the reading of
/// its log.
pub enum FileCheck<'a> {
    /// All of the file was read already, and is the one that is meant, or not.
    Known {
        /// Whether it is.
        is_sound: bool,
    },
    /// The sums follow the reader: each byte is read from the disk once.
    Behind(&'a SumsBehind<'a>),
    /// The file is not summed now.
    Later,
}

impl FileCheck<'_> {
    /// A run of a part of the log was read, and all of the file before it.
    pub fn passed(&self, run: Run, parts: &[LogPart<'_>]) {
        if let (Self::Behind(sums), Some(part)) = (self, parts.get(run.part)) {
            let end = part.file_offset.saturating_add(run.end as u64);
            sums.read_to(usize::try_from(end).unwrap_or(usize::MAX));
        }
    }

    /// Whether the file was read, and is the one that is meant.
    pub const fn is_known_sound(&self) -> bool {
        matches!(self, Self::Known { is_sound: true })
    }
}

/// Reads the log in an increment's file, and tells beside that what the file is. `first` reads all
/// of the file before its log; so does a pace, which counts each byte once.
///
/// # Errors
///
/// That of `read`, and that of the operating system.
pub fn check_beside<R, E: From<IoError>>(
    bytes: Bytes<'_>,
    context: Context<'_>,
    expected: Expected<'_>,
    first: bool,
    read: impl FnOnce(&FileCheck<'_>) -> Result<R, E>,
) -> Result<(R, Sums, Result<(), Unusable>), E> {
    if first || !context.pace.is_unlimited() {
        let found = sums(bytes, context)?;
        let is_as_expected = expected.check(bytes.len(), found);
        let is_sound = is_as_expected.is_ok();
        let read = read(&FileCheck::Known { is_sound })?;
        return Ok((read, found, is_as_expected));
    }
    let (read, found) = sums_behind(bytes, context, |sums| read(&FileCheck::Behind(sums)))?;
    Ok((read, found, expected.check(bytes.len(), found)))
}

/// Tells whether the log in an increment ends as it must: with a whole group, at its end.
///
/// # Errors
///
/// [`Unusable::Damaged`] with the place in the file, or [`Unusable::Unsupported`].
pub fn check_end(end: Option<LogEnd>, parts: &[LogPart<'_>]) -> Result<(), Unusable> {
    let Some(end) = end else {
        return Ok(());
    };
    let (place, detail) = match end.cause {
        LogEndCause::Clean => return Ok(()),
        LogEndCause::Damage { defect, .. } if defect.is_unsupported() => {
            let detail = defect.into();
            return Err(Unusable::Unsupported { detail });
        }
        LogEndCause::Damage { place, defect } => (place, Detail::from(defect)),
        _ => (end.place, "it ends within a commit group".into()),
    };
    let part = parts.get(place.part);
    let offset = part.map_or(0, |part| {
        part.file_offset.saturating_add(place.offset as u64)
    });
    Err(Unusable::damaged(offset, detail))
}

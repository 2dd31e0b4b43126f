//! A segment's file, opened: its bytes and its structure.

use std::path::Path;

use apograph_format::{
    Crc32, FormatError, Image, LogSequence, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use apograph_io::{IoError, Mapped, Threads, crc32};
use apograph_manifest::{ImageIdentity, Segment, Unusable};
use apograph_wal::{LogEnd, LogEndCause, LogPart};

/// An increment's file, mapped, with its header read.
#[derive(Debug)]
pub struct IncrementFile {
    bytes: Mapped,
    /// The header.
    pub header: SegmentHeader,
}

impl IncrementFile {
    /// Opens the increment at `path`.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn open(path: &Path) -> Result<Self, SegmentDefect> {
        let bytes = Mapped::open(path)?;
        let header = SegmentHeader::decode(&bytes)?;
        Ok(Self { bytes, header })
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The log frames in it.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(SEGMENT_HEADER_BYTES..).unwrap_or_default()
    }

    /// The log frames from `skip_bytes` on, as a part of a log.
    pub fn part(&self, skip_bytes: u64) -> LogPart<'_> {
        let skip = usize::try_from(skip_bytes).unwrap_or(usize::MAX);
        LogPart {
            sequence: LogSequence::default(),
            file_offset: (SEGMENT_HEADER_BYTES as u64).saturating_add(skip_bytes),
            bytes: self.body().get(skip..).unwrap_or_default(),
            joints: self.header.joints(),
        }
    }
}

/// A full backup's file, mapped, with its structure read.
#[derive(Debug)]
pub struct FullFile {
    bytes: Mapped,
    /// The structure.
    pub image: Image,
}

impl FullFile {
    /// Opens the full backup at `path`.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn open(path: &Path) -> Result<Self, SegmentDefect> {
        let bytes = Mapped::open(path)?;
        let image = Image::parse(&bytes)?;
        Ok(Self { bytes, image })
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which database and checkpoint the image is of.
    pub fn identity(&self) -> ImageIdentity {
        let checkpoint = self.image.checkpoint();
        ImageIdentity {
            database_created_at: self.image.headers().file.created_at,
            iteration: checkpoint.iteration,
            checksum: checkpoint.checksum,
        }
    }
}

/// Why a segment's file cannot be used.
#[derive(Debug)]
pub enum SegmentDefect {
    /// It is not there, or the operating system does not give it.
    Io(IoError),
    /// Its bytes are not those of a segment.
    Unusable(Unusable),
}

impl From<IoError> for SegmentDefect {
    fn from(error: IoError) -> Self {
        if error.is_not_found() {
            Self::Unusable(Unusable::Missing)
        } else {
            Self::Io(error)
        }
    }
}

impl From<Unusable> for SegmentDefect {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}

impl From<FormatError> for SegmentDefect {
    fn from(error: FormatError) -> Self {
        let detail = error.to_string();
        Self::Unusable(match error {
            FormatError::UnsupportedVersion { .. } => Unusable::Unsupported { detail },
            _ => Unusable::Damaged {
                offset: error.offset(),
                detail,
            },
        })
    }
}

/// Compares a segment's bytes with the size and the checksum in the manifest.
///
/// # Errors
///
/// [`Unusable::Damaged`].
pub fn check_file(bytes: &[u8], segment: &Segment, threads: Threads) -> Result<(), Unusable> {
    check_size(bytes.len() as u64, segment)?;
    let found: Crc32 = crc32(bytes, threads);
    if found == segment.checksum {
        return Ok(());
    }
    let expected = segment.checksum;
    let detail = format!("its checksum is {found}, the manifest says {expected}");
    Err(Unusable::Damaged { offset: 0, detail })
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

/// Tells whether the log in an increment ends as it must: with a whole group, at its end.
///
/// # Errors
///
/// [`Unusable::Damaged`] with the place in the file.
pub fn check_end(end: LogEnd, part: &LogPart<'_>) -> Result<(), Unusable> {
    let offset = |offset: usize| part.file_offset.saturating_add(offset as u64);
    let (offset, detail) = match end.cause {
        LogEndCause::Clean => return Ok(()),
        LogEndCause::Damage { place, defect } => (offset(place.offset), defect.to_string()),
        LogEndCause::StrayEpoch { place, epoch } => (
            offset(place.offset),
            format!("epoch {epoch} without a commit"),
        ),
        _ => (
            offset(end.place.offset),
            "it ends within a commit group".to_owned(),
        ),
    };
    Err(Unusable::Damaged { offset, detail })
}

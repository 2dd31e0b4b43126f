//! A copy of a database file, read back.

use apograph_format::{Blake3, Crc32, Epoch, FormatError, Image, LogPosition};
use apograph_io::{IoError, PartsCrc32, Reading, StagedFile};

use crate::error::Result;

/// A copy of the database file in which every checksum agrees, under its temporary name.
pub(crate) struct ImageCopy<'d> {
    pub(crate) file: StagedFile<'d>,
    pub(crate) image: Image,
    pub(crate) size_bytes: u64,
    /// That of the whole file.
    pub(crate) checksum: Crc32,
    pub(crate) hash: Blake3,
}

impl<'d> ImageCopy<'d> {
    /// Makes a copy durable, and reads it back meanwhile, once, for all its checksums.
    pub(crate) fn read_back(
        mut file: StagedFile<'d>,
        reading: Reading<'_>,
    ) -> Result<std::result::Result<Self, FormatError>> {
        let read = file.sync_and_read(|bytes| {
            let image = Image::parse(bytes)?;
            let mut crc32 = PartsCrc32::of(bytes, reading);
            let mut part = |range| crc32.part(range).map_err(Defect::Unread);
            image.check_by(bytes, &mut part)?;
            let checksum = crc32.whole().map_err(Defect::Unread)?;
            Ok((image, bytes.len() as u64, checksum, Blake3::of(bytes)))
        })?;
        match read {
            Ok((image, size_bytes, checksum, hash)) => Ok(Ok(Self {
                file,
                image,
                size_bytes,
                checksum,
                hash,
            })),
            Err(Defect::Damaged(error)) => Ok(Err(error)),
            Err(Defect::Unread(error)) => Err(error.into()),
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.image.checkpoint().epoch
    }

    /// Generation 2: where the log behind the image begins.
    pub(crate) fn log_start(&self) -> Option<LogPosition> {
        self.image.checkpoint().log_start.map(LogPosition::Lsn)
    }
}

/// Why a copy is not known to be a sound image.
enum Defect {
    Unread(IoError),
    Damaged(FormatError),
}

impl From<FormatError> for Defect {
    fn from(error: FormatError) -> Self {
        Self::Damaged(error)
    }
}

//! A copy of a database file, read back.

use apograph_format::{Epoch, FormatError, Image, LogPosition};
use apograph_io::{Context, IoError, StagedFile, Sums};
use apograph_repository::{check_image, parse_image};

use crate::error::Result;

/// A copy of the database file in which every checksum agrees, under its temporary name.
pub(crate) struct ImageCopy<'d> {
    pub(crate) file: StagedFile<'d>,
    pub(crate) image: Image,
    pub(crate) size_bytes: u64,
    /// Those of the whole file.
    pub(crate) sums: Sums,
}

impl<'d> ImageCopy<'d> {
    /// Makes a copy durable, and reads it back meanwhile, once, for all its checksums.
    pub(crate) fn read_back(
        mut file: StagedFile<'d>,
        context: Context<'_>,
    ) -> Result<std::result::Result<Self, FormatError>> {
        let read = file.sync_and_read(|bytes| {
            let image = parse_image::<Defect>(bytes)?;
            let sums = check_image::<Defect>(&image, bytes, context)?;
            Ok((image, bytes.len() as u64, sums))
        })?;
        match read {
            Ok((image, size_bytes, sums)) => Ok(Ok(Self {
                file,
                image,
                size_bytes,
                sums,
            })),
            Err(Defect::Damaged(error)) => Ok(Err(error)),
            Err(Defect::Unread(error)) => Err(error.into()),
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.image.checkpoint().epoch
    }

    /// Generation 2: where the log after the image begins.
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

impl From<IoError> for Defect {
    fn from(error: IoError) -> Self {
        Self::Unread(error)
    }
}

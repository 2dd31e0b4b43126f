//! A copy of a database file, read back.

use apograph_format::{Blake3, Crc32, Epoch, FormatError, Image, LogPosition};
use apograph_io::{Pace, PartsCrc32, StagedFile, Threads};

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
        threads: Threads,
    ) -> Result<std::result::Result<Self, FormatError>> {
        let read = file.sync_and_read(|bytes| {
            let image = Image::parse(bytes)?;
            let pace = Pace::default();
            let mut crc32 = PartsCrc32::of(bytes, threads, &pace);
            image.check_by(bytes, |range| crc32.part(range))?;
            Ok((image, bytes.len() as u64, crc32.whole(), Blake3::of(bytes)))
        })?;
        Ok(read.map(|(image, size_bytes, checksum, hash)| Self {
            file,
            image,
            size_bytes,
            checksum,
            hash,
        }))
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.image.checkpoint().epoch
    }

    /// Generation 2: where the log behind the image begins.
    pub(crate) fn log_start(&self) -> Option<LogPosition> {
        self.image.checkpoint().log_start.map(LogPosition::Lsn)
    }
}

//! A log file, held open.
//!
//! The bytes that were read of a log file never change, but for one case: the engine of generation
//! 2 cuts off a group that it could not write, and writes another in its place. Of its newest file
//! a copy in memory is read.

use std::fs::File;
use std::path::{Path, PathBuf};

use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{LogPosition, LogSequence, Lsn};
use apograph_io::{Bytes, FileStatus, Source};

use crate::error::{Result, WalError};
use crate::part::LogPart;

/// A log file, held open.
#[derive(Debug)]
pub struct LogFile {
    /// Its path.
    pub path: PathBuf,
    of: FileOf,
    live: Source,
}

/// What tells a log file from the others of its log.
#[derive(Debug)]
enum FileOf {
    /// Generation 1: the number in its name.
    One(LogSequence),
    /// Generation 2.
    Two {
        /// Its header, which has the position that is in its name.
        header: Box<WalSegmentHeader>,
        /// What is read in its place.
        copy: Option<Source>,
    },
}

impl LogFile {
    /// A log file that has a position in its name; `None` where it is one of generation 2 that is
    /// not begun yet. Of the newest so many bytes of frames are not read.
    pub(crate) fn open(
        file: File,
        path: PathBuf,
        start: LogPosition,
        newest: Option<u64>,
    ) -> Result<Option<Self>> {
        let live = Source::of(file, &path)?;
        let of = match start {
            LogPosition::File(place) => FileOf::One(place.sequence),
            LogPosition::Lsn(start) => {
                // The engine of generation 2 can cut the newest file.
                let copy = newest.map(|unread| snapshot(&live, unread)).transpose()?;
                let bytes = copy.as_ref().unwrap_or(&live).bytes();
                // The engine was cut off while it created the newest file, or does it just now.
                if newest.is_some() && is_unfinished(bytes)? {
                    return Ok(None);
                }
                let header = Box::new(read_header(bytes, &path, start)?);
                FileOf::Two { header, copy }
            }
        };
        Ok(Some(Self { path, of, live }))
    }

    /// The position in its name: that of its first frame.
    pub const fn start(&self) -> LogPosition {
        match &self.of {
            FileOf::One(sequence) => LogPosition::in_file(*sequence, 0),
            FileOf::Two { header, .. } => LogPosition::Lsn(header.first_lsn),
        }
    }

    /// Generation 1: the number in its name.
    pub const fn sequence(&self) -> Option<LogSequence> {
        match &self.of {
            FileOf::One(sequence) => Some(*sequence),
            FileOf::Two { .. } => None,
        }
    }

    /// Generation 2: its header.
    pub const fn header(&self) -> Option<&WalSegmentHeader> {
        match &self.of {
            FileOf::One(_) => None,
            FileOf::Two { header, .. } => Some(header),
        }
    }

    /// The open file.
    pub const fn file(&self) -> &File {
        self.live.file()
    }

    /// What tells it from others, and from itself once it was changed, as it was when it was
    /// opened.
    pub const fn status(&self) -> FileStatus {
        self.live.status()
    }

    /// The bytes that it had when it was opened.
    pub fn bytes(&self) -> Bytes<'_> {
        match &self.of {
            FileOf::Two {
                copy: Some(copy), ..
            } => copy.bytes(),
            _ => self.live.bytes(),
        }
    }

    /// All its frames, as a part of a log.
    pub fn part(&self) -> LogPart<'_> {
        let bytes = self.bytes();
        match &self.of {
            FileOf::One(sequence) => LogPart::of_file(*sequence, 0, bytes),
            FileOf::Two { header, .. } => {
                LogPart::of_segment(header, bytes.skip(WAL_SEGMENT_HEADER_BYTES))
            }
        }
    }

    /// The same with all that was written into it since.
    pub(crate) fn renewed(self) -> Result<Self> {
        let live = self.live.renewed()?;
        let of = match self.of {
            FileOf::Two { header, .. } => FileOf::Two { header, copy: None },
            of @ FileOf::One(_) => of,
        };
        Ok(Self { of, live, ..self })
    }

    /// Whether it is the one that goes on from another.
    pub(crate) fn goes_on_from(&self, other: &Self) -> bool {
        match (&other.of, &self.of) {
            (FileOf::One(before), FileOf::One(found)) => before.next() == Some(*found),
            _ => other.part().end() == self.start(),
        }
    }
}

/// A copy of a log file without so many bytes of its frames.
fn snapshot(live: &Source, unread: u64) -> Result<Source> {
    let header = WAL_SEGMENT_HEADER_BYTES as u64;
    let unread = header..header.saturating_add(unread);
    let copy = Source::snapshot(live.file(), live.path(), unread)?;
    // Zeros that were not read are not the file's.
    if is_unfinished(copy.bytes())? {
        return Ok(Source::snapshot(live.file(), live.path(), 0..0)?);
    }
    Ok(copy)
}

/// Whether a log file holds no header yet.
fn is_unfinished(file: Bytes<'_>) -> Result<bool> {
    if !WalSegmentHeader::is_unfinished(&file.slice(0..WAL_SEGMENT_HEADER_BYTES).read()?) {
        return Ok(false);
    }
    let mut is_zero = true;
    file.skip(WAL_SEGMENT_HEADER_BYTES).for_each(|piece| {
        is_zero = is_zero && piece.iter().all(|&byte| byte == 0);
    })?;
    Ok(is_zero)
}

fn read_header(file: Bytes<'_>, path: &Path, named: Lsn) -> Result<WalSegmentHeader> {
    let path = path.to_owned();
    match WalSegmentHeader::decode(&file.slice(0..WAL_SEGMENT_HEADER_BYTES).read()?) {
        Ok(header) if header.first_lsn == named => Ok(header),
        Ok(header) => Err(WalError::Renamed {
            path,
            first: header.first_lsn,
        }),
        Err(source) => Err(WalError::Header { path, source }),
    }
}

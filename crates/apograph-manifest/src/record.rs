//! `apograph.json`: what was found out about each segment when it was captured or first read.
//!
//! The manifest names epochs, which repeat; the record of a segment says which timelines it has
//! and which of their epochs, and where in the log it begins and ends. All of that can be read
//! again from the segments, except for their places in the log: losing the file costs one scan,
//! and the bytes themselves then have to prove where the chain goes on. What is lost with it too is
//! the proof that a segment's file is the one that was captured: the manifest has a CRC-32 of it,
//! which for an increment of generation 1 follows from the lengths of its frames.
//!
//! The file has a line for each publish, `{"crc32":"…","body":{…}}`, where the checksum covers all
//! bodies up to there. A publish adds its line after the last one ([`append_records`]); whatever
//! else changes writes the file anew ([`write_records`]). From the first line on that does not
//! match its checksum the file says nothing: then it is as one of an earlier moment, and no line of
//! it is ever trusted against the manifest.

mod lines;
mod segment_record;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use apograph_io::{Bytes, Disk, Folder, Mode, replace_file_with};

use lines::{Content, LinesEnd};
pub use segment_record::{RecordRef, SegmentRecord};

use crate::error::Result;
use crate::evidence::Evidence;
use crate::manifest::check_length;
use crate::verification::FileStamp;

/// The name of the file in a repository.
pub const HISTORY_FILE_NAME: &str = "apograph.json";
/// The most bytes that the file may have.
pub const HISTORY_MAX_BYTES: u64 = 256 << 20;

/// What is known of a repository beyond its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// The records of the manifest's segments, in order, as far as they are known.
    pub records: Vec<SegmentRecord>,
    /// What the newest publish wrote down of the log; `None` where it was the engine's.
    pub evidence: Option<Evidence>,
}

/// What `apograph.json` says beside its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRead {
    /// What the newest publish wrote down of the log.
    pub evidence: Option<Evidence>,
    /// Where a publish adds its line; `None` where the file has to be written anew.
    pub end: Option<HistoryEnd>,
}

/// The end of an `apograph.json` that was read to its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryEnd {
    lines: LinesEnd,
    /// Which file that was.
    stamp: FileStamp,
}

impl HistoryEnd {
    /// That of a file whose lines end there; `None` where something stands after them, as what a
    /// killed command left, or where the file has a name outside of this repository: a copy made of
    /// links is not to change with it.
    fn of(lines: LinesEnd, file: &Metadata) -> Option<Self> {
        let is_own = file.nlink() == 1 && file.len() == lines.length;
        is_own.then(|| Self {
            lines,
            stamp: file.into(),
        })
    }
}

impl History {
    /// Reads the content of a file; `None` where not all of it can be read, or it is of another
    /// format.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        // Memory gives what is in it.
        Self::read(bytes.into()).ok().flatten()
    }

    /// Reads a file line by line; `None` as [`History::decode`].
    ///
    /// # Errors
    ///
    /// [`IoError::Unreadable`](apograph_io::IoError::Unreadable) and
    /// [`IoError::EndedEarly`](apograph_io::IoError::EndedEarly).
    pub fn read(file: Bytes<'_>) -> apograph_io::Result<Option<Self>> {
        let mut records = Vec::new();
        let read = lines::decode(file, |record| records.push(record))?;
        let whole = read.filter(|(_, end)| end.length == file.len() as u64);
        Ok(whole.map(|(evidence, _)| Self { records, evidence }))
    }

    /// The content of the file.
    pub fn encode(&self) -> Vec<u8> {
        let content = Content {
            records: self.records.iter().map(RecordRef::from),
            evidence: self.evidence.as_ref(),
        };
        let mut bytes = Vec::new();
        // Memory takes what it is given.
        let _ = content.write(&mut bytes);
        bytes
    }
}

/// Reads `apograph.json` of a repository, as far as it can be read; an empty history where it is
/// lost.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn read_history(repository: &Folder) -> Result<History> {
    let mut records = Vec::new();
    let read = read_records(repository, |record| records.push(record))?;
    let evidence = read.and_then(|read| read.evidence);
    Ok(History { records, evidence })
}

/// Hands the records in `apograph.json` out one by one, as far as it can be read, so that no two of
/// them are in memory. `None` where it is lost: not there, damaged from its first line on, of
/// another format, or a file that this user may not read.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn read_records(
    repository: &Folder,
    each: impl FnMut(SegmentRecord),
) -> Result<Option<HistoryRead>> {
    let at = repository.at(HISTORY_FILE_NAME);
    let found = at.metadata()?;
    let source = match at.source() {
        Err(error) if error.is_not_found() || error.is_not_permitted() => return Ok(None),
        source => source?,
    };
    check_length(source.len() as u64, HISTORY_MAX_BYTES, at)?;
    let read = lines::decode(source.bytes(), each)?;
    Ok(read.map(|(evidence, lines)| HistoryRead {
        evidence,
        end: found.and_then(|file| HistoryEnd::of(lines, &file)),
    }))
}

/// Adds what a publish says after the end of `apograph.json`, durably: the records of segments that
/// lie after those that it has, and the evidence. `false` where that cannot be: it is another file
/// by now, or would be too long. Cut off in between, the file says what it said before.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn append_records(
    disk: &dyn Disk,
    repository: &Folder,
    end: &HistoryEnd,
    records: &[RecordRef<'_>],
    evidence: Option<&Evidence>,
) -> Result<bool> {
    let at = repository.at(HISTORY_FILE_NAME);
    let found = at.metadata()?;
    let found = found.and_then(|file| HistoryEnd::of(end.lines, &file));
    match end.lines.next(records, evidence) {
        Some((line, behind)) if found == Some(*end) && behind.length <= HISTORY_MAX_BYTES => {
            disk.rewrite(at, behind.length, &[(end.lines.length, &line)])?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Replaces `apograph.json` of a repository, whole and durably.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn write_history(
    disk: &dyn Disk,
    repository: &Folder,
    mode: Mode,
    history: &History,
) -> Result<()> {
    let records = history.records.iter().map(RecordRef::from);
    write_records(disk, repository, mode, records, history.evidence.as_ref())
}

/// The same, of records that lie anywhere.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn write_records<'a>(
    disk: &dyn Disk,
    repository: &Folder,
    mode: Mode,
    records: impl Iterator<Item = RecordRef<'a>> + Clone,
    evidence: Option<&'a Evidence>,
) -> Result<()> {
    let at = repository.at(HISTORY_FILE_NAME);
    let content = Content { records, evidence };
    check_length(content.len(), HISTORY_MAX_BYTES, at)?;
    Ok(replace_file_with(disk, at, mode, |out| {
        content.write(out).map(drop)
    })?)
}

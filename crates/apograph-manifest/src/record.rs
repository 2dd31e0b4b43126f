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
//! else changes writes the file anew ([`write_records`]). From the first line on that does not match
//! its checksum the file says nothing: then it is as one of an earlier moment, and no line of it is
//! ever trusted against the manifest.

mod lines;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use apograph_format::{
    Blake3, Crc32, DatabaseHeaders, DatabaseId, Epoch, Generation, LogPosition, Point, RangeSet,
    Timeline, UnixMillis,
};
use apograph_io::{Bytes, Disk, Folder, Mode, replace_file_with};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use lines::{Content, LinesEnd};

use crate::error::Result;
use crate::evidence::Evidence;
use crate::manifest::check_length;
use crate::segment::Segment;
use crate::verification::{FileStamp, FoundDamage, Verification};

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

/// What is known of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// What the manifest said of it.
    pub segment: Segment,
    /// The hash of its file.
    pub hash: Blake3,
    /// What is in it.
    pub content: SegmentContent,
    /// The numbers of its timelines are a guess: they were counted after a segment of which
    /// nothing was known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_uncounted: bool,
    /// When its file was last found sound; `None` where it was not verified, or was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verification>,
    /// What was found wrong with its file when that was last verified; `None` where nothing was, or
    /// the file was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<FoundDamage>,
}

/// A [`SegmentRecord`] whose parts lie in a chain or in another record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecordRef<'a> {
    /// What the manifest says of it.
    pub segment: &'a Segment,
    /// As in [`SegmentRecord`].
    pub hash: Blake3,
    /// What is in it.
    pub content: &'a SegmentContent,
    /// As in [`SegmentRecord`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_uncounted: bool,
    /// As in [`SegmentRecord`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verification>,
    /// As in [`SegmentRecord`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<&'a FoundDamage>,
}

impl<'a> From<&'a SegmentRecord> for RecordRef<'a> {
    fn from(record: &'a SegmentRecord) -> Self {
        Self {
            segment: &record.segment,
            hash: record.hash,
            content: &record.content,
            is_uncounted: record.is_uncounted,
            verified: record.verified,
            damaged: record.damaged.as_ref(),
        }
    }
}

impl From<RecordRef<'_>> for SegmentRecord {
    fn from(record: RecordRef<'_>) -> Self {
        Self {
            segment: record.segment.clone(),
            hash: record.hash,
            content: record.content.clone(),
            is_uncounted: record.is_uncounted,
            verified: record.verified,
            damaged: record.damaged.cloned(),
        }
    }
}

/// What is in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentContent {
    /// A copy of the database file.
    Full(Box<FullContent>),
    /// A part of the log.
    Increment(Box<IncrementContent>),
}

impl SegmentContent {
    /// Whether it says which timeline the chain is in after it.
    pub fn names_timeline(&self) -> bool {
        match self {
            Self::Full(_) => true,
            Self::Increment(increment) => !increment.stretches.is_empty(),
        }
    }
}

impl From<FullContent> for SegmentContent {
    fn from(content: FullContent) -> Self {
        Self::Full(Box::new(content))
    }
}

impl From<IncrementContent> for SegmentContent {
    fn from(content: IncrementContent) -> Self {
        Self::Increment(Box::new(content))
    }
}

/// What is in a full backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullContent {
    /// Which database, at which checkpoint.
    pub image: ImageIdentity,
    /// The timeline and the epoch of the image, by its header.
    pub base: Point,
    /// Whether the log before it goes on after it, proved.
    pub continues: bool,
    /// Where the log after the image begins. An image of generation 2 says it; in generation 1 it
    /// is unknown for what the engine captured, and where the database was closed.
    pub log_start: Option<LogPosition>,
    /// Generation 2: the increment after it says that the log goes on across it. Before that, it was
    /// a point of a timeline of its own, whose number nothing else gets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spanned: bool,
}

impl FullContent {
    /// Whether the image can hold commits after its epoch: in generation 1 it is written while
    /// they go on.
    pub fn may_be_ahead(&self) -> bool {
        self.image.generation() == Generation::One && self.image.iteration > 0
    }
}

/// What tells one image of a database from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageIdentity {
    /// When the database was created. Restored copies keep it.
    pub database_created_at: UnixMillis,
    /// How many checkpoints it had had.
    pub iteration: u64,
    /// The checksum in the active slot, which covers all data through the directory.
    pub checksum: Crc32,
    /// Wall clock of the checkpoint.
    #[serde(default)]
    pub written_at: UnixMillis,
    /// Generation 2: the id of the database. Restored copies keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseId>,
    /// Whether the image is encrypted, and the log after it too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_encrypted: bool,
}

impl ImageIdentity {
    /// The image that a database file's headers are of.
    pub fn of(headers: &DatabaseHeaders) -> Self {
        let (file, checkpoint) = (&headers.file, &headers.checkpoint);
        Self {
            database_created_at: file.created_at,
            iteration: checkpoint.iteration,
            checksum: checkpoint.checksum,
            written_at: checkpoint.written_at,
            database: file.id,
            is_encrypted: file.is_encrypted,
        }
    }

    /// The generation of the image.
    pub const fn generation(&self) -> Generation {
        match self.database {
            Some(_) => Generation::Two,
            None => Generation::One,
        }
    }

    /// Whether both are images of one database, or of copies of it.
    pub fn is_of_same_database(&self, other: &Self) -> bool {
        self.database == other.database
            && (self.database.is_some() || self.database_created_at == other.database_created_at)
    }
}

/// What is in an increment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the segment"
)]
pub struct IncrementContent {
    /// Where in the log it lies; unknown for what the engine of generation 1 captured.
    pub range: Option<LogRange>,
    /// Generation 2: from when to when its commits were written; unknown where they are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<TimeSpan>,
    /// Whether its records are encrypted: their epochs and times are not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_encrypted: bool,
    /// Generation 2: whether its front, which repeats the log before it, holds other bytes: it is
    /// of another copy of the database.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub diverges: bool,
    /// How many bytes at its front repeat the end of the segment before. The engine captures
    /// whole log files, also where a part of the first one is captured already.
    pub overlap_bytes: u64,
    /// It begins right where the segment before it ends, proved when it was captured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
    /// It repeats commits from before the full backup in front of it.
    pub repeats: bool,
    /// The image in front of it may hold some of its commits.
    pub catches_up: bool,
    /// Generation 2: it begins where the log before the full backup in front of it ended, and goes
    /// on past that backup, which so is of the same log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spans: bool,
    /// The stretches of timelines in it, in log order.
    pub stretches: TimelineSpans,
    /// Whether the process that wrote the last stretch is known to have ended.
    pub process_ended: bool,
    /// How many commit groups it has.
    pub commits: u64,
    /// How many data records.
    pub records: u64,
    /// How many frames.
    pub frames: u64,
}

/// When commits were written, by the engine's clock.
///
/// A clock can go back. A commit that claims to be older than one before it counts as written when
/// that one was: what is restored to an instant then never holds a commit that claims a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// When the first commit was written.
    pub first: UnixMillis,
    /// The latest time that any commit claims.
    pub last: UnixMillis,
}

impl TimeSpan {
    /// The span of commits so far, and one more.
    pub fn with(span: Option<Self>, time: UnixMillis) -> Self {
        span.map_or(
            Self {
                first: time,
                last: time,
            },
            |span| Self {
                last: span.last.max(time),
                ..span
            },
        )
    }
}

/// A stretch of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRange {
    /// Its first byte.
    pub start: LogPosition,
    /// After its last byte.
    pub end: LogPosition,
}

/// The stretches of an increment: mostly one, which lies in the value itself.
pub type TimelineSpans = SmallVec<[TimelineSpan; 1]>;

/// The commits of one timeline in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineSpan {
    /// The timeline.
    pub timeline: Timeline,
    /// The epoch at which that timeline begins.
    pub base: Epoch,
    /// Whether the timeline begins in this segment.
    pub opens: bool,
    /// The epochs that the segment adds to it.
    pub epochs: RangeSet,
    /// The session transaction ids that the segment adds to it.
    pub transactions: RangeSet,
}

/// `apograph.json` cannot be used: it is not there, damaged from its first line on, or of another
/// format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

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
        let whole = read.ok().filter(|(_, end)| end.length == file.len() as u64);
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
    let evidence = read.ok().and_then(|read| read.evidence);
    Ok(History { records, evidence })
}

/// Hands the records in `apograph.json` out one by one, as far as it can be read, so that no two of
/// them are in memory. A file that this user may not read is as none.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn read_records(
    repository: &Folder,
    each: impl FnMut(SegmentRecord),
) -> Result<std::result::Result<HistoryRead, Lost>> {
    let at = repository.at(HISTORY_FILE_NAME);
    let found = at.metadata()?;
    let source = match at.source() {
        Err(error) if error.is_not_found() || error.is_not_permitted() => return Ok(Err(Lost)),
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
    evidence: &Evidence,
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
    Ok(replace_file_with(disk, at, mode, |out| content.write(out))?)
}

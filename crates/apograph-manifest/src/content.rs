//! What is in a segment: an image, or a part of the log.
//!
//! What a segment of one generation alone has is in [`FullOf`], [`ImageOf`] and [`IncrementOf`].

mod form;

use std::ops::Range;

use apograph_format::{
    Crc32, DatabaseHeaders, DatabaseId, Epoch, ExactPoint, FilePosition, Generation, LogPosition,
    Lsn, Point, RangeSet, Timeline, UnixMillis,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::captures::Captures;
use crate::further::FurtherCommits;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullContent {
    /// Which database, at which checkpoint.
    pub image: ImageIdentity,
    /// The timeline and the epoch of the image, by its header.
    pub base: Point,
    /// How many further commits of its epoch are in it, as its timeline counts them; unknown for what
    /// lies in a log of which that cannot be told. In a timeline that begins with it, what it holds
    /// is where the count begins.
    pub further: Option<u64>,
    /// Whether the log before it goes on after it, proved.
    pub continues: bool,
    /// Where the log after the image begins.
    pub of: FullOf,
}

/// Where the log after an image begins, by the generation of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullOf {
    /// Generation 1.
    One {
        /// Where it begins; unknown for what the engine captured, and where the database was
        /// closed.
        log_start: Option<FilePosition>,
    },
    /// Generation 2.
    Two {
        /// Where it begins: the image says it.
        log_start: Lsn,
        /// The increment after it says that the log goes on across it. Before that, it was a point
        /// of a timeline of its own, whose number nothing else gets.
        is_spanned: bool,
    },
}

impl From<Option<LogPosition>> for FullOf {
    fn from(log_start: Option<LogPosition>) -> Self {
        match log_start {
            None => Self::One { log_start: None },
            Some(LogPosition::File(start)) => Self::One {
                log_start: Some(start),
            },
            Some(LogPosition::Lsn(log_start)) => Self::Two {
                log_start,
                is_spanned: false,
            },
        }
    }
}

impl FullContent {
    /// Whether the image can hold commits after its epoch: in generation 1 it is written while
    /// they go on.
    pub fn may_be_ahead(&self) -> bool {
        matches!(self.of, FullOf::One { .. }) && self.image.iteration > 0
    }

    /// Generation 1: whether no checkpoint has written the image, so that all is in the log.
    pub fn is_empty(&self) -> bool {
        matches!(self.of, FullOf::One { .. }) && self.image.iteration == 0
    }

    /// Where the log after the image begins, where that is known.
    pub fn log_start(&self) -> Option<LogPosition> {
        match self.of {
            FullOf::One { log_start } => log_start.map(LogPosition::File),
            FullOf::Two { log_start, .. } => Some(LogPosition::Lsn(log_start)),
        }
    }

    /// Generation 2: where the log after the image begins.
    pub const fn start_lsn(&self) -> Option<Lsn> {
        match self.of {
            FullOf::One { .. } => None,
            FullOf::Two { log_start, .. } => Some(log_start),
        }
    }
}

/// What tells one image of a database from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageIdentity {
    /// When the database was created. Restored copies keep it.
    pub database_created_at: UnixMillis,
    /// How many checkpoints it had had.
    pub iteration: u64,
    /// The checksum in the active slot, which covers all data through the directory.
    pub checksum: Crc32,
    /// Wall clock of the checkpoint.
    pub written_at: UnixMillis,
    /// What an image of one generation alone says.
    pub of: ImageOf,
}

/// What an image says by its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageOf {
    /// Generation 1.
    One,
    /// Generation 2.
    Two {
        /// The id of the database. Restored copies keep it.
        database: DatabaseId,
        /// Whether the image is encrypted, and the log after it too.
        is_encrypted: bool,
    },
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
            of: file.id.map_or(ImageOf::One, |database| ImageOf::Two {
                database,
                is_encrypted: file.is_encrypted,
            }),
        }
    }

    /// The generation of the image.
    pub const fn generation(&self) -> Generation {
        match self.of {
            ImageOf::One => Generation::One,
            ImageOf::Two { .. } => Generation::Two,
        }
    }

    /// Generation 2: the id of the database.
    pub const fn database(&self) -> Option<DatabaseId> {
        match self.of {
            ImageOf::One => None,
            ImageOf::Two { database, .. } => Some(database),
        }
    }

    /// Whether the image is encrypted, and the log after it too.
    pub const fn is_encrypted(&self) -> bool {
        matches!(
            self.of,
            ImageOf::Two {
                is_encrypted: true,
                ..
            }
        )
    }

    /// Whether both are images of one database, or of copies of it. A folder database that has
    /// committed nothing yet is every other one: it was created at the first instant of all.
    pub fn is_of_same_database(&self, other: &Self) -> bool {
        let created = [self, other].map(|image| image.database_created_at);
        match (self.of, other.of) {
            (ImageOf::One, ImageOf::One) => {
                created[0] == created[1] || created.contains(&UnixMillis::default())
            }
            _ => self.database() == other.database(),
        }
    }
}

/// What is in an increment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the segment"
)]
pub struct IncrementContent {
    /// Where in the log it lies.
    pub of: IncrementOf,
    /// How many bytes at its front repeat the end of the segment before. The engine captures
    /// whole log files, also where a part of the first one is captured already.
    pub overlap_bytes: u64,
    /// It begins right where the segment before it ends, proved when it was captured.
    pub continues: bool,
    /// It repeats commits from before the full backup in front of it.
    pub repeats: bool,
    /// The image in front of it may hold some of its commits.
    pub catches_up: bool,
    /// The spans of timelines in it, in log order.
    pub stretches: TimelineSpans,
    /// Whether the process that wrote the last span is known to have ended.
    pub process_ended: bool,
    /// How many commit groups it has.
    pub commits: u64,
    /// How many data records.
    pub records: u64,
    /// How many frames.
    pub frames: u64,
    /// Where each of the captures that it was merged from ended, and when it was taken.
    pub captures: Captures,
}

/// Where in a log an increment lies, by the generation of that log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IncrementOf {
    /// Nobody knows: it is what the engine of generation 1 captured, or holds nothing of a log of
    /// generation 2.
    #[default]
    Unplaced,
    /// Generation 1: from a byte of a log file to before another.
    Files(Range<FilePosition>),
    /// Generation 2.
    Lsns(LsnIncrement),
}

impl IncrementOf {
    /// That of a part of a log from one position to before another; `None` where the positions are
    /// of two generations.
    pub fn between(start: LogPosition, end: LogPosition) -> Option<Self> {
        match (start, end) {
            (LogPosition::File(start), LogPosition::File(end)) => Some(Self::Files(start..end)),
            (LogPosition::Lsn(start), LogPosition::Lsn(end)) => {
                Some(Self::Lsns((start..end).into()))
            }
            _ => None,
        }
    }
}

/// What only an increment of generation 2 has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LsnIncrement {
    /// From which position of the log to before which.
    pub range: Range<Lsn>,
    /// From when to when its commits were written; unknown where they are encrypted.
    pub committed: Option<TimeSpan>,
    /// Whether its records are encrypted: their epochs and times are not known.
    pub is_encrypted: bool,
    /// Whether its front, which repeats the log before it, holds other bytes: it is of another copy
    /// of the database.
    pub diverges: bool,
    /// It begins where the log before the full backup in front of it ended, and goes on past that
    /// backup, which so is of the same log.
    pub spans: bool,
}

impl From<Range<Lsn>> for LsnIncrement {
    fn from(range: Range<Lsn>) -> Self {
        Self {
            range,
            committed: None,
            is_encrypted: false,
            diverges: false,
            spans: false,
        }
    }
}

impl IncrementContent {
    /// Its first byte in the log, where that is known.
    pub fn start(&self) -> Option<LogPosition> {
        match &self.of {
            IncrementOf::Unplaced => None,
            IncrementOf::Files(range) => Some(LogPosition::File(range.start)),
            IncrementOf::Lsns(log) => Some(LogPosition::Lsn(log.range.start)),
        }
    }

    /// After its last byte in the log, where that is known.
    pub fn end(&self) -> Option<LogPosition> {
        match &self.of {
            IncrementOf::Unplaced => None,
            IncrementOf::Files(range) => Some(LogPosition::File(range.end)),
            IncrementOf::Lsns(log) => Some(LogPosition::Lsn(log.range.end)),
        }
    }

    /// Generation 2: what only one of that has.
    pub const fn lsns(&self) -> Option<&LsnIncrement> {
        match &self.of {
            IncrementOf::Lsns(log) => Some(log),
            IncrementOf::Unplaced | IncrementOf::Files(_) => None,
        }
    }

    /// Whether it has further commits of a point, or may have some.
    pub fn may_have_further(&self, point: Point) -> bool {
        let of_timeline = |span: &&TimelineSpan| span.timeline == point.timeline;
        self.stretches.iter().filter(of_timeline).any(|span| {
            let mut numbers = span.further.last_numbers().iter();
            span.further.is_unknown() || numbers.any(|(epoch, _)| *epoch == point.epoch)
        })
    }

    /// From when to when its commits were written, where they say so.
    pub fn committed(&self) -> Option<TimeSpan> {
        self.lsns()?.committed
    }

    /// Whether its records are encrypted: their epochs and times are not known.
    pub fn is_encrypted(&self) -> bool {
        self.lsns().is_some_and(|log| log.is_encrypted)
    }
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

/// The timeline spans of an increment: mostly one, which lies in the value itself.
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
    /// The further commits that it adds to it.
    #[serde(default, skip_serializing_if = "FurtherCommits::is_unknown")]
    pub further: FurtherCommits,
    /// The session transaction ids that the segment adds to it.
    pub transactions: RangeSet,
}

impl TimelineSpan {
    /// The point at its end: that of its last commit, or the one that the timeline begins at.
    pub fn end(&self) -> Point {
        let own = self.epochs.last().map(Epoch::new);
        let further = self.further.last_numbers().last().map(|(epoch, _)| *epoch);
        let last = own.max(further).unwrap_or(self.base);
        Point::new(self.timeline, last.max(self.base))
    }

    /// The state at its end, where it is known how many further commits that has.
    pub fn end_exactly(&self) -> Option<ExactPoint> {
        let point = self.end();
        let mut numbers = self.further.last_numbers().iter().rev();
        let further = match numbers.find(|(epoch, _)| *epoch == point.epoch) {
            Some((_, number)) => *number,
            None => self.epochs.contains(point.epoch.get()).then_some(0),
        };
        let further = further.filter(|_| !self.further.is_unknown())?;
        Some(ExactPoint { point, further })
    }
}

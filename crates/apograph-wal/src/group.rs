//! Commit groups: the unit that is whole or absent, in a log of either generation.
//!
//! What makes a group, and what the bytes mean where no frame stands, differs between the
//! generations and is told in `v1/reader.rs` and `v2/reader.rs`. What comes out is the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apograph_format::v2::GroupBegin;
use apograph_format::{Epoch, LogPosition, TransactionId, UnixMillis, v1, v2};
use apograph_io::{IoError, Result};

use crate::defect::LogDefect;
use crate::part::{LogPart, Place, Run};
use crate::v2::frame::{head_at, records_of};
use crate::window::LogWindow;

/// A committed group: its place in the log and what it says of itself. The records stay where they
/// are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<'a> {
    pub(crate) parts: &'a [LogPart<'a>],
    /// The id that it was committed under.
    pub transaction: TransactionId,
    /// What it says of itself.
    pub head: GroupHead,
    /// The first byte of its first frame.
    pub start: Place,
    /// After its last frame.
    pub end: Place,
    /// How many data records it has; 0 where they are encrypted.
    pub records: u64,
    /// How many frames it has.
    pub frames: u64,
}

/// What a group says of itself, in its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupHead {
    /// Generation 1.
    One {
        /// The epoch that it took, which a record after the commit names, where there is one.
        epoch: Option<Epoch>,
        /// Whether it has index records.
        has_indexes: bool,
    },
    /// Generation 2: its first record.
    Plain(GroupBegin),
    /// Generation 2: its records cannot be read without the database's key.
    Encrypted,
}

impl GroupHead {
    /// The epoch that it names, which need not be its own: a schema change of generation 2 names
    /// the current one.
    pub const fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::One { epoch, .. } => *epoch,
            Self::Plain(begin) => Some(begin.epoch),
            Self::Encrypted => None,
        }
    }

    /// The wall clock when it was written, where it says so.
    pub const fn committed_at(&self) -> Option<UnixMillis> {
        match self {
            Self::Plain(begin) => Some(begin.committed_at),
            Self::One { .. } | Self::Encrypted => None,
        }
    }
}

impl<'a> Group<'a> {
    /// The parts of the log that it is in.
    pub const fn parts(&self) -> &'a [LogPart<'a>] {
        self.parts
    }

    /// The bytes of the group, one run for each part it lies in.
    pub fn runs(&self) -> impl Iterator<Item = Run> + use<'a> {
        runs_between(self.parts, self.start, self.end)
    }

    /// How many bytes of the log it is.
    pub fn bytes(&self) -> u64 {
        self.runs().map(|run| run.len() as u64).sum()
    }

    /// Where its first frame begins in its file, in bytes.
    pub fn file_offset(&self) -> u64 {
        let part = self.parts.get(self.start.part);
        part.map_or(0, |part| {
            part.file_offset.saturating_add(self.start.offset as u64)
        })
    }

    /// The position after its last frame.
    pub fn end_position(&self) -> Option<LogPosition> {
        self.end.position(self.parts)
    }

    /// How many data records of each kind it has, by the names of the kinds.
    ///
    /// # Errors
    ///
    /// As [`apograph_io::Bytes::read`].
    pub fn kinds(&self) -> Result<BTreeMap<Cow<'static, str>, u64>> {
        let mut kinds = BTreeMap::new();
        let mut count = |name| {
            let count = kinds.entry(name).or_insert(0_u64);
            *count = count.saturating_add(1);
        };
        match self.head {
            GroupHead::One { .. } => self.heads_v1(|head, _, _| {
                if !head.kind.is_control() {
                    count(head.kind.name().into());
                }
                Ok(())
            })?,
            GroupHead::Encrypted => {}
            GroupHead::Plain(_) => self.records_v2(|record| {
                if record.known_kind() != Some(v2::RecordKind::GroupBegin) {
                    count(kind_name(record));
                }
            })?,
        }
        Ok(kinds)
    }

    /// Goes from frame to frame of generation 1, with the place of each.
    fn heads_v1(
        &self,
        mut each: impl FnMut(v1::FrameHead, Place, &mut LogWindow<'a>) -> Result<()>,
    ) -> Result<()> {
        for run in self.runs() {
            let mut window = LogWindow::within(self.parts, run);
            let mut place = run.start();
            while place.offset < run.end {
                let have = run.end.saturating_sub(place.offset) as u64;
                let front = window.at(place, v1::FRAME_LENGTH_BYTES.saturating_add(1))?;
                let Ok(head) = v1::FrameHead::parse(front, have) else {
                    break;
                };
                each(head, place, &mut window)?;
                place = place.plus_u64(head.frame_bytes());
            }
        }
        Ok(())
    }

    /// Goes from record to record of generation 2.
    fn records_v2(&self, mut each: impl FnMut(v2::RecordHead)) -> Result<()> {
        for run in self.runs() {
            let mut window = LogWindow::within(self.parts, run);
            let mut place = run.start();
            while place.offset < run.end {
                let Ok(head) = head_at(&mut window, self.parts, place)? else {
                    break;
                };
                // The group was whole when it was read.
                let _ = records_of(&mut window, place, head, |record, _| {
                    each(record);
                    Ok(())
                })?;
                place = place.plus_u64(head.frame_bytes());
            }
        }
        Ok(())
    }
}

/// The name of the kind of a record.
pub(crate) fn kind_name(record: v2::RecordHead) -> Cow<'static, str> {
    record.known_kind().map_or_else(
        || format!("kind_{}", record.kind).into(),
        |kind| kind.name().into(),
    )
}

/// The bytes between two places, one run for each part.
pub(crate) fn runs_between<'a>(
    parts: &'a [LogPart<'a>],
    start: Place,
    end: Place,
) -> impl Iterator<Item = Run> + use<'a> {
    (start.part..=end.part).filter_map(move |part| {
        let run = Run {
            part,
            start: if part == start.part { start.offset } else { 0 },
            end: if part == end.part {
                end.offset
            } else {
                parts.get(part)?.bytes.len()
            },
        };
        (!run.is_empty()).then_some(run)
    })
}

/// What a log consists of, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEvent<'a> {
    /// A committed group.
    Group(Group<'a>),
    /// Generation 1: the engine sealed a torn tail here; what follows was written by another
    /// process.
    Seal {
        /// The seal's own frame.
        run: Run,
    },
    /// Generation 1: the log begins with the epoch record of the group that stands right before
    /// it.
    LeadingEpoch {
        /// The epoch.
        epoch: Epoch,
        /// The record's frame.
        run: Run,
    },
    /// Generation 2: the engine noted how far the log is durable. No state.
    SyncMarker {
        /// The marker's frame.
        run: Run,
    },
}

/// Where the readable part of a log ends, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// After the last group, seal or marker.
    pub place: Place,
    /// Why it ends there.
    pub cause: LogEndCause,
}

/// Why a log ends where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEndCause {
    /// With a whole group, at the end of the last part.
    Clean,
    /// With records that no commit closes, or with a part of a frame: a write that is going on,
    /// or one that a crash cut off.
    TornTail {
        /// How many whole records belong to no group; of generation 2, how many whole frames.
        records: u64,
    },
    /// With bytes that are damaged: committed records stand after them, or no crash leaves them.
    Damage {
        /// Where the damaged frame begins.
        place: Place,
        /// What is wrong with it.
        defect: LogDefect,
    },
}

impl LogEndCause {
    pub(crate) fn damage(place: Place, defect: impl Into<LogDefect>) -> Self {
        let defect = defect.into();
        Self::Damage { place, defect }
    }
}

/// Why a reader has no event.
pub(crate) enum Stop {
    /// The log ends.
    End(LogEndCause),
    /// It cannot be read.
    Io(IoError),
}

impl From<LogEndCause> for Stop {
    fn from(cause: LogEndCause) -> Self {
        Self::End(cause)
    }
}

impl From<IoError> for Stop {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

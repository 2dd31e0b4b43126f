//! Commit groups: the unit that is whole or absent, in a log of either generation.
//!
//! What makes a group, and what the bytes mean where no frame stands, differs between the
//! generations and is told in `v1/reader.rs` and `v2/reader.rs`. What comes out is the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apograph_format::{Epoch, Generation, LogPosition, TransactionId, UnixMillis, v1, v2};

use crate::defect::LogDefect;
use crate::part::{LogPart, Place, Run};

/// A committed group: its place in the log and its heads. The records stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<'a> {
    pub(crate) parts: &'a [LogPart<'a>],
    /// The id that it was committed under.
    pub transaction: TransactionId,
    /// The epoch that it names: in generation 1 in a record behind the commit, where there is one;
    /// in generation 2 in its first record, unless it is encrypted.
    pub epoch: Option<Epoch>,
    /// Whether it took that epoch. In generation 2 a schema change names the current one.
    pub takes_epoch: bool,
    /// Generation 2: the wall clock when it was written, unless it is encrypted.
    pub committed_at: Option<UnixMillis>,
    /// Whether its records cannot be read without the database's key.
    pub is_encrypted: bool,
    /// The first byte of its first frame.
    pub start: Place,
    /// Behind its last frame.
    pub end: Place,
    /// How many data records it has; 0 where they are encrypted.
    pub records: u64,
    /// How many frames it has.
    pub frames: u64,
}

impl<'a> Group<'a> {
    /// The bytes of the group, one run for each part it lies in.
    pub fn runs(&self) -> impl Iterator<Item = Run> + use<'a> {
        runs_between(self.parts, self.start, self.end)
    }

    /// How many bytes of the log it is.
    pub fn bytes(&self) -> u64 {
        self.runs().map(|run| run.len() as u64).sum()
    }

    /// The generation of the log.
    pub fn generation(&self) -> Generation {
        self.parts
            .get(self.start.part)
            .map_or(Generation::One, LogPart::generation)
    }

    /// Where its first frame begins in its file, in bytes.
    pub fn file_offset(&self) -> u64 {
        let part = self.parts.get(self.start.part);
        part.map_or(0, |part| {
            part.file_offset.saturating_add(self.start.offset as u64)
        })
    }

    /// The position behind its last frame.
    pub fn end_position(&self) -> Option<LogPosition> {
        self.end.position(self.parts)
    }

    /// How many data records of each kind it has, by the names of the kinds.
    pub fn kinds(&self) -> BTreeMap<Cow<'static, str>, u64> {
        let mut kinds = BTreeMap::new();
        let mut count = |name| {
            let count = kinds.entry(name).or_insert(0_u64);
            *count = count.saturating_add(1);
        };
        match self.generation() {
            Generation::One => self
                .frames_v1()
                .filter(|frame| !frame.kind().is_control())
                .for_each(|frame| count(frame.kind().name().into())),
            Generation::Two => self
                .records_v2()
                .filter(|record| record.known_kind() != Some(v2::RecordKind::GroupBegin))
                .for_each(|record| count(kind_name(&record))),
        }
        kinds
    }

    /// The index records that the engine does not replay from its own log: those of generation 1.
    pub fn index_records(&self) -> impl Iterator<Item = v1::IndexRecord> + use<'a> {
        let frames = (self.generation() == Generation::One).then(|| self.frames_v1());
        // A record that cannot be read is no index record: the group is whole all the same.
        let records = |frame: v1::RawFrame<'a>| v1::IndexRecord::decode(frame.payload()).ok()?;
        frames.into_iter().flatten().filter_map(records)
    }

    fn frames_v1(&self) -> impl Iterator<Item = v1::RawFrame<'a>> + use<'a> {
        let parts = self.parts;
        self.runs().flat_map(move |run| {
            let mut rest = run.bytes(parts);
            std::iter::from_fn(move || {
                let frame = v1::RawFrame::parse(rest).ok()?;
                rest = rest.get(frame.bytes().len()..)?;
                Some(frame)
            })
        })
    }

    fn records_v2(&self) -> impl Iterator<Item = v2::RawRecord<'a>> + use<'a> {
        let parts = self.parts;
        let frames = self.runs().flat_map(move |run| {
            let mut offset = run.start;
            std::iter::from_fn(move || {
                let part = parts.get(run.part)?;
                let frame = part.frame_v2(offset)?.ok()?;
                offset = offset.saturating_add(frame.bytes().len());
                (offset <= run.end).then_some(frame)
            })
        });
        let is_plain = !self.is_encrypted;
        frames
            .filter(move |_| is_plain)
            .flat_map(|frame| plain_records(&frame).flatten())
    }
}

/// The records of a plain frame, behind the prologue of a first one.
pub(crate) fn plain_records<'a>(frame: &v2::RawFrame<'a>) -> v2::Records<'a> {
    let prologue = if frame.flags().is_first() {
        v2::PROLOGUE_BYTES
    } else {
        0
    };
    v2::Records::new(frame.payload().get(prologue..).unwrap_or_default())
}

fn kind_name(record: &v2::RawRecord<'_>) -> Cow<'static, str> {
    record.known_kind().map_or_else(
        || format!("kind_{}", record.kind).into(),
        |kind| kind.name().into(),
    )
}

fn runs_between<'a>(
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
    /// Behind the last group, seal or marker.
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
    /// With bytes that are damaged: committed records stand behind them, or no crash leaves them.
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

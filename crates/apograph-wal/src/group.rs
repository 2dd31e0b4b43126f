//! Commit groups: the unit that is whole or absent.
//!
//! ```text
//! group := data* Commit{transaction} [EpochAdvance{epoch}]
//! seal  := Abort{INVALID}
//! ```
//!
//! The engine writes the frames of a group in one call, so they lie side by side, in one file or
//! across several. A crash leaves a prefix of the last group; the next open seals it with an abort
//! record at the front of a new file.
//!
//! **Where frames stop making sense**, three things can be meant, and the first intact control
//! record behind the defect tells which: a seal, then a crash happened here and the log goes on
//! behind it; any other, then the bytes in between are damaged; none to the end of the log, then
//! this is the torn tail of the last write. The engine itself never asks: it drops the rest of
//! that file and goes on with the next, whose first commit adopts the records left over.
//!
//! A seal counts where one can be: at the front of a file, or at an unknown place of a segment in
//! which the engine laid several files side by side. A value that was being written when the crash
//! came may hold the bytes of a log itself.
//!
//! Two more cases look torn and are not, be it before a seal or at the end of the log: a frame that
//! is whole but for its checksum or tag, and a control record that is whole but for its length. A
//! write that was cut off leaves neither. (Where a machine lost its power, zeros may stand for the
//! end of a frame and all that was to follow: that is a cut too.)

use apograph_format::{Epoch, FrameDefect, RawFrame, Record, TransactionId};

use crate::part::{LogPart, Place, Run};
use crate::resync::{self, Evidence};

/// A committed group: its place in the log and its heads. The records stay where they are.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    parts: &'a [LogPart<'a>],
    /// The id in the commit record.
    pub transaction: TransactionId,
    /// The epoch in the record behind the commit, where there is one.
    pub epoch: Option<Epoch>,
    /// The first byte of its first record.
    pub start: Place,
    /// Behind its last record.
    pub end: Place,
    /// How many data records it has.
    pub records: u64,
    /// How many frames it has, commit and epoch included.
    pub frames: u64,
}

impl<'a> Group<'a> {
    /// The bytes of the group, one run for each part it lies in.
    pub fn runs(&self) -> impl Iterator<Item = Run> + use<'a> {
        runs_between(self.parts, self.start, self.end)
    }

    /// The frames of the group, checked when the group was found.
    pub fn frames(&self) -> impl Iterator<Item = RawFrame<'a>> + use<'a> {
        let parts = self.parts;
        self.runs().flat_map(move |run| {
            let mut rest = run.bytes(parts);
            std::iter::from_fn(move || {
                let frame = RawFrame::parse(rest).ok()?;
                rest = rest.get(frame.bytes().len()..)?;
                Some(frame)
            })
        })
    }
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
#[derive(Debug, Clone, Copy)]
pub enum LogEvent<'a> {
    /// A committed group.
    Group(Group<'a>),
    /// The engine sealed a torn tail here: what follows was written by another process.
    Seal {
        /// The seal's own frame.
        run: Run,
    },
    /// The log begins with the epoch record of the group that stands right before it.
    LeadingEpoch {
        /// The epoch.
        epoch: Epoch,
        /// The record's frame.
        run: Run,
    },
}

/// Where the readable part of a log ends, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Behind the last group or seal.
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
        /// How many whole records belong to no group.
        records: u64,
    },
    /// With bytes that are damaged: committed records stand behind them.
    Damage {
        /// Where the damaged frame begins.
        place: Place,
        /// What is wrong with it.
        defect: FrameDefect,
    },
    /// With an epoch record that no commit precedes.
    StrayEpoch {
        /// The record's frame.
        place: Place,
        /// The epoch it names.
        epoch: Epoch,
    },
}

/// Reads a log from its start, group by group, checking every frame.
#[derive(Debug, Clone)]
pub struct GroupReader<'a> {
    parts: &'a [LogPart<'a>],
    place: Place,
    settled: Place,
    started: bool,
    end: Option<LogEnd>,
}

impl<'a> GroupReader<'a> {
    /// A reader at the start of the log.
    pub const fn new(parts: &'a [LogPart<'a>]) -> Self {
        let start = Place { part: 0, offset: 0 };
        Self {
            parts,
            place: start,
            settled: start,
            started: false,
            end: None,
        }
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub const fn end(&self) -> Option<LogEnd> {
        self.end
    }

    /// Reads the rest of the log and tells where it ends.
    pub fn finish(mut self) -> LogEnd {
        loop {
            if let Some(end) = self.end {
                return end;
            }
            self.next();
        }
    }

    /// The next event that is not state: whole aborted groups and checkpoint marks are skipped.
    fn read(&mut self) -> Result<LogEvent<'a>, LogEndCause> {
        let mut start = None;
        let mut records = 0_u64;
        let mut frames = 0_u64;
        loop {
            let (at, frame) = match self.next_frame() {
                Ok(Some(found)) => found,
                Ok(None) if records == 0 => return Err(LogEndCause::Clean),
                Ok(None) => return Err(LogEndCause::TornTail { records }),
                Err((place, defect)) => {
                    self.step_over(place, defect, records)?;
                    start = None;
                    (records, frames) = (0, 0);
                    continue;
                }
            };
            let record = match Record::of(&frame) {
                Ok(record) => record,
                Err(defect) => {
                    return Err(LogEndCause::Damage { place: at, defect });
                }
            };
            let first = !self.started;
            self.started = true;
            frames = frames.saturating_add(1);
            let run = Run {
                part: at.part,
                start: at.offset,
                end: at.offset.saturating_add(frame.bytes().len()),
            };
            match record {
                Record::Data(_) => {
                    start.get_or_insert(at);
                    records = records.saturating_add(1);
                }
                Record::Commit(transaction) => {
                    let start = start.unwrap_or(at);
                    let epoch = self.take_epoch();
                    frames = frames.saturating_add(u64::from(epoch.is_some()));
                    let (parts, end) = (self.parts, self.place);
                    self.settled = end;
                    return Ok(LogEvent::Group(Group {
                        parts,
                        transaction,
                        epoch,
                        start,
                        end,
                        records,
                        frames,
                    }));
                }
                Record::Abort(TransactionId::INVALID) => {
                    self.settled = self.place;
                    return Ok(LogEvent::Seal { run });
                }
                Record::Abort(_) => {
                    start = None;
                    (records, frames) = (0, 0);
                    self.settled = self.place;
                }
                Record::Checkpoint(_) if start.is_none() => frames = 0,
                Record::Checkpoint(_) => {}
                Record::EpochAdvance(epoch) if first => {
                    self.settled = self.place;
                    return Ok(LogEvent::LeadingEpoch { epoch, run });
                }
                Record::EpochAdvance(epoch) => {
                    return Err(LogEndCause::StrayEpoch { place: at, epoch });
                }
            }
        }
    }

    /// The next frame, intact, with its place; `None` at the end of the log.
    fn next_frame(&mut self) -> Result<Option<(Place, RawFrame<'a>)>, (Place, FrameDefect)> {
        let Some(frame) = self.peek_frame()? else {
            return Ok(None);
        };
        let at = self.place;
        self.place.offset = self.place.offset.saturating_add(frame.bytes().len());
        Ok(Some((at, frame)))
    }

    /// The frame that comes next, without taking it. Moves past the ends of parts.
    fn peek_frame(&mut self) -> Result<Option<RawFrame<'a>>, (Place, FrameDefect)> {
        let rest = loop {
            let Some(part) = self.parts.get(self.place.part) else {
                return Ok(None);
            };
            match part.bytes.get(self.place.offset..) {
                Some([]) | None => {
                    if self.place.part.saturating_add(1) >= self.parts.len() {
                        return Ok(None);
                    }
                    self.place = Place {
                        part: self.place.part.saturating_add(1),
                        offset: 0,
                    };
                }
                Some(rest) => break rest,
            }
        };
        let defect = |defect| (self.place, defect);
        let frame = RawFrame::parse(rest).map_err(defect)?;
        frame.check().map_err(defect)?;
        Ok(Some(frame))
    }

    /// Takes the epoch record that directly follows a commit.
    fn take_epoch(&mut self) -> Option<Epoch> {
        let before = self.place;
        let frame = self.peek_frame().ok().flatten();
        let found = frame.and_then(|frame| match Record::of(&frame) {
            Ok(Record::EpochAdvance(epoch)) => Some((epoch, frame.bytes().len())),
            _ => None,
        });
        let Some((epoch, length)) = found else {
            self.place = before;
            return None;
        };
        self.place.offset = self.place.offset.saturating_add(length);
        Some(epoch)
    }

    /// Past a defect there is either a seal to go on from, or the end of the log.
    fn step_over(
        &mut self,
        place: Place,
        defect: FrameDefect,
        records: u64,
    ) -> Result<(), LogEndCause> {
        match resync::evidence(self.parts, place, defect) {
            Evidence::Seal(seal) => {
                self.place = seal;
                Ok(())
            }
            Evidence::Damage => Err(LogEndCause::Damage { place, defect }),
            Evidence::TornTail => Err(LogEndCause::TornTail { records }),
        }
    }
}

impl<'a> Iterator for GroupReader<'a> {
    type Item = LogEvent<'a>;

    fn next(&mut self) -> Option<LogEvent<'a>> {
        if self.end.is_some() {
            return None;
        }
        match self.read() {
            Ok(event) => Some(event),
            Err(cause) => {
                self.end = Some(LogEnd {
                    place: self.settled,
                    cause,
                });
                None
            }
        }
    }
}

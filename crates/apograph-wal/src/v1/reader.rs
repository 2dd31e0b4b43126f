//! The grammar of a log of generation 1.
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

use apograph_format::v1::{FrameDefect, RawFrame, Record};
use apograph_format::{Epoch, TransactionId};

use crate::defect::LogDefect;
use crate::group::{Group, LogEnd, LogEndCause, LogEvent};
use crate::part::{LogPart, Place, Run};
use crate::v1::resync::{self, Evidence};

/// Reads a log of generation 1.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    parts: &'a [LogPart<'a>],
    place: Place,
    settled: Place,
    started: bool,
    end: Option<LogEnd>,
    /// It reads a stretch of a log, and does not look behind a defect.
    is_ahead: bool,
}

impl<'a> Reader<'a> {
    /// A reader at the end of a group, or at the start of the log.
    pub(crate) fn from(parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self {
            parts,
            place,
            settled: place,
            started: place != Place::default(),
            end: None,
            is_ahead: false,
        }
    }

    /// The same for a stretch whose places are not known to be right: at a defect it ends, and what
    /// it then says of the end means nothing.
    pub(crate) fn ahead(parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self {
            is_ahead: true,
            ..Self::from(parts, place)
        }
    }

    /// Behind the last event, and whatever was skipped before it.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub(crate) const fn end(&self) -> Option<LogEnd> {
        self.end
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
                    return Err(LogEndCause::damage(at, defect));
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
                        takes_epoch: epoch.is_some(),
                        committed_at: None,
                        is_encrypted: false,
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
                    return Err(LogEndCause::damage(at, LogDefect::StrayEpoch { epoch }));
                }
            }
        }
    }

    /// The next frame, intact, with its place; `None` at the end of the log.
    #[inline]
    fn next_frame(&mut self) -> Result<Option<(Place, RawFrame<'a>)>, (Place, FrameDefect)> {
        let Some(frame) = self.peek_frame()? else {
            return Ok(None);
        };
        let at = self.place;
        self.place.offset = self.place.offset.saturating_add(frame.bytes().len());
        Ok(Some((at, frame)))
    }

    /// The frame that comes next, without taking it. Moves past the ends of parts.
    #[inline]
    fn peek_frame(&mut self) -> Result<Option<RawFrame<'a>>, (Place, FrameDefect)> {
        let found = frame_at(self.parts, &mut self.place);
        let defect = |defect| (self.place, defect);
        let Some(frame) = found.map_err(defect)? else {
            return Ok(None);
        };
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
        if self.is_ahead {
            return Err(LogEndCause::damage(place, defect));
        }
        match resync::evidence(self.parts, place, defect) {
            Evidence::Seal(seal) => {
                self.place = seal;
                Ok(())
            }
            Evidence::Damage => Err(LogEndCause::damage(place, defect)),
            Evidence::TornTail => Err(LogEndCause::TornTail { records }),
        }
    }
}

/// The frame at a place, its checksum not compared. Moves past the ends of parts; `None` at the end
/// of the log.
#[inline]
fn frame_at<'a>(
    parts: &[LogPart<'a>],
    place: &mut Place,
) -> Result<Option<RawFrame<'a>>, FrameDefect> {
    loop {
        let Some(part) = parts.get(place.part) else {
            return Ok(None);
        };
        match part.bytes.get(place.offset..) {
            Some([]) | None => {
                if place.part.saturating_add(1) >= parts.len() {
                    return Ok(None);
                }
                *place = Place {
                    part: place.part.saturating_add(1),
                    offset: 0,
                };
            }
            Some(rest) => return RawFrame::parse(rest).map(Some),
        }
    }
}

impl<'a> Iterator for Reader<'a> {
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

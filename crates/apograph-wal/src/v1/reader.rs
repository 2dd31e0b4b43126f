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
//! record after the defect tells which: a seal, then a crash happened here and the log goes on
//! after it; any other, then the bytes in between are damaged; none to the end of the log, then
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

use apograph_format::v1::{FrameDefect, Record, RecordKind};
use apograph_format::{Epoch, TransactionId};
use apograph_io::IoError;

use crate::defect::LogDefect;
use crate::group::{Group, GroupHead, LogEnd, LogEndCause, LogEvent, Stop};
use crate::part::{LogPart, Place, Run};
use crate::v1::frame::{Frame, frame_at};
use crate::v1::resync::{self, Evidence};
use crate::window::LogWindow;

/// Reads a log of generation 1.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    parts: &'a [LogPart<'a>],
    window: LogWindow<'a>,
    place: Place,
    settled: Place,
    started: bool,
    end: Option<LogEnd>,
    /// It could not be read on.
    is_cut_off: bool,
    /// It reads a chunk of a log, and does not look after a defect.
    is_ahead: bool,
}

impl<'a> Reader<'a> {
    /// A reader at the end of a group, or at the start of the log.
    pub(crate) fn from(parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self::with(LogWindow::of(parts), parts, place)
    }

    fn with(window: LogWindow<'a>, parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self {
            parts,
            window,
            place,
            settled: place,
            started: place != Place::default(),
            end: None,
            is_cut_off: false,
            is_ahead: false,
        }
    }

    /// The same for a chunk whose places are not known to be right: at a defect it ends, and what
    /// it then says of the end means nothing.
    pub(crate) fn ahead(window: LogWindow<'a>, parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self {
            is_ahead: true,
            ..Self::with(window, parts, place)
        }
    }

    /// The window that it looked through.
    pub(crate) fn into_window(self) -> LogWindow<'a> {
        self.window
    }

    /// After the last event, and whatever was skipped before it.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub(crate) const fn end(&self) -> Option<LogEnd> {
        self.end
    }

    /// The next event that is not state: whole aborted groups and checkpoint records are skipped.
    fn read(&mut self) -> Result<LogEvent<'a>, Stop> {
        let mut start = None;
        let mut has_indexes = false;
        let mut records = 0_u64;
        let mut frames = 0_u64;
        loop {
            let (at, frame) = match self.next_frame()? {
                Ok(Some(found)) => found,
                Ok(None) if records == 0 => return Err(LogEndCause::Clean.into()),
                Ok(None) => return Err(LogEndCause::TornTail { records }.into()),
                Err((place, defect)) => {
                    self.step_over(place, defect, records)?;
                    start = None;
                    (records, frames) = (0, 0);
                    has_indexes = false;
                    continue;
                }
            };
            let record = frame
                .record
                .map_err(|defect| LogEndCause::damage(at, defect))?;
            let first = !self.started;
            self.started = true;
            frames = frames.saturating_add(1);
            let run = Run {
                part: at.part,
                start: at.offset,
                end: at.offset.saturating_add(frame.length),
            };
            match record {
                Record::Data(kind) => {
                    has_indexes |= matches!(kind, RecordKind::CreateIndex | RecordKind::DropIndex);
                    start.get_or_insert(at);
                    records = records.saturating_add(1);
                }
                Record::Commit(transaction) => {
                    let start = start.unwrap_or(at);
                    let epoch = self.take_epoch()?;
                    frames = frames.saturating_add(u64::from(epoch.is_some()));
                    let (parts, end) = (self.parts, self.place);
                    self.settled = end;
                    return Ok(LogEvent::Group(Group {
                        parts,
                        transaction,
                        head: GroupHead::One { epoch, has_indexes },
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
                    has_indexes = false;
                    self.settled = self.place;
                }
                Record::Checkpoint(_) if start.is_none() => frames = 0,
                Record::Checkpoint(_) => {}
                Record::EpochAdvance(epoch) if first => {
                    self.settled = self.place;
                    return Ok(LogEvent::LeadingEpoch { epoch, run });
                }
                Record::EpochAdvance(epoch) => {
                    return Err(LogEndCause::damage(at, LogDefect::StrayEpoch { epoch }).into());
                }
            }
        }
    }

    /// The next frame, intact, with its place; `None` at the end of the log.
    #[inline]
    fn next_frame(&mut self) -> apograph_io::Result<Found> {
        let found = self.peek_frame()?;
        if let Ok(Some((_, frame))) = &found {
            self.place.offset = self.place.offset.saturating_add(frame.length);
        }
        Ok(found)
    }

    /// The frame that comes next, without taking it. Moves past the ends of parts.
    #[inline]
    fn peek_frame(&mut self) -> apograph_io::Result<Found> {
        while self.window.rest(self.place) == 0 {
            if self.place.part.saturating_add(1) >= self.parts.len() {
                return Ok(Ok(None));
            }
            self.place = Place {
                part: self.place.part.saturating_add(1),
                offset: 0,
            };
        }
        let place = self.place;
        let frame = frame_at(&mut self.window, place)?;
        Ok(frame
            .map(|frame| Some((place, frame)))
            .map_err(|defect| (place, defect)))
    }

    /// Takes the epoch record that directly follows a commit.
    fn take_epoch(&mut self) -> apograph_io::Result<Option<Epoch>> {
        let before = self.place;
        if let Ok(Some((_, frame))) = self.peek_frame()?
            && let Ok(Record::EpochAdvance(epoch)) = frame.record
        {
            self.place.offset = self.place.offset.saturating_add(frame.length);
            return Ok(Some(epoch));
        }
        self.place = before;
        Ok(None)
    }

    /// Past a defect there is either a seal to go on from, or the end of the log.
    fn step_over(&mut self, place: Place, defect: FrameDefect, records: u64) -> Result<(), Stop> {
        if self.is_ahead {
            return Err(LogEndCause::damage(place, defect).into());
        }
        match resync::evidence(self.parts, place, defect)? {
            Evidence::Seal(seal) => {
                self.place = seal;
                Ok(())
            }
            Evidence::Damage => Err(LogEndCause::damage(place, defect).into()),
            Evidence::TornTail => Err(LogEndCause::TornTail { records }.into()),
        }
    }
}

/// A frame with its place, no more frames, or a defect with its place.
type Found = Result<Option<(Place, Frame)>, (Place, FrameDefect)>;

impl<'a> Iterator for Reader<'a> {
    type Item = Result<LogEvent<'a>, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.end.is_some() || self.is_cut_off {
            return None;
        }
        match self.read() {
            Ok(event) => Some(Ok(event)),
            Err(Stop::End(cause)) => {
                self.end = Some(LogEnd {
                    place: self.settled,
                    cause,
                });
                None
            }
            Err(Stop::Io(error)) => {
                self.is_cut_off = true;
                Some(Err(error))
            }
        }
    }
}

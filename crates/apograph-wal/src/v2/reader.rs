//! The grammar of a log of generation 2.
//!
//! ```text
//! group  := first middle* last        one frame can be both; all of one transaction
//! marker := a first and last frame of the system whose payload is its prologue alone
//! ```
//!
//! A group lies in one log file. The records of a plain group begin with its `GroupBegin`, which
//! has the epoch and the time. An encrypted group has the same frames, LSNs and checksums in the
//! clear; its records, and the prologue, are sealed.
//!
//! **Where frames stop making sense**, the engine's rule holds (FORMAT.md, "Torn tail or damage"):
//! in the last log file the bytes are the torn tail of writes that were never durable, unless a
//! later group says that the log was durable past them; in any other file they are damaged. What no
//! torn write leaves is damaged everywhere: a whole frame that contradicts itself, or, in a log
//! that must begin with a group, a first frame that begins none.

use apograph_format::v2::{
    FrameDefect, GroupBegin, PROLOGUE_BYTES, RecordDefect, SEALED_OVERHEAD_BYTES,
};
use apograph_io::IoError;

use crate::defect::{GroupDefect, LogDefect};
use crate::group::{Group, GroupHead, LogEnd, LogEndCause, LogEvent, Stop};
use crate::part::{LogPart, Place, Run};
use crate::v2::frame::{Frame, frame_at};
use crate::v2::tail::{self, Behind};
use crate::window::LogWindow;

/// Reads a log of generation 2.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    parts: &'a [LogPart<'a>],
    window: LogWindow<'a>,
    place: Place,
    end: Option<LogEnd>,
    /// It could not be read on.
    is_cut_off: bool,
    /// It reads a chunk of a log, and does not look after a defect.
    is_ahead: bool,
}

/// A group as its frames are read.
struct Open {
    start: Place,
    records: u64,
    frames: u64,
    begin: Option<GroupBegin>,
}

impl<'a> Reader<'a> {
    /// A reader at the end of a group, or at the start of the log.
    pub(crate) const fn from(parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self::with(LogWindow::of(parts), parts, place)
    }

    const fn with(window: LogWindow<'a>, parts: &'a [LogPart<'a>], place: Place) -> Self {
        Self {
            parts,
            window,
            place,
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

    /// After the last event.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Where the log ends, and why; `None` until the last event was read.
    pub(crate) const fn end(&self) -> Option<LogEnd> {
        self.end
    }

    fn read(&mut self) -> Result<LogEvent<'a>, Stop> {
        let part = loop {
            let Some(part) = self.parts.get(self.place.part) else {
                return Err(LogEndCause::Clean.into());
            };
            if self.place.offset < part.bytes.len() {
                break part;
            }
            if self.is_last_part() {
                return Err(LogEndCause::Clean.into());
            }
            self.place = Place {
                part: self.place.part.saturating_add(1),
                offset: 0,
            };
        };
        let start = self.place;
        let first = self.frame(start, 0)?;
        let transaction = first.transaction;
        if !first.flags.is_first() {
            let defect = GroupDefect::NotFirst { transaction };
            let log_start = self.parts.first().map(LogPart::start);
            let begins_log = log_start == Some(part.position(start.offset));
            return Err(if begins_log {
                LogEndCause::damage(start, defect).into()
            } else {
                self.bad(start, defect, 0)
            });
        }
        if !part.is_encrypted() {
            check_prologue(&first).map_err(|defect| LogEndCause::damage(start, defect))?;
        }
        if is_marker(&first, part.is_encrypted()) {
            let end = start.offset.saturating_add(first.length);
            self.place.offset = end;
            let run = Run {
                part: start.part,
                start: start.offset,
                end,
            };
            return Ok(LogEvent::SyncMarker { run });
        }
        let mut open = Open {
            start,
            records: 0,
            frames: 0,
            begin: None,
        };
        let mut at = start;
        let mut frame = first;
        loop {
            if !part.is_encrypted() {
                open.add(&frame)
                    .map_err(|defect| LogEndCause::damage(at, defect))?;
            }
            open.frames = open.frames.saturating_add(1);
            at.offset = at.offset.saturating_add(frame.length);
            if frame.flags.is_last() {
                break;
            }
            frame = self.next_in_group(part, at, &open, transaction)?;
        }
        self.place = at;
        Ok(LogEvent::Group(Group {
            parts: self.parts,
            transaction,
            head: open.begin.map_or(GroupHead::Encrypted, GroupHead::Plain),
            start,
            end: at,
            records: open.records,
            frames: open.frames,
        }))
    }

    fn next_in_group(
        &mut self,
        part: &LogPart<'a>,
        at: Place,
        open: &Open,
        expected: apograph_format::TransactionId,
    ) -> Result<Frame, Stop> {
        if at.offset >= part.bytes.len() {
            return Err(self.bad(open.start, GroupDefect::CutOff, open.frames));
        }
        let frame = self.frame(at, open.frames)?;
        if frame.flags.is_first() {
            return Err(self.bad(at, GroupDefect::Interrupted, open.frames));
        }
        if frame.transaction != expected {
            let found = frame.transaction;
            let defect = GroupDefect::OtherTransaction { expected, found };
            return Err(self.bad(at, defect, open.frames));
        }
        Ok(frame)
    }

    /// The frame at a place, with its checksum compared.
    fn frame(&mut self, at: Place, frames: u64) -> Result<Frame, Stop> {
        match frame_at(&mut self.window, self.parts, at)? {
            Ok(frame) => Ok(frame),
            // Its checksum is right: no torn write.
            Err(defect @ FrameDefect::UnknownFlags { .. }) => {
                Err(LogEndCause::damage(at, defect).into())
            }
            Err(defect) => Err(self.bad(at, defect, frames)),
        }
    }

    /// A frame that is torn or damaged, by where it stands.
    fn bad(&self, at: Place, defect: impl Into<LogDefect>, frames: u64) -> Stop {
        let part = self.parts.get(at.part);
        let may_be_torn = !self.is_ahead && self.is_last_part();
        if !may_be_torn || part.is_none_or(LogPart::is_sealed) {
            return LogEndCause::damage(at, defect).into();
        }
        match tail::behind(self.parts, at) {
            Ok(Behind::NothingDurable) => LogEndCause::TornTail { records: frames }.into(),
            Ok(Behind::Proof) => LogEndCause::damage(at, defect).into(),
            Ok(Behind::Newer { offset, defect }) => {
                LogEndCause::damage(Place { offset, ..at }, defect).into()
            }
            Err(error) => error.into(),
        }
    }

    fn is_last_part(&self) -> bool {
        self.place.part.saturating_add(1) >= self.parts.len()
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<LogEvent<'a>, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.end.is_some() || self.is_cut_off {
            return None;
        }
        let place = self.place;
        match self.read() {
            Ok(event) => Some(Ok(event)),
            Err(Stop::End(cause)) => {
                self.end = Some(LogEnd { place, cause });
                None
            }
            Err(Stop::Io(error)) => {
                self.is_cut_off = true;
                Some(Err(error))
            }
        }
    }
}

impl Open {
    /// The records of its next frame.
    fn add(&mut self, frame: &Frame) -> Result<(), RecordDefect> {
        let tally = frame.records?;
        self.begin = self.begin.or(tally.begin);
        self.records = self.records.saturating_add(tally.records);
        match self.begin {
            Some(_) => Ok(()),
            None => Err(RecordDefect::NoGroupBegin),
        }
    }
}

fn check_prologue(first: &Frame) -> Result<(), GroupDefect> {
    let synced = first.synced_lsn.ok_or(GroupDefect::NoPrologue)?;
    if synced > first.lsn {
        return Err(GroupDefect::SyncedAhead { synced });
    }
    Ok(())
}

/// A group of one frame that holds nothing but its prologue.
fn is_marker(first: &Frame, is_encrypted: bool) -> bool {
    let sealed = if is_encrypted {
        SEALED_OVERHEAD_BYTES
    } else {
        0
    };
    first.flags.is_last() && first.payload_bytes == PROLOGUE_BYTES.saturating_add(sealed)
}

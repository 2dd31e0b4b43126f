//! The records of groups, decoded.
//!
//! Who looks for something in a log asks every group for its records. So one window goes over the
//! log, as the reader's own does, and not one for each group.

use std::borrow::Cow;

use apograph_format::change::{GraphChange, GraphElement};
use apograph_format::v2::RawRecord;
use apograph_format::{FormatError, v1, v2};

use crate::group::{Group, GroupHead, kind_name, runs_between};
use crate::part::{LogPart, Place, Run};
use crate::v2::frame::{head_at, payloads_of};
use crate::window::LogWindow;

/// A record of a group, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedRecord<'a> {
    /// The name of its kind.
    pub kind: Cow<'static, str>,
    /// How many bytes its payload has.
    pub payload_bytes: u64,
    /// What it changes, or why that cannot be read. The record is whole all the same.
    pub change: Result<GraphChange<'a>, FormatError>,
}

/// Where the records of a group are in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSpan {
    start: Place,
    end: Place,
    head: GroupHead,
}

impl GroupSpan {
    /// That of a group.
    pub const fn of(group: &Group<'_>) -> Self {
        Self {
            start: group.start,
            end: group.end,
            head: group.head,
        }
    }
}

/// Reads the records of groups of one log; those that lie side by side are read the fastest.
#[derive(Debug)]
pub struct RecordReader<'a> {
    parts: &'a [LogPart<'a>],
    window: LogWindow<'a>,
}

impl<'a> RecordReader<'a> {
    /// A reader of the log in these parts.
    pub const fn new(parts: &'a [LogPart<'a>]) -> Self {
        Self {
            parts,
            window: LogWindow::of(parts),
        }
    }

    /// Decodes the records of a group of this log, one by one. Those that are encrypted cannot be
    /// seen.
    ///
    /// # Errors
    ///
    /// As [`apograph_io::Bytes::read`], and that of `each`. A record that cannot be decoded is no
    /// error here: see [`LoggedRecord::change`].
    pub fn for_each<E: From<apograph_io::IoError>>(
        &mut self,
        group: GroupSpan,
        each: impl FnMut(LoggedRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_about(None, group, each)
    }

    /// The same of the records about one node or edge, where there is one, and in generation 1 those
    /// that tell to which graph the records behind them belong. The first fields of the others are
    /// looked at, and no more.
    ///
    /// # Errors
    ///
    /// As [`RecordReader::for_each`].
    pub fn for_each_about<E: From<apograph_io::IoError>>(
        &mut self,
        element: Option<GraphElement>,
        group: GroupSpan,
        mut each: impl FnMut(LoggedRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for run in runs_between(self.parts, group.start, group.end) {
            match group.head {
                GroupHead::One { .. } => self.run_v1(run, element, &mut each)?,
                GroupHead::Plain(_) => self.run_v2(run, element, &mut each)?,
                GroupHead::Encrypted => {}
            }
        }
        Ok(())
    }

    /// Decodes the records in a run of generation 1: those that the window shows whole, and then it
    /// goes on. The group was whole when it was read.
    fn run_v1<E: From<apograph_io::IoError>>(
        &mut self,
        run: Run,
        element: Option<GraphElement>,
        each: &mut impl FnMut(LoggedRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut place, mut least) = (run.start(), 1);
        loop {
            let left = run.end.saturating_sub(place.offset);
            let seen = self.window.at(place, least)?;
            let seen = seen.get(..left).unwrap_or(seen);
            let mut rest = seen;
            let defect = loop {
                match v1::RawFrame::parse(rest) {
                    Ok(frame) => {
                        rest = rest.get(frame.bytes().len()..).unwrap_or_default();
                        record_v1(&frame, element, each)?;
                    }
                    Err(defect) => break defect,
                }
            };
            let done = seen.len().saturating_sub(rest.len());
            let v1::FrameDefect::Truncated { need, .. } = defect else {
                return Ok(());
            };
            place = place.plus(done);
            // The window ends within a frame, or the run does.
            let need = usize::try_from(need).unwrap_or(usize::MAX);
            if need > left.saturating_sub(done) || done == 0 && need <= least {
                return Ok(());
            }
            least = need;
        }
    }

    /// Decodes the records in a run of generation 2, frame by frame.
    fn run_v2<E: From<apograph_io::IoError>>(
        &mut self,
        run: Run,
        element: Option<GraphElement>,
        each: &mut impl FnMut(LoggedRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut place = run.start();
        while place.offset < run.end {
            // The group was whole when it was read.
            let Some(bytes) = self.frame_v2(place, element, each)? else {
                break;
            };
            place = place.plus_u64(bytes);
        }
        Ok(())
    }

    /// Decodes the records in a frame of generation 2; tells how long the frame is.
    fn frame_v2<E: From<apograph_io::IoError>>(
        &mut self,
        place: Place,
        element: Option<GraphElement>,
        each: &mut impl FnMut(LoggedRecord<'_>) -> Result<(), E>,
    ) -> Result<Option<u64>, E> {
        let Ok(head) = head_at(&mut self.window, self.parts, place)? else {
            return Ok(None);
        };
        payloads_of(&mut self.window, place, head, |record, payload| {
            if record.known_kind() == Some(v2::RecordKind::GroupBegin) {
                return Ok(());
            }
            let raw = RawRecord {
                kind: record.kind,
                payload,
            };
            if element.is_some() && v2::element_of(&raw) != element {
                return Ok(());
            }
            each(LoggedRecord {
                kind: kind_name(record),
                payload_bytes: record.payload_bytes.into(),
                change: v2::decode_change(&raw),
            })
        })?;
        Ok(Some(head.frame_bytes()))
    }
}

/// Decodes the record in a frame of generation 1, where it is sought.
#[inline]
fn record_v1<E>(
    frame: &v1::RawFrame<'_>,
    element: Option<GraphElement>,
    each: &mut impl FnMut(LoggedRecord<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let (kind, payload) = (frame.kind(), frame.payload());
    if kind.is_control() || !is_sought_v1(element, kind, payload) {
        return Ok(());
    }
    match v1::decode_change(payload).transpose() {
        Some(change) => each(LoggedRecord {
            kind: kind.name().into(),
            payload_bytes: payload.len() as u64,
            change,
        }),
        None => Ok(()),
    }
}

fn is_sought_v1(element: Option<GraphElement>, kind: v1::RecordKind, payload: &[u8]) -> bool {
    use v1::RecordKind::{DropNamedGraph, SwitchGraph};
    element.is_none()
        || matches!(kind, SwitchGraph | DropNamedGraph)
        || v1::element_of(payload) == element
}

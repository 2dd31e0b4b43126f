//! The records of groups, decoded.
//!
//! Who looks for something in a log asks every group for its records. So one window goes over the
//! log, as the reader's own does, and not one for each group.

use std::borrow::Cow;

use apograph_format::change::{GraphChange, GraphElement};
use apograph_format::v2::RawRecord;
use apograph_format::{FormatError, v1, v2};
use apograph_io::Result;

use crate::group::{Group, GroupHead, kind_name, runs_between};
use crate::part::{LogPart, Place};
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
    pub change: std::result::Result<GraphChange<'a>, FormatError>,
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
        each: impl FnMut(LoggedRecord<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
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
        mut each: impl FnMut(LoggedRecord<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for run in runs_between(self.parts, group.start, group.end) {
            let mut place = run.start();
            while place.offset < run.end {
                let bytes = match group.head {
                    GroupHead::One { .. } => self.frame_v1(place, run.end, element, &mut each)?,
                    GroupHead::Plain(_) => self.frame_v2(place, element, &mut each)?,
                    GroupHead::Encrypted => None,
                };
                // The group was whole when it was read.
                let Some(bytes) = bytes else {
                    break;
                };
                place = place.plus_u64(bytes);
            }
        }
        Ok(())
    }

    /// Decodes the record in a frame of generation 1; tells how long the frame is.
    fn frame_v1<E: From<apograph_io::IoError>>(
        &mut self,
        place: Place,
        end: usize,
        element: Option<GraphElement>,
        each: &mut impl FnMut(LoggedRecord<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<u64>, E> {
        let have = end.saturating_sub(place.offset) as u64;
        let front = self
            .window
            .at(place, v1::FRAME_LENGTH_BYTES.saturating_add(1))?;
        let Ok(head) = v1::FrameHead::parse(front, have) else {
            return Ok(None);
        };
        if !head.kind.is_control() {
            let payload = self.payload(place.plus(v1::FRAME_LENGTH_BYTES), head.payload_bytes)?;
            if is_sought_v1(element, head.kind, payload)
                && let Some(change) = v1::decode_change(payload).transpose()
            {
                each(LoggedRecord {
                    kind: head.kind.name().into(),
                    payload_bytes: head.payload_bytes.into(),
                    change,
                })?;
            }
        }
        Ok(Some(head.frame_bytes()))
    }

    fn payload(&mut self, place: Place, bytes: u32) -> Result<&[u8]> {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let payload = self.window.at(place, length)?;
        Ok(payload.get(..length).unwrap_or(payload))
    }

    /// Decodes the records in a frame of generation 2; tells how long the frame is.
    fn frame_v2<E: From<apograph_io::IoError>>(
        &mut self,
        place: Place,
        element: Option<GraphElement>,
        each: &mut impl FnMut(LoggedRecord<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<u64>, E> {
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

fn is_sought_v1(element: Option<GraphElement>, kind: v1::RecordKind, payload: &[u8]) -> bool {
    use v1::RecordKind::{DropNamedGraph, SwitchGraph};
    element.is_none()
        || matches!(kind, SwitchGraph | DropNamedGraph)
        || v1::element_of(payload) == element
}

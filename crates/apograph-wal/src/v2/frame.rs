//! A frame of generation 2, looked at where it stands.

use apograph_format::v2::{
    FRAME_HEADER_BYTES, FrameDefect, FrameFlags, FrameHead, FrameSum, GroupBegin, PROLOGUE_BYTES,
    RECORD_HEADER_BYTES, RawFrame, RecordDefect, RecordHead, RecordKind, Records,
};
use apograph_format::{Lsn, TransactionId};
use apograph_io::{IoError, Result};

use crate::part::{LogPart, Place};
use crate::window::{LogWindow, SHORT_FRAME_BYTES};

/// The longest payload of a group's beginning: two numbers and its origin, with room for more.
const BEGIN_MAX_BYTES: usize = 64;

/// An intact frame.
pub(crate) struct Frame {
    pub(crate) length: usize,
    pub(crate) payload_bytes: usize,
    pub(crate) transaction: TransactionId,
    pub(crate) flags: FrameFlags,
    pub(crate) lsn: Lsn,
    /// How far the log was durable when the group began, in a plain first frame.
    pub(crate) synced_lsn: Option<Lsn>,
    /// Its records, in a plain frame, or why they make no sense.
    pub(crate) records: std::result::Result<Tally, RecordDefect>,
}

/// The records of a frame.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// The beginning of the group, in its first frame.
    pub(crate) begin: Option<GroupBegin>,
    /// How many there are beside it.
    pub(crate) records: u64,
}

impl Tally {
    /// Adds a record of a frame that begins a group, or does not.
    fn add(
        &mut self,
        kind: u8,
        payload: &[u8],
        is_first: bool,
    ) -> std::result::Result<(), RecordDefect> {
        let is_begin = kind == RecordKind::GroupBegin.number();
        if is_first && self.begin.is_none() {
            let begin = is_begin.then(|| GroupBegin::decode(payload).ok());
            self.begin = Some(begin.flatten().ok_or(RecordDefect::NoGroupBegin)?);
        } else if is_begin {
            return Err(RecordDefect::SecondGroupBegin);
        } else {
            self.records = self.records.saturating_add(1);
        }
        Ok(())
    }

    fn of(frame: &RawFrame<'_>) -> std::result::Result<Self, RecordDefect> {
        let is_first = frame.flags().is_first();
        let records = frame.payload().get(prologue(is_first)..);
        let mut tally = Self::default();
        for record in Records::new(records.unwrap_or_default()) {
            let record = record?;
            tally.add(record.kind, record.payload, is_first)?;
        }
        Ok(tally)
    }
}

/// How many bytes of a payload stand in front of its records.
const fn prologue(is_first: bool) -> usize {
    if is_first { PROLOGUE_BYTES } else { 0 }
}

impl Frame {
    fn of(frame: &RawFrame<'_>, is_encrypted: bool) -> std::result::Result<Self, FrameDefect> {
        frame.check()?;
        Ok(Self {
            length: frame.bytes().len(),
            payload_bytes: frame.payload().len(),
            transaction: frame.transaction(),
            flags: frame.flags(),
            lsn: frame.lsn(),
            synced_lsn: frame.synced_lsn(),
            records: if is_encrypted {
                Ok(Tally::default())
            } else {
                Tally::of(frame)
            },
        })
    }
}

/// The frame at a place, intact, or why none is there.
pub(crate) fn frame_at(
    window: &mut LogWindow<'_>,
    parts: &[LogPart<'_>],
    place: Place,
) -> Result<std::result::Result<Frame, FrameDefect>> {
    let part = parts.get(place.part);
    let Some((part, lsn)) = part.and_then(|part| Some((part, part.lsn_at(place.offset)?))) else {
        let (need, have) = (FRAME_HEADER_BYTES as u64, 0);
        return Ok(Err(FrameDefect::Truncated { need, have }));
    };
    match RawFrame::parse(window.at(place, 1)?, lsn) {
        // It can be longer than what is seen.
        Err(FrameDefect::Truncated { .. }) => seldom_at(window, part.is_encrypted(), place, lsn),
        found => Ok(found.and_then(|frame| Frame::of(&frame, part.is_encrypted()))),
    }
}

#[cold]
fn seldom_at(
    window: &mut LogWindow<'_>,
    is_encrypted: bool,
    place: Place,
    lsn: Lsn,
) -> Result<std::result::Result<Frame, FrameDefect>> {
    let have = window.rest(place) as u64;
    let front = window.at(place, FRAME_HEADER_BYTES.saturating_add(PROLOGUE_BYTES))?;
    let synced = front
        .get(FRAME_HEADER_BYTES..)
        .and_then(<[u8]>::first_chunk);
    let synced = synced.map(|synced| Lsn::new(u64::from_le_bytes(*synced)));
    let head = match FrameHead::parse(front, lsn, have) {
        Ok(head) => head,
        Err(defect) => return Ok(Err(defect)),
    };
    let Ok(length) = usize::try_from(head.frame_bytes()) else {
        let need = head.frame_bytes();
        return Ok(Err(FrameDefect::Truncated { need, have }));
    };
    if head.frame_bytes() <= SHORT_FRAME_BYTES {
        let frame = RawFrame::parse(window.at(place, length)?, lsn);
        return Ok(frame.and_then(|frame| Frame::of(&frame, is_encrypted)));
    }
    let mut sum = FrameSum::default();
    window.at(place, FRAME_HEADER_BYTES)?;
    window.for_each(place, length, |piece| sum.add(piece))?;
    if let Err(defect) = head.check(sum) {
        return Ok(Err(defect));
    }
    let mut tally = Tally::default();
    let is_first = head.flags.is_first();
    let records = if is_encrypted {
        Ok(())
    } else {
        records_of(window, place, head, |record, payload| {
            tally.add(record.kind, payload, is_first)
        })?
    };
    Ok(Ok(Frame {
        length,
        payload_bytes: length.saturating_sub(FRAME_HEADER_BYTES),
        transaction: head.transaction,
        flags: head.flags,
        lsn,
        synced_lsn: synced,
        records: records.map(|()| tally),
    }))
}

/// What the header of the frame at a place says.
pub(crate) fn head_at(
    window: &mut LogWindow<'_>,
    parts: &[LogPart<'_>],
    place: Place,
) -> Result<std::result::Result<FrameHead, FrameDefect>> {
    let have = window.rest(place) as u64;
    let lsn = parts
        .get(place.part)
        .and_then(|part| part.lsn_at(place.offset));
    let front = window.at(place, FRAME_HEADER_BYTES)?;
    Ok(FrameHead::parse(front, lsn.unwrap_or_default(), have))
}

/// Goes from record to record of a plain frame, however long they are. Of a payload no more is seen
/// than the beginning of a group has.
pub(crate) fn records_of(
    window: &mut LogWindow<'_>,
    place: Place,
    head: FrameHead,
    mut each: impl FnMut(RecordHead, &[u8]) -> std::result::Result<(), RecordDefect>,
) -> Result<std::result::Result<(), RecordDefect>> {
    let end = place.plus_u64(head.frame_bytes()).offset;
    let mut at = place.plus(FRAME_HEADER_BYTES.saturating_add(prologue(head.flags.is_first())));
    while at.offset < end {
        let have = end.saturating_sub(at.offset);
        let front = window.at(
            at,
            have.min(RECORD_HEADER_BYTES.saturating_add(BEGIN_MAX_BYTES)),
        )?;
        let front = front.get(..have).unwrap_or(front);
        let record = match RecordHead::parse(front, have as u64) {
            Ok(record) => record,
            Err(defect) => return Ok(Err(defect)),
        };
        let payload = front.get(RECORD_HEADER_BYTES..).unwrap_or_default();
        let length = usize::try_from(record.payload_bytes).unwrap_or(usize::MAX);
        if let Err(defect) = each(record, payload.get(..length).unwrap_or(payload)) {
            return Ok(Err(defect));
        }
        at = at.plus_u64(record.record_bytes());
    }
    Ok(Ok(()))
}

/// Goes from record to record of a plain frame that is known to be whole, with the payload of each.
pub(crate) fn payloads_of<E: From<IoError>>(
    window: &mut LogWindow<'_>,
    place: Place,
    head: FrameHead,
    mut each: impl FnMut(RecordHead, &[u8]) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let end = place.plus_u64(head.frame_bytes()).offset;
    let mut at = place.plus(FRAME_HEADER_BYTES.saturating_add(prologue(head.flags.is_first())));
    while at.offset < end {
        let have = end.saturating_sub(at.offset) as u64;
        let Ok(record) = RecordHead::parse(window.at(at, RECORD_HEADER_BYTES)?, have) else {
            break;
        };
        let length = usize::try_from(record.payload_bytes).unwrap_or(usize::MAX);
        let payload = window.at(at.plus(RECORD_HEADER_BYTES), length)?;
        each(record, payload.get(..length).unwrap_or(payload))?;
        at = at.plus_u64(record.record_bytes());
    }
    Ok(())
}

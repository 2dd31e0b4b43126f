//! A frame of generation 1, looked at where it stands.

use apograph_format::Crc32;
use apograph_format::v1::{
    FRAME_CHECKSUM_BYTES, FRAME_LENGTH_BYTES, FrameDefect, FrameHead, RawFrame, Record,
};
use apograph_io::Result;

use crate::part::Place;
use crate::window::{LogWindow, SHORT_FRAME_BYTES};

/// An intact frame.
pub(crate) struct Frame {
    pub(crate) length: usize,
    /// Its record, or why that makes no sense.
    pub(crate) record: std::result::Result<Record, FrameDefect>,
}

impl Frame {
    fn of(frame: &RawFrame<'_>) -> std::result::Result<Self, FrameDefect> {
        frame.check()?;
        Ok(Self {
            length: frame.bytes().len(),
            record: Record::of(frame),
        })
    }
}

/// The frame at a place, intact, or why none is there.
#[inline]
pub(crate) fn frame_at(
    window: &mut LogWindow<'_>,
    place: Place,
) -> Result<std::result::Result<Frame, FrameDefect>> {
    match RawFrame::parse(window.at(place, 1)?) {
        // It can be longer than what is seen.
        Err(FrameDefect::Truncated { .. }) => seldom_at(window, place),
        found => Ok(found.and_then(|frame| Frame::of(&frame))),
    }
}

#[cold]
fn seldom_at(
    window: &mut LogWindow<'_>,
    place: Place,
) -> Result<std::result::Result<Frame, FrameDefect>> {
    let have = window.rest(place) as u64;
    let front = window.at(place, FRAME_LENGTH_BYTES.saturating_add(1))?;
    let head = match FrameHead::parse(front, have) {
        Ok(head) => head,
        Err(defect) => return Ok(Err(defect)),
    };
    let Ok(length) = usize::try_from(head.frame_bytes()) else {
        let need = head.frame_bytes();
        return Ok(Err(FrameDefect::Truncated { need, have }));
    };
    if head.frame_bytes() <= SHORT_FRAME_BYTES {
        let frame = RawFrame::parse(window.at(place, length)?);
        return Ok(frame.and_then(|frame| Frame::of(&frame)));
    }
    let payload = length.saturating_sub(FRAME_LENGTH_BYTES.saturating_add(FRAME_CHECKSUM_BYTES));
    let found = window.crc32(place.plus(FRAME_LENGTH_BYTES), payload)?;
    let checksum = place.plus(length.saturating_sub(FRAME_CHECKSUM_BYTES));
    let checksum = window.at(checksum, FRAME_CHECKSUM_BYTES)?;
    let expected = checksum.first_chunk().copied().unwrap_or_default();
    let expected = Crc32::new(u32::from_le_bytes(expected));
    if found != expected {
        return Ok(Err(FrameDefect::ChecksumMismatch { expected, found }));
    }
    let record = if head.kind.is_control() {
        Err(FrameDefect::MalformedRecord { kind: head.kind })
    } else {
        Ok(Record::Data(head.kind))
    };
    Ok(Ok(Frame { length, record }))
}

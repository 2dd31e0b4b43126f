//! The end of a group, found from somewhere in a log.

use std::ops::Range;

use apograph_format::v1::{FRAME_OVERHEAD_BYTES, RawFrame, Record};

use crate::v1::resync::{CONTROL_PAYLOAD_MAX_BYTES, intact_control};

/// The most bytes of a commit record's frame and of the epoch record's behind it.
const ENDING_MAX_BYTES: usize = 2 * (FRAME_OVERHEAD_BYTES + CONTROL_PAYLOAD_MAX_BYTES);

/// The first place in a range at which a group seems to end.
///
/// A value can hold the bytes of a log: what is found is a place to begin to read at, and no proof.
pub(crate) fn find(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let from = range.start.saturating_sub(ENDING_MAX_BYTES);
    let ends = (from..range.end).filter_map(|offset| match control_at(bytes, offset)? {
        (Record::Commit(_), end) => match control_at(bytes, end) {
            Some((Record::EpochAdvance(_), end)) => Some(end),
            _ => Some(end),
        },
        _ => None,
    });
    ends.into_iter()
        .find(|end| *end >= range.start)
        .filter(|end| range.contains(end))
}

/// The intact control record at an offset, and where its frame ends.
fn control_at(bytes: &[u8], offset: usize) -> Option<(Record, usize)> {
    let rest = bytes.get(offset..)?;
    let record = intact_control(rest)?;
    let frame = RawFrame::parse(rest).ok()?;
    Some((record, offset.saturating_add(frame.bytes().len())))
}

//! The end of a group, found from somewhere in a log.

use std::ops::Range;

use apograph_format::v1::{RawFrame, Record};
use apograph_io::Result;

use crate::part::Place;
use crate::v1::resync::{CONTROL_FRAME_MAX_BYTES, intact_control};
use crate::window::LogWindow;

/// The most bytes of a commit record's frame and of the epoch record's after it.
const ENDING_MAX_BYTES: usize = 2 * CONTROL_FRAME_MAX_BYTES;

/// The first place in a range of a part at which a group seems to end.
///
/// A value can hold the bytes of a log: what is found is a place to begin to read at, and no proof.
pub(crate) fn find(
    window: &mut LogWindow<'_>,
    part: usize,
    range: Range<usize>,
) -> Result<Option<usize>> {
    let from = Place {
        part,
        offset: range.start.saturating_sub(ENDING_MAX_BYTES),
    };
    let found = window.search(
        from,
        range.end,
        ENDING_MAX_BYTES,
        |bytes, offset, searched| {
            let mut ends = (0..searched).filter_map(|index| end_of(bytes, index));
            let end = ends.find(|end| offset.saturating_add(*end) >= range.start);
            end.map(|end| offset.saturating_add(end))
        },
    )?;
    Ok(found.filter(|end| range.contains(end)))
}

/// The end of the group whose commit record stands at an offset.
fn end_of(bytes: &[u8], offset: usize) -> Option<usize> {
    match control_at(bytes, offset)? {
        (Record::Commit(_), end) => match control_at(bytes, end) {
            Some((Record::EpochAdvance(_), end)) => Some(end),
            _ => Some(end),
        },
        _ => None,
    }
}

/// The intact control record at an offset, and where its frame ends.
fn control_at(bytes: &[u8], offset: usize) -> Option<(Record, usize)> {
    let rest = bytes.get(offset..)?;
    let record = intact_control(rest)?;
    let frame = RawFrame::parse(rest).ok()?;
    Some((record, offset.saturating_add(frame.bytes().len())))
}

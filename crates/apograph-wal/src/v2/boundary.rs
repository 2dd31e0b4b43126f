//! The start of a group, found from somewhere in a log.

use std::ops::Range;

use apograph_format::v2::{FRAME_HEADER_BYTES, RawFrame};

use crate::part::LogPart;

/// The first place in a range at which a group seems to begin: a frame that says that it stands
/// there, and is the first of its group.
///
/// Nothing is checked: what is found is a place to begin to read at, and no proof.
pub(crate) fn find(part: &LogPart<'_>, range: Range<usize>) -> Option<usize> {
    let last_ends = range.end.saturating_add(FRAME_HEADER_BYTES);
    let searched = range.start..last_ends.min(part.bytes.len());
    let bytes = part.bytes.get(searched)?;
    RawFrame::places(bytes, part.lsn_at(range.start)?)
        .map(|place| range.start.saturating_add(place))
        .take_while(|offset| range.contains(offset))
        .find(|&offset| {
            let frame = part.frame_v2(offset).and_then(Result::ok);
            frame.is_some_and(|frame| frame.flags().is_first())
        })
}

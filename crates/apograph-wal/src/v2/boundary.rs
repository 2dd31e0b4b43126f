//! The start of a group, found from somewhere in a log.

use std::ops::Range;

use apograph_format::v2::{FRAME_HEADER_BYTES, FrameHead, RawFrame};
use apograph_io::Result;

use crate::part::{LogPart, Place};
use crate::window::LogWindow;

/// The first place in a range of a part at which a group seems to begin: a frame that says that it
/// stands there, and is the first of its group.
///
/// Nothing is checked: what is found is a place to begin to read at, and no proof.
pub(crate) fn find(
    window: &mut LogWindow<'_>,
    parts: &[LogPart<'_>],
    part: usize,
    range: Range<usize>,
) -> Result<Option<usize>> {
    let Some(log) = parts.get(part) else {
        return Ok(None);
    };
    let from = Place {
        part,
        offset: range.start,
    };
    let end = range.end.min(log.bytes.len());
    window.search(from, end, FRAME_HEADER_BYTES, |bytes, offset, searched| {
        let lsn = log.lsn_at(offset)?;
        let places = RawFrame::places(bytes, lsn).take_while(|place| *place < searched);
        let mut firsts = places.filter(|place| {
            let front = bytes.get(*place..).unwrap_or_default();
            let rest = log
                .bytes
                .len()
                .saturating_sub(offset.saturating_add(*place));
            let head = FrameHead::parse(front, lsn.plus(*place as u64), rest as u64);
            head.is_ok_and(|head| head.flags.is_first())
        });
        firsts.next().map(|place| offset.saturating_add(place))
    })
}

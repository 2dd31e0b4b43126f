//! Where a log can be read again that is damaged: at the next place at which a group seems to begin.
//!
//! A value can hold the bytes of a log itself. So what is read from there on is no history, and
//! nobody replays it: it tells what else is in a log.

use apograph_format::Generation;
use apograph_format::TransactionId;
use apograph_format::v1::Record;
use apograph_io::Result;

use crate::part::{LogPart, Place};
use crate::v1::resync::{CONTROL_FRAME_MAX_BYTES, intact_control};
use crate::window::LogWindow;
use crate::{v1, v2};

/// The next place after a damaged one at which a group seems to begin; without a damaged one in a log
/// of which what stood before it is not there.
///
/// # Errors
///
/// As [`apograph_io::Bytes::read`].
pub fn next_group(parts: &[LogPart<'_>], damaged: Option<Place>) -> Result<Option<Place>> {
    let mut window = LogWindow::of(parts);
    let first = damaged.map_or(0, |place| place.part);
    for (index, part) in parts.iter().enumerate().skip(first) {
        let damaged = damaged.filter(|place| place.part == index);
        let from = damaged.map_or(0, |place| place.offset.saturating_add(1));
        let range = from..part.bytes.len();
        let start = Place {
            part: index,
            offset: 0,
        };
        let found = match part.generation() {
            // A group lies in one file.
            Generation::Two if damaged.is_none() => Some(0),
            Generation::Two => v2::boundary::find(&mut window, parts, index, range)?,
            Generation::One if damaged.is_none() && begins_with_seal(&mut window, start)? => {
                Some(0)
            }
            Generation::One => v1::boundary::find(&mut window, index, range)?,
        };
        if let Some(offset) = found {
            return Ok(Some(Place { offset, ..start }));
        }
    }
    Ok(None)
}

fn begins_with_seal(window: &mut LogWindow<'_>, start: Place) -> Result<bool> {
    let first = intact_control(window.at(start, CONTROL_FRAME_MAX_BYTES)?);
    Ok(first == Some(Record::Abort(TransactionId::INVALID)))
}

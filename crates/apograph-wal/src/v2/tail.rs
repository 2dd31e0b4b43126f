//! Whether bytes at the end of a log were durable once.

use apograph_format::v2::{FRAME_HEADER_BYTES, FrameDefect, RawFrame};
use apograph_io::Result;

use crate::part::{LogPart, Place};
use crate::v2::frame::frame_at;
use crate::window::LogWindow;

/// What stands after a bad frame at the end of a log.
pub(crate) enum Behind {
    /// Nothing that proves anything.
    NothingDurable,
    /// A whole group that was written when the bad frame's bytes had been durable.
    Proof,
    /// A whole frame of a version that is not known here: nobody may cut it off.
    Newer {
        /// Where it begins.
        offset: usize,
        /// What is not known.
        defect: FrameDefect,
    },
}

/// Looks for the first whole frame after a bad one that tells what the bad one is.
///
/// A plain group says how far the log was durable when it began. An encrypted one does not say it
/// in the clear: there every later group counts.
pub(crate) fn behind(parts: &[LogPart<'_>], bad: Place) -> Result<Behind> {
    let Some((part, bad_lsn)) = parts
        .get(bad.part)
        .and_then(|part| Some((part, part.lsn_at(bad.offset)?)))
    else {
        return Ok(Behind::NothingDurable);
    };
    let (mut window, mut frames) = (LogWindow::of(parts), LogWindow::of(parts));
    let last = part.bytes.len().saturating_sub(FRAME_HEADER_BYTES);
    // A frame says where it stands: elsewhere there is none.
    let find = |bytes: &[u8], offset: usize, searched: usize| {
        let mut places = RawFrame::places(bytes, part.lsn_at(offset)?);
        let place = places.next().filter(|place| *place < searched);
        place.map(|place| offset.saturating_add(place))
    };
    let end = last.saturating_add(1);
    let mut from = bad.plus(1);
    while let Some(offset) = window.search(from, end, FRAME_HEADER_BYTES, find)? {
        let at = Place { offset, ..bad };
        match frame_at(&mut frames, parts, at)? {
            Err(defect @ FrameDefect::UnknownFlags { .. }) => {
                return Ok(Behind::Newer { offset, defect });
            }
            Ok(frame)
                if frame.flags.is_first()
                    && (part.is_encrypted() || frame.synced_lsn > Some(bad_lsn)) =>
            {
                return Ok(Behind::Proof);
            }
            _ => {}
        }
        from = at.plus(1);
    }
    Ok(Behind::NothingDurable)
}

/// How many whole groups stand after a place in a log of generation 2, whatever stands before them:
/// an engine that has the database open has them, and one that opens it cuts them off.
///
/// # Errors
///
/// As [`apograph_io::Bytes::read`].
pub fn groups_after(parts: &[LogPart<'_>], place: Place) -> Result<u64> {
    let Some(part) = parts.get(place.part) else {
        return Ok(0);
    };
    let (mut window, mut frames) = (LogWindow::of(parts), LogWindow::of(parts));
    let end = part.bytes.len().saturating_sub(FRAME_HEADER_BYTES);
    let end = end.saturating_add(1);
    let find = |bytes: &[u8], offset: usize, searched: usize| {
        let mut places = RawFrame::places(bytes, part.lsn_at(offset)?);
        let place = places.next().filter(|place| *place < searched);
        place.map(|place| offset.saturating_add(place))
    };
    let (mut from, mut groups) = (place, 0_u64);
    while let Some(offset) = window.search(from, end, FRAME_HEADER_BYTES, find)? {
        let at = Place { offset, ..place };
        let frame = frame_at(&mut frames, parts, at)?;
        let is_last = frame.is_ok_and(|frame| frame.flags.is_last());
        groups = groups.saturating_add(u64::from(is_last));
        from = at.plus(1);
    }
    Ok(groups)
}
